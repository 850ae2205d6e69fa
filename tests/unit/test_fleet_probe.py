"""What the probe says of a folder of releases: run here by the machine's own shells, without a host."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zonewright.fleet.agents.facts import HostFacts, measure, observe
from zonewright.fleet.agents.layout import Layout, user_layout
from zonewright.fleet.ssh.transport import CommandError, CompletedCommand

TOKEN = b"secret"
TOKEN_SHA256 = hashlib.sha256(TOKEN).hexdigest()
SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]


class Here:
    """A session with this machine.

    Args:
        shell: that runs scripts.
        path: where programs are looked for; empty for the machine's own.
    """

    def __init__(self, shell: str, path: str = "") -> None:
        self._shell = [shell, "sh"] if shell == "busybox" else [shell]
        self._environment = {**os.environ, **({"PATH": path} if path else {})}
        self._program = str(shutil.which(shell))

    def run(self, command: list[str], *, stdin: bytes = b"", as_root: bool = False) -> CompletedCommand:
        """Run a script."""
        assert command[0] == "sh"
        assert not as_root
        done = subprocess.run(
            [*self._shell, *command[1:]],
            executable=self._program,
            input=stdin,
            capture_output=True,
            check=False,
            env=self._environment,
        )
        return CompletedCommand(done.returncode, done.stdout, done.stderr)


@pytest.fixture(name="layout")
def _layout(tmp_path: Path) -> Layout:
    """Three releases, of which the second is the newest and the first one runs; one folder that is none."""
    layout = user_layout(str(tmp_path / "agent"))
    for name, age in (("1.0.0-a", 10), ("1.1.0-b", 5), ("0.9.0-c", 20)):
        release = tmp_path / "agent" / name
        release.mkdir(parents=True)
        (release / "run").write_text(name, encoding="utf-8")
        digest = hashlib.sha256(name.encode()).hexdigest()
        (release / "MANIFEST").write_text(f"{digest}  run\n", encoding="utf-8")
        os.utime(release, (1_800_000_000 - age, 1_800_000_000 - age))
    (tmp_path / "agent" / "2.0.0-d").mkdir()
    (tmp_path / "agent" / "current").symlink_to("1.0.0-a")
    Path(layout.secrets).mkdir()
    Path(layout.secrets, "token").write_bytes(TOKEN)
    return layout


def look(layout: Layout, shell: str, *, token_sha256: str = TOKEN_SHA256, path: str = "") -> HostFacts:
    """What it says."""
    return observe(Here(shell, path), layout, token_sha256=token_sha256)  # type: ignore[arg-type] # it only runs


@pytest.mark.parametrize("shell", SHELLS)
def test_releases_come_newest_first(layout: Layout, shell: str) -> None:
    """By the time of their folders, whichever runs; the link and a folder without a list of files are none.

    A host goes back to the newest other one that was found healthy, and to none where none was.
    """
    found = look(layout, shell)
    assert (found.current, found.releases) == ("1.0.0-a", ("1.1.0-b", "1.0.0-a", "0.9.0-c"))
    assert found.previous == ""
    for name, age in (("0.9.0-c", 20), ("1.0.0-a", 10)):
        release = Path(layout.secrets).parent / name
        (release / "PROVEN").touch()
        os.utime(release, (1_800_000_000 - age, 1_800_000_000 - age))
    Path(layout.spool).mkdir()
    Path(layout.spool, "sources").write_text("host up\nhwmon down\nrapl up\n", encoding="ascii")
    found = look(layout, shell)
    assert (found.healthy, found.previous) == (("1.0.0-a", "0.9.0-c"), "0.9.0-c")
    assert found.sources == ("host", "rapl"), "what the agent said last that it reads"


@pytest.mark.parametrize("shell", SHELLS)
def test_files_and_token_are_told_apart(layout: Layout, shell: str) -> None:
    """A changed file is damaged whether the token is the one asked for, another, none, or not asked for."""
    token = Path(layout.secrets, "token")
    for content in ("1.0.0-a", "changed"):
        Path(layout.prefix, "current", "run").write_text(content, encoding="utf-8")
        damaged = () if content == "1.0.0-a" else ("run",)
        token.write_bytes(TOKEN)
        found = [look(layout, shell), look(layout, shell, token_sha256=""), look(layout, shell, token_sha256="0" * 64)]
        token.unlink()
        found.append(look(layout, shell))
        assert [one.token_sha256 for one in found] == [TOKEN_SHA256, "", "", ""]
        assert {one.damaged for one in found} == {damaged}
    Path(layout.prefix, "current").unlink()
    token.write_bytes(TOKEN)
    found = [look(layout, shell), look(layout, shell, token_sha256="")]
    assert [(one.current, one.token_sha256, one.damaged) for one in found] == [("", TOKEN_SHA256, ()), ("", "", ())]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_link_to_nothing_is_named(layout: Layout, shell: str) -> None:
    """A current release that was deleted is told by its name, and is not among the releases."""
    shutil.rmtree(Path(layout.prefix, "1.0.0-a"))
    found = look(layout, shell)
    assert (found.current, found.releases) == ("1.0.0-a", ("1.1.0-b", "0.9.0-c"))


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shell != "busybox"])  # which hashes by itself
def test_without_a_program_that_hashes_nothing_is_known(layout: Layout, shell: str, tmp_path: Path) -> None:
    """Where sha256sum is missing, neither the token nor a file is taken for good."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("date", "df", "uname", "sed", "tr", "readlink"):
        (programs / name).symlink_to(str(shutil.which(name)))
    found = look(layout, shell, path=str(programs))
    assert (found.token_sha256, found.damaged) == ("", ("MANIFEST",))
    assert found.current == "1.0.0-a"


@pytest.mark.parametrize("shell", SHELLS)
def test_the_version_of_python_is_found(layout: Layout, shell: str, tmp_path: Path) -> None:
    """By the name of the file that a link leads to, or else by asking; the first one of the search path counts."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3.99").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    (programs / "python3.99-config").symlink_to("python3.99")
    (programs / "python3.8").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    (programs / "python3.99").chmod(0o755)
    (programs / "python3").symlink_to("python3.99")
    found = look(layout, shell, path=f"{tmp_path / 'nowhere'}:{programs}:{os.environ['PATH']}")
    assert (found.python, found.python_version) == (f"{programs}/python3", "3.99")
    (programs / "python3").unlink()
    (programs / "python3").symlink_to(sys.executable)
    found = look(layout, shell, path=f"{programs}:{os.environ['PATH']}")
    assert (found.python, found.python_version) == (f"{programs}/python3", here)
    (programs / "python3.8").unlink()
    (programs / "python3.8").symlink_to(sys.executable)
    (programs / "python3.7").symlink_to(sys.executable)
    found = look(layout, shell, path=f"{programs}:{os.environ['PATH']}")
    assert found.python_version == here


@pytest.mark.parametrize("shell", SHELLS)
def test_clock_and_disk_are_told_or_missed(layout: Layout, shell: str, tmp_path: Path) -> None:
    """Also for a folder that is not there yet; a host that does not tell them is no host with a clock of 1970."""
    deep = user_layout(f"{layout.prefix}/not/there yet")
    found = measure(Here(shell), deep)  # type: ignore[arg-type] # it only runs
    assert abs(found.clock_s - time.time()) < 60
    assert found.free_bytes > 0
    if shell != "busybox":
        with pytest.raises(CommandError, match=r"expected its time and free space from date and df, got: .*not found"):
            measure(Here(shell, str(tmp_path)), layout)  # type: ignore[arg-type]
