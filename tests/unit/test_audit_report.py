"""Reports: one file, small, safe, the same bytes, readable by anybody; the same content in three forms."""

import dataclasses
import html
import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from support.changes import rich_bundle
from support.parts import require, skip_or_fail
from support.second_opinion import verified
from support.signing import key_of
from support.soak import is_full
from support.zone_project import REPOSITORY
from zonewright.audit.diff.grouping import group_differences
from zonewright.audit.diff.telling import files_line
from zonewright.audit.evidence.contents import Contents, read_contents
from zonewright.audit.evidence.trust import AuditTrust
from zonewright.audit.report import told
from zonewright.audit.report.elevation import drawing, elevations
from zonewright.audit.report.figures import counted
from zonewright.audit.report.html import MAX_BYTES, report_html
from zonewright.audit.report.report import Report, report_of
from zonewright.audit.report.text import report_data, report_markdown
from zonewright.cli import main
from zonewright.model.canonical import digest_of
from zonewright.model.power import Draw
from zonewright.model.rack import Feed, Rack
from zonewright.model.world import Occupant
from zonewright.rules.finding import Finding, Level
from zonewright.seal.keys import key_id

pytestmark = pytest.mark.slow

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(1)> | `code` ]( https://x"
AXE = REPOSITORY / "tests" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync")  # fmt: skip


@pytest.fixture(name="contents", scope="module")
def _contents(tmp_path_factory: pytest.TempPathFactory) -> tuple[Contents, Report]:
    files = rich_bundle(tmp_path_factory.mktemp("ledger"), reason=HOSTILE)
    contents = read_contents(files)
    return contents, report_of(contents, verified(files))


@pytest.fixture(name="report", scope="module")
def _report(contents: tuple[Contents, Report]) -> Report:
    return contents[1]


class Tags(HTMLParser):
    """Collects tags, and attributes that could load or run something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[tuple[str, str | None]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag begins."""
        self.tags.append(tag)
        if tag not in ("meta", "br", "input"):
            self.open.append(tag)
        self.loads += [(name, value) for name, value in attrs if name in ("src", "href", "style") or name[:2] == "on"]

    def handle_endtag(self, tag: str) -> None:
        """A tag ends: the one that was opened last."""
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag without content."""
        self.tags.append(tag)
        self.loads += [(name, value) for name, value in attrs if name in ("src", "href", "style") or name[:2] == "on"]


def test_it_is_one_file_without_scripts(report: Report) -> None:
    """Nothing is loaded, nothing runs, whatever stands in the change; every tag is closed in order."""
    text = report_html(report)
    parser = Tags()
    parser.feed(text)
    assert parser.open == []
    assert not {"script", "img", "link", "iframe", "object", "embed", "form", "base"} & set(parser.tags)
    assert [value for _, value in parser.loads if not (value or "").startswith("#")] == []
    assert html.escape(HOSTILE) in text
    assert "@import" not in text
    assert re.findall(r"url\((?!#)", text) == []
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    for target in re.findall(r'href="#([^"]+)"', text):
        assert target in ids


def test_it_says_everything(report: Report) -> None:
    """Summary, racks, differences, energy ratio, approvals, verification and digests are there, in all three forms."""
    page, markdown = html.unescape(report_html(report)), report_markdown(report)
    data = json.loads(json.dumps(report_data(report)))
    plan = report.contents.plan
    (site,) = [one for one in report.sites if one.site == "qp-dc1"]
    assert (site.risk, len(site.nodes)) == ("high", 10)
    assert {one.before for one in site.nodes} >= {"new"}
    assert [one.after for one in site.nodes if one.name == "web-006"] == ["gone"]
    for text in (page, markdown.replace("\\", ""), json.dumps(data)):
        for part in (
            "qp-dc1",
            "pue-gate",
            "web-002",
            plan.digest(),
            "ben",
            "anna",
            "approve",
            "rules when it was planned",
            "20261125T100000-0a1b2c",
            "1 changed, 1 unreachable" if text != json.dumps(data) else '"counts": {"changed": 1, "unreachable": 1}',
            "it is off",
            "ada@desk",
            "net-0123456789ab",
        ):
            assert part in text, part
    assert "1.26125" in page
    assert "1.26125" in markdown
    assert data["sites"][0]["energy"]["measured"]["trailing_ratio"] == "1009/800"
    assert data["sites"][0]["racks"][0]["feeds"][0]["feed"] == "A"
    assert "web-002 moved away at U2" in page
    assert len(site.racks) == 9
    alikes = sum(int(found) for found in re.findall(r"(\d+) more racks? just like it", page))
    assert page.count('class="rack"') + alikes == len(site.racks)
    assert "<figcaption>Energy ratio by month" in page
    assert "Map of Reference zone" in page


def test_its_head_says_what_is_not_checked_and_why(report: Report) -> None:
    """The head of all three forms has the number of checks that could not be made, and what each of them lacks."""
    left = [check for check in report.checks if check.verdict == "not-checked"]
    assert left
    said = report_data(report)["facts"]["Not checked"]
    assert said.startswith(f"{len(left)} of {len(report.checks)} checks: ")
    head = report_html(report).split("</header>")[0]
    assert f"<summary>{len(left)} of {len(report.checks)} checks</summary>" in head
    for check in left:
        assert f"{check.name} ({check.detail})" in said
        assert f"<li>{html.escape(check.name)} ({html.escape(check.detail)})</li>" in head
    assert f"**Not checked**: {len(left)} of" in report_markdown(report).split("## ")[0]
    checks = tuple(check for check in report.checks if check not in left)
    assert "Not checked" not in report_data(dataclasses.replace(report, checks=checks))["facts"]


def test_it_takes_the_keys_and_the_checkpoint_of_an_auditor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With them, fewer checks are left; a signer whose key the auditor lacks is wrong, and unknown in the report."""
    folder, output = REPOSITORY / "tests" / "fixtures" / "version-1", tmp_path / "report.json"
    kept = ("--checkpoint", str(folder / "checkpoint.json"))

    def facts(*options: str) -> dict[str, str]:
        assert main(["change", "report", str(folder / "change.tar"), "--output", str(output), *options]) == 0
        found: dict[str, str] = json.loads(output.read_text("utf-8"))["facts"]
        return found

    assert "kept checkpoint (give a checkpoint" in facts()["Not checked"]
    trusted = facts("--keys", str(folder / "keys"), *kept)
    assert "kept checkpoint" not in trusted["Not checked"]
    assert trusted["Verification"] == "nothing is wrong"
    keys = tmp_path / "keys"
    keys.mkdir()
    for name in ("anna.pub", "bea.pub"):
        (keys / name).write_bytes((folder / "keys" / name).read_bytes())
    assert facts("--keys", str(keys))["Verification"].endswith("checks are wrong")
    signed = json.loads(output.read_text("utf-8"))["signatures"]
    assert [row["who"] for row in signed] == ["anna", "unknown", "bea"]
    capsys.readouterr()
    for options in (("--keys", str(tmp_path)), ("--checkpoint", str(keys / "anna.pub"))):
        command = ["change", "report", str(folder / "change.tar"), "--output", str(output), *options]
        assert main(command) == 2
        assert capsys.readouterr().err.startswith("error: ")


def test_hostile_text_stays_text_in_markdown(report: Report) -> None:
    """A reason with HTML, a table's bar, backticks and a link is none of these in Markdown."""
    (line,) = [one for one in report_markdown(report).splitlines() if one.startswith("- **Reason**")]
    assert "\\<script\\>" in line
    assert "\\|" in line
    assert "\\`code\\`" in line
    assert "\\](" in line


def test_it_is_the_same_bytes_each_time(contents: tuple[Contents, Report]) -> None:
    """The same bundle gives the same report."""
    again = report_of(contents[0], contents[1].checks)
    assert report_html(again) == report_html(contents[1])
    assert report_markdown(again) == report_markdown(contents[1])


def test_equal_differences_are_one_and_nothing_is_left_out(report: Report) -> None:
    """500 long files with one difference are shown once, with all names; five that are alone are all there."""
    old = "".join(f"line {number} of a configuration that is rather long\n" for number in range(300))
    texts = {f"nodes/qp-dc1/n-{number:03}/x.conf": old for number in range(500)}
    odd = {f"nodes/qp-dc1/odd-{number:03}/x.conf": f"{number} {old}" for number in range(5)}
    new = {path: text.replace("long", f"short {path if 'odd' in path else ''}") for path, text in (texts | odd).items()}
    groups = group_differences(texts | odd, new)
    assert [len(one.members) for one in groups] == [1] * 5 + [500]
    page = report_html(dataclasses.replace(report, groups=groups))
    assert "the same 600 lines in 500 files" in page
    assert "n-000 to n-499" in page
    assert page.count("differs from 504 other files changed at the same place") == 5
    assert "left out to keep" not in page
    for number in range(5):
        assert f"short nodes/qp-dc1/odd-{number:03}/x.conf" in html.unescape(re.sub("<[^>]+>", "", page)), number
    few = report_html(dataclasses.replace(report, groups=groups[-1:]))
    assert len(few.encode()) < MAX_BYTES / 10


def test_what_a_merge_request_does_not_take_is_named(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit the lines are left out, which the page says first, and each group and file is still named."""
    whole = report_markdown(report)
    assert "the lines are not here" not in whole
    monkeypatch.setattr("zonewright.audit.report.text.MAX_MARKDOWN", whole.index("## Differences"))
    short = report_markdown(report).split("## Differences")[1]
    count = len(report.groups)
    assert f"**Of {count} of {count} groups of differences the lines are not here**" in short
    for group in report.groups:
        (line,) = [one for one in short.splitlines() if group.code in one]
        assert group.sample.path.rsplit("/", 1)[1] in line.replace("\\", "")
        assert len(group.members) == 1 or files_line(group) in line.replace("\\", "")
        assert not group.is_deviation or "differs from" in line
    assert "```" not in short


def word(number: int) -> str:
    """A word of its own for each number, in which nothing counts up."""
    return "".join(chr(ord("g") + int(digit, 16)) for digit in digest_of(str(number))[7:19])


@pytest.mark.parametrize("is_compact", [False, True])
def test_no_line_that_changes_is_dropped(report: Report, monkeypatch: pytest.MonkeyPatch, *, is_compact: bool) -> None:
    """Lines far apart, long runs, new and gone files, many paths: all are on the page, and in the text of a merge."""
    lines = [word(number) for number in range(900)]
    some = "".join(f"{line}\n" for line in lines[:300])
    old = {
        "sites/dc1/far": some,
        "sites/dc1/less": "".join(f"{line}\n" for line in (lines[0], *lines[300:400], lines[1])),
        "sites/dc1/gone": "".join(f"{line}\n" for line in lines[400:450]),
        "sites/dc1/x.json": json.dumps({f"k{word(number)}": number for number in range(150)}, indent=1),
    }
    new = {
        "sites/dc1/far": "".join(f"{lines[600 + n]}\n" if n % 149 == 0 else f"{lines[n]}\n" for n in range(300)),
        "sites/dc1/less": f"{lines[0]}\n{lines[1]}\n",
        "sites/dc1/more": "".join(f"{line}\n" for line in lines[450:520]),
        "sites/dc1/x.json": json.dumps({f"k{word(number)}": -number - 1 for number in range(150)}, indent=1),
    }
    new["sites/dc1/count"] = "".join(f"{number} IN PTR host-{number}\n" for number in range(8, 108))
    monkeypatch.setattr("zonewright.audit.report.html_diffs.COMPACT_AFTER", 0 if is_compact else 10**9)
    groups = group_differences(old, new)
    again = dataclasses.replace(report, groups=groups)
    page, markdown = html.unescape(re.sub("<[^>]+>", "", report_html(again))), report_markdown(again)
    changed = [*(lines[n] for n in range(0, 300, 149)), *(lines[n + 600] for n in range(0, 300, 149)), *lines[300:520]]
    for told_in in (page, markdown):
        assert [line for line in changed if line not in told_in] == []
        assert all(f'"k{word(number)}": {-number - 1}' in told_in for number in range(150))
    counted_up = ("8 IN PTR host-8\n", "98 lines like these", "107 IN PTR host-107")
    assert is_compact or all(part in page for part in counted_up)
    assert all(f"{number} IN PTR host-{number}\n" in markdown for number in range(8, 108))
    paths = [change.line() for one in groups if one.sample.kind == "changed" for change in one.sample.changes or ()]
    assert len(paths) == 150
    assert [path for path in paths if path not in page] == []
    assert {row["path"] for one in report_data(again)["groups"] for row in one["files"]} == {*old, *new}


def test_a_line_break_at_the_end_is_a_difference_that_is_seen(report: Report) -> None:
    """Two texts that differ in nothing else do not look the same on the page."""
    groups = group_differences({"sites/dc1/x": "one\ntwo"}, {"sites/dc1/x": "one\ntwo\n"})
    page = report_html(dataclasses.replace(report, groups=groups))
    assert "No newline at end of file" in re.sub("<[^>]+>", "", page)


def test_what_a_node_had_that_goes_is_on_the_page(report: Report) -> None:
    """Its files are in groups that differ but for its addresses, so these are told, as those of the others are."""
    gone = {f"nodes/{site.site}/{one.name}" for site in report.sites for one in site.nodes if one.after == "gone"}
    assert gone
    for told_in in (html.unescape(report_html(report)), report_markdown(report)):
        for folder in gone:
            addresses = [value.text for value in report.own[folder] if value.label.startswith("address")]
            assert addresses
            assert all(one in told_in for one in addresses), folder


def test_what_is_ticked_is_in_the_command(report: Report) -> None:
    """Each group has a box and an option of the command, which the style sheet shows where the box is ticked."""
    page = report_html(report)
    assert len(report.groups) > 3
    for group in report.groups:
        assert f'<input type="checkbox" autocomplete="off" id="v-{group.code}">' in page
        assert f'<span class="v v-{group.code}"> --viewed {group.code}</span>' in page
        assert f"body:has(#v-{group.code}:checked) .v-{group.code}{{display:inline}}" in page


def test_it_says_who_signed_and_every_entry_of_the_journal(report: Report) -> None:
    """Party, groups and fingerprint of each signer, moments with their offset, and all entries of the range."""
    (author, vote) = told.signatures(report)
    assert author[:4] == ["anna", "tenant-fin", "none", "author"]
    assert vote[:4] == ["ben", "zone-administration", "energy", "approve"]
    assert vote[6] == key_id(key_of("ben").public)
    for moment in (*author[4:6], *vote[4:6]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+00:00", moment)
    numbers: list[int] = []
    for row in told.journal(report):
        first, _, last = row[0].replace(",", "").partition(" to ")
        numbers += range(int(first), int(last or first) + 1)
    assert numbers == [entry.sequence for entry in report.contents.journal]
    page = report_html(report)
    assert "those of zone.yaml in the bundle itself" in page
    given = dataclasses.replace(report, trust=AuditTrust(keys={"ben": ()}))
    assert "given by whoever made this report: those of ben" in report_html(given)


def test_findings_of_all_kinds_are_counted() -> None:
    """A waived finding is no finding less; an advisory one counts too."""
    one = Finding(rule="r", level="mandatory", subject="s", where="w", message="m")
    levels: tuple[Level, ...] = ("mandatory", "approval", "advisory")
    found = [dataclasses.replace(one, level=level) for level in levels]
    assert counted([*found, dataclasses.replace(one, waiver="w")]) == (
        "1 mandatory, 1 to be approved, 1 advisory, 1 waived"
    )
    assert counted([]) == "none"


def test_ratios_have_one_form(report: Report) -> None:
    """Millionths are nowhere; the ratios of the summary are those of the finding, rounded in the same way."""
    text = html.unescape(report_html(report))
    assert "millionths" not in text
    (site,) = [one for one in report.sites if one.site == "qp-dc1"]
    assert site.impact is not None
    (gate,) = [one for one in report.findings if one.rule == "pue-gate"]
    assert f"from {site.impact.ratio_before} to {site.impact.ratio_after}" in gate.message


def occupant(name: str, position: int, *, party: str = "me", face: str = "front", u: int = 1) -> Occupant:
    """Something in the rack."""
    depth = face == "front"
    return Occupant(party=party, stack="s" if party == "me" else "t", name=name, rack="dc1/a/01/01", position=position,
                    u_height=u, face="front" if depth else "rear", is_full_depth=depth,
                    draw=Draw(allocated_w=400), standing="wanted")  # fmt: skip


def test_an_elevation_shows_what_changes() -> None:
    """New, moved and gone are marked by sign and class on the faces that they take; others have no name."""
    feeds = {"A": Feed(available_w=1_000, power_panel="p"), "B": Feed(available_w=700, power_panel="q")}
    rack = Rack(id="dc1/a/01/01", owner="o", u_height=48, max_weight_kg=1_000, feeds=feeds)  # type: ignore[arg-type]
    own = [occupant("stays", 1), occupant("moves", 2), occupant("goes", 3)]
    wanted = [occupant("stays", 1), occupant("moves", 48), occupant("comes", 10, face="rear")]
    (found,) = elevations({rack.id: rack}, [occupant("secret", 20, party="they")], own, wanted)
    assert found.changes == 4
    text = drawing(found)
    assert "secret" not in text
    marks = {
        kind: text.count(f'<rect class="{kind}"')
        for kind in ("stays", "new", "moved-here", "moved-away", "gone", "other")
    }
    assert marks == {"stays": 4, "new": 1, "moved-here": 2, "moved-away": 2, "gone": 2, "other": 4}
    assert "feed B: 800 W before, 800 W after," in text
    assert "1,600 W after the loss of the other, of 700 W" in text
    assert text.count('class="over"') == 3
    assert drawing(found) == text


def browser() -> str:
    """The browser that reports are read in."""
    return require("chromium", "chromium", "the report in a browser")


def for_browser(report: Report) -> str:
    """The page; outside long runs without the rows that differ from one above only in what is written in them.

    Of 3,477 rows 175 are left. The contrast of each cell is computed against whatever lies below it, and each is set
    on paper: with all rows axe-core costs 44 s of CPU at a width of 1300, with these 9 s.
    """
    page = report_html(report)
    if is_full():
        return page
    return re.sub(r"<table\b.*?</table>", lambda table: _without_repeats(table[0]), page, flags=re.DOTALL)


def _without_repeats(table: str) -> str:
    seen: set[str] = set()

    def kept(row: re.Match[str]) -> str:
        shape = re.sub(r' (?:id|href|title)="[^"]*"', "", re.sub(r">[^<]+<", ">text<", row[0]))
        is_new = shape not in seen
        seen.add(shape)
        return row[0] if is_new else ""

    return re.sub(r"<tr\b.*?</tr>\n?", kept, table, flags=re.DOTALL)


def test_what_is_folded_is_printed(report: Report, tmp_path: Path) -> None:
    """On paper every difference is there, as if all folds were open: nobody can click on paper."""
    program, reader = browser(), require("pdftotext", "poppler-utils", "the printed report")
    page, printed = for_browser(report), {}
    for name, text in (("folded", page), ("open", page.replace("<details>", "<details open>"))):
        file, target = tmp_path / f"{name}.html", tmp_path / f"{name}.pdf"
        file.write_text(text, encoding="utf-8")
        command = [program, *CHROMIUM, f"--user-data-dir={tmp_path / 'profile'}", "--no-pdf-header-footer",
                   f"--print-to-pdf={target}", file.as_uri()]  # fmt: skip
        subprocess.run(command, capture_output=True, timeout=300, check=True)
        result = subprocess.run([reader, str(target), "-"], capture_output=True, text=True, timeout=60, check=True)
        printed[name] = result.stdout
    assert page.count("<details>") > 10
    assert printed["folded"].count("Lines of ") == page.count("<caption>Lines of ") > 2
    assert printed["folded"] == printed["open"]


@pytest.mark.parametrize("width", [1300, 420])
def test_axe_finds_nothing_against_it(report: Report, tmp_path: Path, width: int) -> None:
    """axe-core in headless Chromium has no violation, on a wide and on a narrow screen, with everything unfolded."""
    program = browser()
    if not AXE.exists():
        skip_or_fail(
            "axe-core is not installed (Debian package npm, npm ci --prefix tests/browser): NOT tested with it"
        )
    axe = AXE.read_text(encoding="utf-8")
    page = for_browser(report).replace("<details>", "<details open>")
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    run = (
        "axe.run({resultTypes: ['violations', 'incomplete']}).then(r => { const e = document.createElement('pre');"
        "e.id = 'axe'; e.textContent = JSON.stringify({passes: r.passes.length, violations: r.violations.map("
        "v => [v.id, v.impact, v.nodes.length, v.nodes[0].html.slice(0, 200)])}); document.body.append(e); });"
    )
    file = tmp_path / "report.html"
    file.write_text(page.replace("</body>", f"<script>{axe}</script><script>{run}</script></body>"), encoding="utf-8")
    command = [program, *CHROMIUM, f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},1200",
               "--virtual-time-budget=120000", "--dump-dom", file.as_uri()]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    match = re.search(r'<pre id="axe">(.*?)</pre>', result.stdout, re.DOTALL)
    assert match is not None, result.stderr[-2000:]
    found = json.loads(html.unescape(match[1]))
    assert found["passes"] > 20
    assert found["violations"] == []
