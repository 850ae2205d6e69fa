"""Differences of files: one matching, several views, bounded whatever comes."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.soak import is_full
from zonewright.audit.diff import matching
from zonewright.audit.diff.differences import FileDiff, file_diff, file_diffs, kinds, side_by_side, unified
from zonewright.audit.diff.matching import match
from zonewright.audit.diff.trees import MAX_CHARACTERS, SYNTAXES, TooLargeError, tree_changes
from zonewright.audit.diff.views import DiffView, view

LONG = 500_000 if is_full() else 60_000
"""Numbers, one a line: too many to be matched exactly, and as a text too long to be read as a tree."""
LINES = st.lists(st.sampled_from(["a", "b", "c", "d", "  e", "", "f"]), max_size=40)
BOMB = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
NETPLAN = "nodes/dc1/web-001/etc/netplan/50-zonewright.yaml"


@given(LINES, LINES)
def test_blocks_lead_from_one_text_to_the_other(old: list[str], new: list[str]) -> None:
    """The blocks cover both texts in order; equal ones are equal; nothing is lost."""
    i = j = 0
    for block in match(old, new).blocks:
        assert (block.i1, block.j1) == (i, j)
        assert (block.tag == "equal") == (old[block.i1 : block.i2] == new[block.j1 : block.j2])
        i, j = block.i2, block.j2
    assert (i, j) == (len(old), len(new))


@given(LINES, LINES)
def test_blocks_do_so_where_matching_is_capped(old: list[str], new: list[str]) -> None:
    """The same holds when nothing may be matched exactly, so that anchors decide."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "MAX_PRODUCT", 0)
        test_blocks_lead_from_one_text_to_the_other.hypothesis.inner_test(old, new)  # type: ignore[attr-defined]


def applied(text: str, old: str) -> str:
    """What a unified difference makes of a text."""
    lines, out, at = old.split("\n"), [], 0
    body = text.split("\n")[2:]
    for line in body:
        head = re.match(r"@@ -(\d+)(?:,(\d+))? ", line)
        if head:
            start = int(head[1]) - (head[2] != "0")
            out += lines[at:start]
            at = start
        elif line.startswith(" "):
            assert lines[at] == line[1:]
            out.append(lines[at])
            at += 1
        elif line.startswith("-"):
            assert lines[at] == line[1:]
            at += 1
        elif line.startswith("+"):
            out.append(line[1:])
    return "\n".join(out + lines[at:])


@given(LINES, LINES)
def test_a_unified_difference_can_be_applied(old: list[str], new: list[str]) -> None:
    """Applied to the old text, the unified difference gives the new one."""
    one, two = ("".join(f"{line}\n" for line in lines) for lines in (old, new))
    for diff in file_diffs({"a": one}, {"a": two}):
        assert applied(unified(diff), one) == two


@given(LINES, LINES)
def test_side_by_side_shows_every_changed_line(old: list[str], new: list[str]) -> None:
    """Rows have the right line numbers, and every line that is not equal stands in a row."""
    one, two = ("".join(f"{line}\n" for line in lines) for lines in (old, new))
    for diff in file_diffs({"a": one}, {"a": two}):
        rows = list(side_by_side(diff))
        for row in rows:
            assert row.left is None or old[row.left[0] - 1] == row.left[1]
            assert row.right is None or new[row.right[0] - 1] == row.right[1]
        changed = {
            number for block in diff.matching.blocks if block.tag != "equal" for number in range(block.i1, block.i2)
        }
        assert changed <= {row.left[0] - 1 for row in rows if row.left}


def test_kinds_and_order() -> None:
    """Added, removed and changed files are told apart and come in order of path; equal ones are left out."""
    old, new = {"b": "1\n", "c": "1\n", "d": "1\n"}, {"a": "1\n", "b": "2\n", "d": "1\n"}
    found = file_diffs(old, new)
    assert [(item.path, item.kind) for item in found] == [("a", "added"), ("b", "changed"), ("c", "removed")]
    assert unified(found[0]) == "--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+1\n"
    assert unified(found[1]) == "--- a/b\n+++ b/b\n@@ -1 +1 @@\n-1\n+2\n"
    assert unified(found[2]) == "--- a/c\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n"
    assert kinds(old, new) == {"added": 1, "changed": 1, "removed": 1}


def test_a_missing_line_break_at_the_end_is_shown() -> None:
    """As git does, a last line without a line break is marked, and is another line."""
    assert unified(file_diff("a", "1", "1\n")).endswith("-1\n\\ No newline at end of file\n+1\n")


def test_far_changes_are_two_hunks() -> None:
    """Equal lines between far changes are left out; the numbers are those of the files."""
    old = [f"line {number}" for number in range(1, 41)]
    new = ["first", *old[1:30], "other", *old[31:]]
    text = unified(file_diff("a", "\n".join(old) + "\n", "\n".join(new) + "\n"))
    assert [line for line in text.splitlines() if line.startswith("@@")] == ["@@ -1,4 +1,4 @@", "@@ -28,7 +28,7 @@"]


def test_long_files_with_small_changes_are_matched() -> None:
    """A hundred thousand lines with one change cost no more than their common begin and end."""
    old = [f"line {number}" for number in range(100_000)]
    new = [*old[:50_000], "more", *old[50_000:]]
    found = match(old, new)
    assert [block.tag for block in found.blocks] == ["equal", "insert", "equal"]
    assert not found.is_capped


def test_long_files_that_differ_everywhere_are_anchored() -> None:
    """Where every second line differs, those that stand once in both hold the matching."""
    old = [f"line {number}" for number in range(20_000)]
    new = [line if number % 2 else f"new {number}" for number, line in enumerate(old)]
    found = match(old, new)
    assert sum(block.i2 - block.i1 for block in found.blocks if block.tag == "equal") == 10_000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x" * 1_000_000, "y" * 1_000_000),
        ("x\n" * LONG, "y\nx\n" * (LONG // 2)),
        ("".join(f"{n}\n" for n in range(LONG)), "".join(f"{n}\n" for n in range(LONG, 0, -1))),
        ("a: " + "[" * 100_000 + "\n", "a: []\n"),
        (BOMB, "a: []\n"),
    ],
    ids=["one line of 1 MB", "one line everywhere", "reversed", "deep", "aliases"],
)
def test_pathological_files_are_capped_and_say_so(old: str, new: str) -> None:
    """What would take hours is shown as replaced, or not read as a tree, with a note; the views stay small."""
    diff = file_diff("x.yaml", old, new)
    assert diff.notes
    how: DiffView
    for how in ("tree", "summary"):
        assert view(diff, how, columns=80)
    assert max(map(len, view(diff, "side", columns=80).splitlines())) <= 80


def changes(old: str, new: str, path: str = NETPLAN) -> list[str]:
    """What changed, as lines."""
    found = tree_changes(path, old, new)
    assert found is not None
    return [change.line() for change in found]


def netplan(addresses: list[str], more: str = "") -> str:
    """A netplan file."""
    lines = "".join(f"        - {address}\n" for address in addresses)
    return f"network:\n  version: 2\n  bonds:\n    uplink:\n      addresses:\n{lines}{more}"


def test_yaml_is_compared_by_path() -> None:
    """A changed value, a new key and a lost one are told by their path; comments and quotes are nothing."""
    old = netplan(["10.0.0.5/24"], "      dhcp4: false\n      mtu: 1500\n")
    new = netplan(["'10.0.0.5/24' # same"], "      dhcp4: true\n      optional: true\n")
    assert changes(old, new) == [
        "network.bonds.uplink.dhcp4 changed: false -> true",
        "network.bonds.uplink.mtu removed: 1500",
        "network.bonds.uplink.optional added: true",
    ]  # fmt: skip
    assert changes("a: 1\n", "# more\na:   1\n") == []
    assert changes("a: '1'\n", "a: 1\n") == ['a changed: "1" -> 1']


def test_a_format_that_takes_a_set_shows_no_moves() -> None:
    """Addresses of netplan in another order are the same; a list whose order counts shows it."""
    assert changes(netplan(["10.0.0.5/24", "10.0.0.6/24"]), netplan(["10.0.0.6/24", "10.0.0.5/24"])) == []
    assert changes(netplan(["10.0.0.5/24", "10.0.0.6/24"]), netplan(["10.0.0.6/24", "10.0.0.7/24"])) == [
        'network.bonds.uplink.addresses[] removed: "10.0.0.5/24"',
        'network.bonds.uplink.addresses[] added: "10.0.0.7/24"',
    ]
    assert changes("l: [one1, two2]\n", "l: [two2, one1]\n", "x.yaml") == ["l[1] moved to l[0]"]
    assert changes("a 1\nb 2\n", "b   2\na 1 ; note\n", "dns/db.example") == []


def test_named_things_are_compared_by_name() -> None:
    """A list of things with names is compared by name, whatever its order; a changed order is one change."""
    old = "jobs:\n- {name: one, port: 1}\n- {name: two, port: 2}\n"
    new = "jobs:\n- {name: two, port: 3}\n- {name: one, port: 1}\n"
    assert changes(old, new, "x.yaml") == [
        "jobs[name=two].port changed: 2 -> 3",
        'jobs (order) changed: ["one", "two"] -> ["two", "one"]',
    ]


def test_what_moved_is_told_once() -> None:
    """A part under another name is a move, not a removal and an addition; small equal numbers are no move."""
    assert changes("a: {x: 1, y: 2}\n", "b: {x: 1, y: 2}\n", "x.yaml") == ["a moved to b"]
    assert changes("a: 1\n", "b: 1\n", "x.yaml") == ["a removed: 1", "b added: 1"]


def test_blocks_of_indented_lines() -> None:
    """FRR's configuration is compared by its blocks."""
    old = (
        "router bgp 65001\n neighbor 10.0.0.1 remote-as 65002\n !\n address-family ipv4\n  network 10.1.0.0/16\nexit\n"
    )
    new = old.replace("  network 10.1.0.0/16\n", "  network 10.1.0.0/16\n  network 10.2.0.0/16\n")
    assert changes(old, new, "sites/dc1/frr.conf") == [
        "'router bgp 65001'.'address-family ipv4'.'network 10.2.0.0/16' added: {}"
    ]


def test_nftables_are_compared_by_chain_and_set() -> None:
    """A rule is told by its chain and its place in it, an element by its set, whatever their order in the set."""
    old = (
        "table inet x {\n\tset a {\n\t\ttype ipv4_addr\n"
        "\t\telements = {\n\t\t\t10.0.0.0/8,\n\t\t\t10.1.0.1,\n\t\t}\n\t}\n"
        "\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n"
        "\t\tip saddr @a tcp dport { 22, 53 } accept # ssh\n\t\tct state established,related accept\n\t}\n}\n"
    )
    new = old.replace("{ 22, 53 }", "{ 22, 2222 }").replace(
        "10.0.0.0/8,\n\t\t\t10.1.0.1", "10.1.0.1,\n\t\t\t10.0.0.0/9"
    )
    assert changes(old, new.replace("policy drop", "policy accept"), "nodes/a/b/etc/nftables.conf") == [
        "'table inet x'.'chain input'[1] changed: \"policy drop\" -> \"policy accept\"",
        (
            "'table inet x'.'chain input'[2] changed: \"ip saddr @a tcp dport { 22, 53 } accept\" -> "
            '"ip saddr @a tcp dport { 22, 2222 } accept"'
        ),
        "'table inet x'.'set a'.elements[] removed: \"10.0.0.0/8\"",
        "'table inet x'.'set a'.elements[] added: \"10.0.0.0/9\"",
    ]
    assert changes(old, old.replace(" # ssh", ""), "nodes/a/b/etc/nftables.conf") == []
    for broken in (old[:-2], old + "}\n"):
        with pytest.raises(TooLargeError, match="brace is"):
            tree_changes("etc/nftables.conf", old, broken)


def test_named_conf_is_compared_by_clause() -> None:
    """Lines and comments do not count, the order of a list does; a statement's second block is not lost."""
    old = "acl a { 10.0.0.0/8; 2001:db8::1; };\noptions {\n\trecursion yes; // all\n\tallow-query { a; };\n};\n"
    old += 'controls { inet * port 953 allow { a; } keys { "k"; }; };\n'
    path = "sites/dc1/etc/bind/named.conf"
    assert changes(old, old.replace("\n\t", " ").replace(" // all", " /* some */ "), path) == []
    assert changes(
        old, old.replace("yes", "no").replace("10.0.0.0/8; 2001:db8::1", "2001:db8::1; 10.0.0.0/8"), path
    ) == [
        "'acl a'[1] moved to 'acl a'[0]",
        'options.recursion changed: "yes" -> "no"',
    ]
    assert changes(old, old.replace("allow { a; } keys", "allow { b; } keys"), path) != []


def test_kea_is_compared_without_its_comments() -> None:
    """The comments that Kea takes are no difference, and a text that looks like one is none."""
    old = '// site\n{"Dhcp4": {"valid-lifetime": 3600, /* x */ "url": "http://a/#b" # c\n}}\n'
    path = "sites/dc1/etc/kea/kea-dhcp4.conf"
    assert changes(old, old.replace("// site\n", ""), path) == []
    assert changes(old, old.replace("3600", "7200").replace("#b", "#d"), path) == [
        'Dhcp4.url changed: "http://a/#b" -> "http://a/#d"',
        "Dhcp4.valid-lifetime changed: 3600 -> 7200",
    ]


def test_files_that_are_no_trees_say_so() -> None:
    """A broken or too long file is not compared as a tree, with a sentence; another format has no tree at all."""
    with pytest.raises(TooLargeError, match="cannot be compared as a tree"):
        tree_changes("x.yaml", "a: [\n", "a: 1\n")
    with pytest.raises(TooLargeError, match="characters are too many to compare"):
        tree_changes("x.yaml", "a: 1\n", "a: " + "x" * MAX_CHARACTERS)
    assert tree_changes("x.txt", "a", "b") is None
    assert len({pattern for pattern, _ in SYNTAXES}) == len(SYNTAXES)


@given(TREES)
def test_nothing_changed_is_no_change(tree: object) -> None:
    """A tree compared with itself has no changes, whatever it is."""
    text = json.dumps(tree)
    assert tree_changes("x.json", text, f" {text}") == ()


def test_the_views() -> None:
    """Side by side, by path and as a summary, for a narrow terminal."""
    diff: FileDiff = file_diff("x.yaml", "a: 1\nb: 2\n", "a: 1\nb: 3\nc: 4\n")
    assert view(diff, "tree", columns=80) == "changed x.yaml\n  b changed: 2 -> 3\n  c added: 4\n"
    assert view(diff, "summary", columns=80) == "changed x.yaml\n  2 lines added, 1 removed, 2 parts\n"
    assert view(diff, "side", columns=40).splitlines() == [
        "changed x.yaml",
        "   1 a: 1               1 a: 1",
        "   2 b: 2          |    2 b: 3",
        "        ^          |         ^",
        "                   >    3 c: 4",
    ]
