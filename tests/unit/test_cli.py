"""The command line as a person or a script meets it: exit codes, one sentence for each error, JSON with a version."""

import argparse
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.golden import compare_golden
from support.warm_python import warm_python
from support.zone_project import ZONE, cluster, facility
from zonewright.cli import COMMANDS, main, parser
from zonewright.declare.load import load_zone
from zonewright.place import judge_declaration
from zonewright.provider.refusal import notes_text, refusal_text

Run = Callable[..., tuple[int, str, str]]
ONE_PLACE = {f"{number:03}": {"rack": "dc1/a/01/01", "position": 1} for number in range(1, 22)}
LOW_FEEDS = {f"{number:03}": {"rack": "dc1/a/01/02", "position": 2 * number + 10} for number in range(1, 13)}
CROWDED = {
    "web": cluster(len(ONE_PLACE), places=ONE_PLACE),
    "db": cluster(12, node_type="two-u", places=LOW_FEEDS),
    "cache": cluster(12, node_type="two-u", places=LOW_FEEDS),
}


def write(root: Path, name: str, document: Mapping[str, Any]) -> None:
    """One file of the zone."""
    path = root / "stacks" / "zones" / "small" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(dict(document), sort_keys=False), encoding="utf-8")


@pytest.fixture(name="root")
def _root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a small zone of two racks and one tenant; the working directory."""
    (tmp_path / "Pulumi.yaml").write_text("name: x\nruntime: python\nstackConfigDir: stacks\n", encoding="utf-8")
    write(tmp_path, "zone", ZONE)
    write(tmp_path, "facility-operator", facility(2, rated_w=3000))
    write(tmp_path, "tenant-a", {"owner": "tenant-a", "clusters": {"web": cluster(2)}})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture(name="run")
def _run(root: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    assert root

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(arguments)
        except SystemExit as leave:  # argparse
            code = int(str(leave.code or 0))
        shown = capsys.readouterr()
        assert "Traceback" not in shown.out + shown.err
        return code, shown.out, shown.err

    return run


def with_ledger(run: Run) -> None:
    """Make the ledger and the tenant's stack."""
    assert run("ledger", "init", "stacks/zones/small")[0] == 0
    assert run("stack", "new", "a", "--party", "tenant-a")[0] == 0


def test_a_command_is_the_same_without_the_others() -> None:
    """Words that name a command need its arguments only, and these are the ones of the whole command line."""

    def commands(words: tuple[str, ...]) -> Mapping[str, argparse.ArgumentParser]:
        (found,) = (one for one in parser(words)._actions if isinstance(one, argparse._SubParsersAction))
        return found.choices

    for name, whole in commands(()).items():
        alone = commands((name, "--help"))
        assert list(alone) == [name]
        assert alone[name].format_help() == whole.format_help()
    assert len(commands(("none",))) == len(commands(("--help", "ledger"))) == len(COMMANDS)


def test_a_good_zone_is_one_line(run: Run) -> None:
    """A folder without findings ends with 0 and says what was checked."""
    code, out, err = run("check", "stacks/zones/small")
    assert (code, err) == (0, "")
    assert out.startswith("good: ")
    assert out.count("\n") == 1


def test_faults_end_with_1(root: Path, run: Run) -> None:
    """Faults of a declaration are on standard output, with file and line, and the rules did not run."""
    write(root, "tenant-a", {"owner": "tenant-a", "clusters": {"web": cluster(-1, sise=2)}})
    code, out, _ = run("check", "stacks/zones/small")
    assert code == 1
    assert out.count("tenant-a.yaml:") == 2
    assert out.endswith("2 faults in the declaration; the rules did not run\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("check", "stacks/zones/small", "--stack", "a"),
        ("check", "--stack", "a"),
        ("check", "--stack", "../a"),
        ("check", "--nonsense"),
        ("nonsense",),
        ("schema", "rack"),
        ("diff", "--stack", "a"),
        ("recover", "--stack", "a"),
        ("ledger", "status", "--ledger", "ftp://x"),
        ("ledger", "status", "--ledger", "http://ledger.example"),
        ("ledger", "status", "--ledger", "https://me:tr0ub4dor@ledger.example"),
        ("ledger", "verify", "--checkpoint", "nowhere.json"),
        ("ledger", "verify", "--checkpoint", "Pulumi.yaml"),
        ("stack", "new", "a/b", "--party", "tenant-a"),
        ("stack", "new", "a", "--party", "nobody"),
        ("stack", "new", "a", "--party", "operator", "--declaration", "stacks/zones/small/tenant-a.yaml"),
    ],
    ids=" ".join,
)
def test_misuse_ends_with_2_and_a_sentence(root: Path, run: Run, arguments: tuple[str, ...]) -> None:
    """A wrong call is told on standard error, repeats no password, and writes nothing."""
    before = sorted(root.rglob("*"))
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "error: " in err
    assert "tr0ub4dor" not in err
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("ledger", "status"),
        ("ledger", "history"),
        ("ledger", "verify"),
        ("ledger", "checkpoint"),
        ("ledger", "status", "--ledger", "https://127.0.0.1:9"),
        ("ledger", "status", "--ledger", "sqlite:///Pulumi.yaml"),
        ("ledger", "init", "stacks/zones/small", "--ledger", "sqlite:///no/such/folder.db"),
    ],
    ids=" ".join,
)
def test_a_ledger_that_cannot_be_asked_ends_with_3(run: Run, arguments: tuple[str, ...]) -> None:
    """Nothing was decided: one sentence, and how to go on."""
    code, out, err = run(*arguments)
    assert (code, out) == (3, "")
    assert err.startswith("error: the")
    assert err.count("\n") == 1


def test_a_new_stack_has_an_identity_and_is_never_overwritten(root: Path, run: Run) -> None:
    """`stack new` writes declaration, ledger and a stack id of its own; a second one is refused."""
    assert run("stack", "new", "a", "--party", "tenant-a")[0] == 0
    path = root / "stacks" / "Pulumi.a.yaml"
    written = path.read_text(encoding="utf-8")
    config = yaml.safe_load(written)["config"]
    assert config["zone:declaration"] == "stacks/zones/small/tenant-a.yaml"
    assert config["zone:stackId"].startswith("a-")
    code, _, err = run("stack", "new", "a", "--party", "tenant-a")
    assert code == 2
    assert "a stack keeps its id" in err
    assert path.read_text(encoding="utf-8") == written
    assert run("stack", "new", "b", "--party", "tenant-a")[0] == 0
    other = yaml.safe_load((root / "stacks" / "Pulumi.b.yaml").read_text(encoding="utf-8"))["config"]
    assert other["zone:stackId"] != config["zone:stackId"]


def test_a_stack_is_not_made_from_a_faulty_file(root: Path, run: Run) -> None:
    """A missing or faulty declaration is told whole, and no configuration is written."""
    code, out, err = run("stack", "new", "a", "--party", "tenant-a", "--declaration", "nowhere.yaml")
    assert code == 1
    assert "nowhere.yaml: the file is missing" in out
    assert "nothing was written" in err
    assert list(root.glob("stacks/Pulumi.*")) == []


def test_a_stack_is_checked_against_its_ledger(root: Path, run: Run) -> None:
    """Without the facility's claims in the ledger the tenant's racks do not exist, and the check says so with 1."""
    with_ledger(run)
    places = {"001": {"rack": "dc1/a/01/01", "position": 1}}
    write(root, "tenant-a", {"owner": "tenant-a", "clusters": {"web": cluster(1, places=places)}})
    code, out, _ = run("check", "--stack", "a")
    assert code == 1
    assert "rack-exists" in out
    assert out.endswith("2 findings refuse the change\n")
    code, out, err = run("diff", "--stack", "a")
    assert (code, out) == (0, "# dc1: +0.2 kW, +1 U\n")
    assert err == "note: as declared, the change is refused; see: zonewright check --stack a\n"


def test_a_zone_is_loaded_whole_and_again(root: Path, run: Run) -> None:
    """`ledger load` brings in every owner; the same again changes nothing, and a changed declaration is followed."""
    code, out, err = run("ledger", "load", "stacks/zones/small")
    assert (code, out, err) == (0, "operator: 1 site, 1 row\ntenant-a: 2 nodes\n", "")
    history = run("ledger", "history")[1].count("\n")
    assert run("ledger", "load", "stacks/zones/small")[:2] == (code, out)
    for clusters in ({"web": cluster(1)}, {"web": cluster(3, node_type="two-u")}, {}):
        write(root, "tenant-a", {"owner": "tenant-a", "clusters": clusters})
        assert run("ledger", "load", "stacks/zones/small")[0] == 0
    _, out, _ = run("ledger", "status", "--format", "json")
    assert json.loads(out)["sites"]["dc1"]["free_u"] == 84
    assert run("ledger", "history")[1].count("\n") > history
    assert run("ledger", "verify")[0] == 0


def test_a_zone_is_unloaded(root: Path, run: Run) -> None:
    """`ledger unload` takes out who stands on others first; what is refused is told, and the same again is nothing."""
    assert (root / "stacks" / "zones" / "small").is_dir()
    assert run("ledger", "load", "stacks/zones/small")[0] == 0
    code, out, err = run("ledger", "unload", "stacks/zones/small", "--only", "operator")
    assert (code, err) == (1, "")
    assert out.startswith("operator: refused: 2 claims of other parties stand in 1 rack of this stack (dc1/a/01/01); ")
    took = "tenant-a: took out 2 nodes\noperator: took out 1 site, 1 row\n"
    assert run("ledger", "unload", "stacks/zones/small") == (0, took, "")
    again = "operator: nothing was loaded\ntenant-a: nothing was loaded\n"
    assert run("ledger", "unload", "stacks/zones/small") == (0, again, "")
    code, _, err = run("ledger", "unload", "stacks/zones/small", "--only", "nobody")
    assert (code, err) == (2, "error: no file of nobody in stacks/zones/small\n")
    assert run("ledger", "unload", "nowhere")[2] == "error: no file of any owner in nowhere\n"
    assert run("ledger", "load", "stacks/zones/small")[1] == "operator: 1 site, 1 row\ntenant-a: 2 nodes\n"
    assert run("ledger", "verify")[0] == 0


def test_a_stack_for_what_was_loaded(root: Path, run: Run) -> None:
    """`stack new --loaded` gives the id of the load, so that its first `up` takes it over; for all it is misuse."""
    code, out, err = run("stack", "new", "mine", "--party", "operator", "--loaded")
    assert (code, err) == (0, ""), out
    (written,) = root.rglob("Pulumi.mine.yaml")
    assert "zone:stackId: loaded-operator\n" in written.read_text(encoding="utf-8")
    assert run("stack", "new", "--all", "stacks/zones/small", "--loaded")[0] == 2


def test_what_is_refused_in_a_load_is_told_and_the_others_stand(root: Path, run: Run) -> None:
    """An owner whose change breaks a rule is left out whole, with its findings; all others are brought in."""
    write(root, "tenant-a", {"owner": "tenant-a", "clusters": CROWDED})
    write(root, "tenant-b", {"owner": "tenant-b", "clusters": {"web": cluster(1)}})
    code, out, _ = run("ledger", "load", "stacks/zones/small")
    assert code == 1
    assert "tenant-a: refused: 21 findings; nothing was claimed or created\n" in out
    assert "21 findings refuse the change" in out
    assert out.endswith("tenant-b: 1 node\n")
    assert run("ledger", "load", "nowhere")[0] == 1


def test_json_has_a_version(root: Path, run: Run) -> None:
    """Every command that prints JSON gives one document with the version of its form."""
    with_ledger(run)
    for arguments in (
        ("check", "stacks/zones/small"),
        ("check", "--stack", "a"),
        ("diff", "--stack", "a"),
        ("ledger", "status"),
        ("ledger", "status", "--stack", "a"),
    ):
        _, out, _ = run(*arguments, "--format", "json")
        assert json.loads(out)["version"] == 1, arguments
    write(root, "tenant-a", {"owner": "tenant-a", "clusters": CROWDED})
    code, out, _ = run("check", "stacks/zones/small", "--format", "json")
    assert code == 1
    finding = json.loads(out)["findings"][0]
    assert finding["value"] - finding["limit"] == finding["excess"] > 0


def test_the_schema_is_a_schema(run: Run) -> None:
    """`schema` prints JSON Schema and nothing else."""
    for kind in ("zone", "owner"):
        code, out, _ = run("schema", kind)
        assert code == 0
        assert json.loads(out)["$schema"].endswith("2020-12/schema")


def test_a_fault_of_ours_is_told_without_a_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even an exception that nobody expected is one sentence, ends with 3, and is shown whole with --debug."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("deliberate")

    monkeypatch.setattr("zonewright.declare.load.load_zone", fail)
    code, _, err = run("check", "stacks/zones/small")
    assert code == 3
    assert err.startswith("error: zonewright has a fault (RuntimeError: deliberate)")
    with pytest.raises(RuntimeError, match="deliberate"):
        main(["--debug", "check", "stacks/zones/small"])


def command(*arguments: str, python: str = sys.executable) -> list[str]:
    """A command in a process of its own."""
    return [python, "-m", "zonewright.cli", *arguments]


def check() -> list[str]:
    """The command that checks the small zone, in a process whose imports are done."""
    return command("check", "stacks/zones/small", python=warm_python().path())


def test_a_reader_that_leaves_is_no_error(root: Path, run: Run) -> None:
    """`zonewright ledger history | head -1` ends quietly."""
    with_ledger(run)
    line = f"{' '.join(command('ledger', 'history'))} | head -c 1"
    result = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=root, capture_output=True, check=False)
    assert result.stderr == b""


def in_terminal(root: Path, columns: int, **variables: str) -> str:
    """What `check` writes to a terminal of so many columns."""
    leader, follower = pty.openpty()
    given = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR"}}
    environment = {**given, "TERM": "xterm", **variables}
    resize = f"stty cols {columns} rows 24; exec {' '.join(check())}"
    process = subprocess.Popen(
        ["bash", "-c", resize], cwd=root, env=environment, stdin=follower, stdout=follower, stderr=follower
    )
    os.close(follower)
    written = b""
    try:
        while chunk := os.read(leader, 65536):
            written += chunk
    except OSError:  # Linux's way to say that the other side has closed
        pass
    os.close(leader)
    assert process.wait() == 1
    return written.decode().replace("\r\n", "\n")


def test_forty_findings_in_a_terminal_and_in_a_pipe(root: Path) -> None:
    """Forty findings are grouped by rack and wrapped at the terminal's width; a pipe has 80 columns and no colours."""
    write(root, "tenant-a", {"owner": "tenant-a", "clusters": CROWDED})
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    piped = subprocess.run(check(), cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert piped.returncode == 1
    assert piped.stdout == in_terminal(root, 80, NO_COLOR="1")
    coloured = in_terminal(root, 80)
    assert "\x1b[1;31mmandatory feed-failover\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == piped.stdout
    compare_golden("findings/forty-80-columns.txt", piped.stdout)
    compare_golden("findings/forty-50-columns.txt", in_terminal(root, 50, TERM="dumb"))
    assert max(len(line) for line in piped.stdout.splitlines()) <= 80


def test_forty_findings_as_the_engine_prints_them(root: Path) -> None:
    """The provider's one failure: the worst five, wrapped at 78 columns, and the command that shows the rest."""
    write(root, "tenant-a", {"owner": "tenant-a", "clusters": CROWDED})
    loaded = load_zone(root / "stacks" / "zones" / "small")
    assert loaded.declaration is not None
    assert not loaded.problems
    findings = judge_declaration(loaded.declaration, on="2026-07-01").findings
    assert len(findings) == 40
    text = refusal_text(findings, stack="a")
    assert max(len(line) for line in text.splitlines()) <= 78
    compare_golden("findings/forty-refused.txt", f"{text}\n")


def test_what_an_admitted_change_should_know(root: Path) -> None:
    """Advisory findings, and those that a waiver covers, are told below the line of the admission; others are not."""
    write(root, "tenant-a", {"owner": "tenant-a", "clusters": CROWDED})
    loaded = load_zone(root / "stacks" / "zones" / "small")
    assert loaded.declaration is not None
    findings = judge_declaration(loaded.declaration, on="2026-07-01").findings
    assert notes_text(findings, stack="a") == ""
    told = [
        replace(findings[0], level="advisory"),
        replace(findings[1], waiver="crowded-for-a-week"),
        *findings[2:],
    ]
    text = f"admitted: 45 U at dc1{notes_text(told, stack='a')}"
    assert max(len(line) for line in text.splitlines()) <= 78
    compare_golden("findings/admitted-with-notes.txt", f"{text}\n")
