"""Validators run in a place of their own: what a zone names is no way to the machine of who reviews it."""

import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.validators import missing_program
from zonewright.render.formats.format import ValidatorCommand
from zonewright.render.validators import confinement, native
from zonewright.render.validators.known import KNOWN, SETTINGS, VARIABLE, may_judge
from zonewright.render.validators.native import NativeValidator
from zonewright.render.validators.verdict import ValidatorVerdict

FILES = {"etc/motd": "hello\n"}


@pytest.fixture(name="programs")
def _programs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on PATH that everybody reaches, as those of a machine's own programs are."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{name}:{os.environ['PATH']}")
        yield Path(name)


@pytest.fixture(name="tool", params=["bwrap", "unshare"])
def _tool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the tools that make the place."""
    tool = str(request.param)
    if shutil.which(tool, path=confinement.PATH) is None:
        missing_program(tool, "bubblewrap" if tool == "bwrap" else "util-linux")
    monkeypatch.setattr(confinement, "place", lambda: confinement.Confinement(tool))
    return tool


def judge(programs: Path, script: str, name: str = "vtysh", *, of_zone: bool = False) -> ValidatorVerdict:
    """The verdict of a program that is a script."""
    program = programs / name
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    check = ValidatorCommand(program=name, package="p", commands=(("{root}/etc/motd",),), of_zone=of_zone)
    return NativeValidator(check).validate(FILES)


def test_a_validator_reads_the_files_and_is_believed(programs: Path, tool: str) -> None:
    """The place has the files at the path that the program is given, and its exit code is the verdict."""
    assert tool
    passed = judge(programs, 'read line < "$1"; echo "said $line"')
    assert (passed.status, passed.detail) == ("pass", "said hello")
    assert judge(programs, "echo no >&2; exit 1").status == "fail"


def test_a_validator_has_no_environment(programs: Path, tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token of the reviewer is not there, nor the reviewer's PATH and home."""
    assert tool
    monkeypatch.setenv("VAULT_TOKEN", "not-to-be-seen")
    words = dict(line.split("=", 1) for line in judge(programs, "/usr/bin/env").detail.splitlines())
    assert {name: words.pop(name) for name in confinement.ENVIRONMENT} == dict(confinement.ENVIRONMENT)
    assert words.keys() <= {"PWD", "OLDPWD", "SHLVL", "_"}


def test_a_validator_reads_and_changes_nothing_of_the_user(programs: Path, tool: str, tmp_path: Path) -> None:
    """The user's files are not there, and the root is read-only for whoever it runs as."""
    assert tool
    own = tmp_path / "token"
    own.write_text("not-to-be-seen", encoding="utf-8")
    script = f"""
    cat {own} {Path.home()}/.profile /etc/shadow 2> /dev/null && echo read
    for one in /usr/zonewright-test /etc/zonewright-test /zonewright-test {own}; do
      (echo x > "$one") 2> /dev/null && echo "wrote $one"
    done
    echo x > "$HOME/scratch" && echo done"""
    assert judge(programs, script).detail == "done"
    assert own.read_text(encoding="utf-8") == "not-to-be-seen"
    assert not Path("/usr/zonewright-test").exists()


def test_a_validator_has_no_network(programs: Path, tool: str) -> None:
    """A port of the machine itself is not reached."""
    assert tool
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        call = f"bash -c 'exec 3<> /dev/tcp/127.0.0.1/{port}' 2> /dev/null"
        assert judge(programs, f"{call} && echo reached; exit 0").detail == ""


def test_a_validator_has_so_much_memory_and_so_many_processes(programs: Path, tool: str) -> None:
    """A program that doubles a text ends, and one that starts processes without end cannot."""
    assert tool
    assert judge(programs, """exec awk 'BEGIN { x = "a"; while (1) x = x x }'""").status != "pass"
    several = confinement.PROCESSES * 2
    script = f"i=0; while [ $i -lt {several} ]; do sleep 20 & i=$((i+1)); done 2> /dev/null; echo all"
    assert judge(programs, script).detail != "all"


def test_a_validator_that_ends_by_a_signal_said_nothing(programs: Path, tool: str) -> None:
    """Out of time or memory is not-run, also where the tool around it hides the signal."""
    assert tool
    ended = judge(programs, "kill -9 $$")
    assert (ended.status, ended.detail) == ("not-run", "vtysh was ended by signal 9")


def test_a_validator_that_had_no_say_is_asked_once_more(tmp_path: Path) -> None:
    """A machine that is busy for a moment refuses a place; the second answer counts, and there is no third."""
    tries, busy = tmp_path / "tries", "echo 'bwrap: Creating new namespace failed: Resource temporarily unavailable'"

    def answer(script: str) -> str:
        call = ["/bin/sh", "-c", f"echo x >> {tries}; {script}"]
        return native._run(call, {}).failure

    assert answer(f"[ $(wc -l < {tries}) = 2 ] || {{ {busy}; exit 1; }}") == ""
    assert answer(f"{busy}; exit 1").startswith("could not be confined: bwrap")
    assert tries.read_text(encoding="utf-8") == "x\n" * 4


def test_many_subjects_share_a_place_and_nothing_else(
    programs: Path, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that pass need one start; what fails or hangs is asked again by itself, and none finds another's files."""
    assert tool
    starts, run = [], native._run

    def counted(*given: Any) -> Any:
        starts.append(given)
        return run(*given)

    monkeypatch.setattr(native, "_run", counted)
    program = programs / "vtysh"
    program.write_text(
        f"#!/bin/sh\necho {confinement.FILES}/*/etc; head -n1 $1 | sed 's/^/said /'; grep -q bad $1 && exit 3\n"
        "grep -q slow $1 && sleep 60; exit 0\n"
    )
    program.chmod(0o755)
    validator = NativeValidator(ValidatorCommand(program="vtysh", package="p", commands=(("{root}/etc/motd",),) * 2))
    texts = ("one\n", "two\n", "three\n")
    found = validator.validate_many([{"etc/motd": text} for text in texts])
    told = "*/etc\nsaid {0}\n*/etc\nsaid {0}"
    assert [one.status for one in found] == ["pass"] * 3
    assert [one.detail.replace(f"{confinement.FILES}/", "") for one in found] == [
        told.format(text.strip()) for text in texts
    ]
    assert len(starts) == 1
    monkeypatch.setattr(native, "LIMIT_S", 1.0)
    found = validator.validate_many([{"etc/motd": text} for text in ("one\n", "bad\n", "slow\n", "four\n", " \n")])
    assert [one.status for one in found] == ["pass", "fail", "not-run", "pass", "fail"]
    assert (found[2].detail, found[4].detail.splitlines()[-1]) == ("vtysh ran longer than 1 s", "etc/motd is empty")


def test_where_nothing_confines_nothing_runs(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without namespaces gives not-run and why, never a run without a place."""
    monkeypatch.setattr(confinement, "place", lambda: confinement.Confinement("", "bwrap: not installed; unshare: no"))
    monkeypatch.setattr(native, "_run", lambda *_: pytest.fail("it was run"))
    found = judge(programs, "exit 0")
    assert found.status == "not-run"
    assert "bwrap: not installed; unshare: no" in found.detail


@pytest.mark.parametrize("name", ["sh", "python3", "motd-check"])
def test_what_a_zone_names_is_not_run_at_review(
    name: str, programs: Path, tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zone's format names a known program; any other runs only where the user's own settings say so."""
    assert tool
    for variable in (VARIABLE, "XDG_CONFIG_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    refused = judge(programs, "exit 0", name, of_zone=True)
    assert refused.status == "not-run"
    assert f"if you trust it, set {VARIABLE}={name}" in refused.detail
    settings = tmp_path / ".config" / SETTINGS
    settings.parent.mkdir(parents=True)
    settings.write_text(f"# ours\n{name}  # we wrote it\n", encoding="utf-8")
    assert judge(programs, "exit 0", name, of_zone=True).status == "pass"
    settings.unlink()
    monkeypatch.setenv(VARIABLE, f"other, {name}")
    assert judge(programs, "exit 0", name, of_zone=True).status == "pass"


def test_no_shell_or_language_is_known() -> None:
    """What runs what it is given judges nothing, and a folder of settings is an absolute path."""
    for name in ("sh", "bash", "dash", "python3", "perl", "awk", "env", "make", "ssh", "git", "find", "xargs"):
        assert name not in KNOWN
    assert not may_judge("x", {"XDG_CONFIG_HOME": "settings"})


def test_a_folder_of_path_that_is_not_absolute_is_not_looked_into(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `.` on PATH, a program that lies in the zone's folder is not the validator."""
    (programs / "nft").write_text("#!/bin/sh\n", encoding="utf-8")
    (programs / "nft").chmod(0o755)
    monkeypatch.chdir(programs)
    monkeypatch.setenv("PATH", ".:")
    check = ValidatorCommand(program="nft", package="nftables", commands=((),))
    assert NativeValidator(check).validate(FILES).detail == "nft is not installed (package nftables)"


def test_the_page_names_the_known_programs() -> None:
    """A user finds on the page which programs a format may name."""
    page = (Path(__file__).parents[2] / "docs/how-to/add-a-format.md").read_text(encoding="utf-8")
    said = page.partition("programs that zonewright knows:")[2].partition(".")[0]
    assert frozenset(re.findall(r"`([^`]+)`", said)) == KNOWN
