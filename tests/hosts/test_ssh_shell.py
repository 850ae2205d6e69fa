"""Programs that read nothing share one shell on the host: no one sees what another did, and nothing is cut or mixed."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.ssh_hosts import SshHost, ssh_hosts
from zonewright.fleet.ssh.session import SshSession
from zonewright.fleet.ssh.ssh_transport import SshSettings, SshTransport
from zonewright.fleet.ssh.transport import MAX_OUTPUT_BYTES


@pytest.fixture(name="server", scope="module", params=["", "MaxSessions 1"], ids=["stock", "one channel at a time"])
def _server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SshHost, Path]]:
    with ssh_hosts(tmp_path_factory.mktemp("hosts"), 1, extra=request.param) as (hosts, key):
        yield hosts[0], key


@pytest.fixture(name="session")
def _session(server: tuple[SshHost, Path]) -> Iterator[SshSession]:
    host, key = server
    with (
        closing(SshTransport(SshSettings(key_files=(key,)))) as transport,
        closing(transport.connect(host.target(), deadline=time.monotonic() + 30)) as session,
    ):
        yield session


def test_one_script_leaves_nothing_to_the_next(session: SshSession) -> None:
    """Folder, variables, options, traps, umask and arguments of a script end with it, however it ends."""
    look = ["sh", "-c", 'printf "%s" "${left-none} $(pwd) $(umask) $# $-"; trap', "zonewright-look"]
    first = session.run(look)
    for end in ("exit 7", "false", "return 7", "kill -9 $(exec sh -c 'echo $PPID')", "syntax ( error"):
        script = f"left=behind; cd /; umask 000; set -eux; trap 'echo trapped >&2' EXIT; {end}"
        done = session.run(["sh", "-c", script, "zonewright-bad", "a", "b"])
        assert done.code != 0, end
        assert session.run(look) == first, end


@pytest.mark.parametrize("text", [b"", b"no line", b"a line\n", b"\n\n", bytes(range(256)) * 40])
def test_outputs_are_exactly_what_was_printed(session: SshSession, text: bytes) -> None:
    """Nothing is added to what a program prints or complains of, whether it ends a line or not."""
    digits = "".join(f"\\{byte:03o}" for byte in text)
    for _ in range(2):
        done = session.run(["sh", "-c", 'printf "$1"; printf "$1" >&2; exit 3', "zonewright-print", digits])
        assert (done.code, done.stdout, done.stderr) == (3, text, text)


def test_more_than_is_kept_is_read_and_dropped(session: SshSession) -> None:
    """A program that prints more than is kept ends, and the next one's output is its own."""
    script = f"head -c {2 * MAX_OUTPUT_BYTES} /dev/zero; exit 4"
    done = session.run(["sh", "-c", script, "zonewright-much"])
    assert (done.code, len(done.stdout)) == (4, MAX_OUTPUT_BYTES)
    assert session.run(["echo", "next"]).stdout == b"next\n"


def test_programs_with_and_without_input_take_turns(session: SshSession) -> None:
    """A program with input has a channel of its own, also where a server lets a connection have one at a time."""
    for number in range(3):
        assert session.run(["echo", str(number)]).stdout == f"{number}\n".encode()
        assert session.run(["cat"], stdin=b"input").stdout == b"input"
        assert session.run(["cat"]).stdout == b""  # nothing is there to be read, least of all the next command


def test_words_are_words(session: SshSession) -> None:
    """Arguments with quotes, line breaks, dollars and nothing in them arrive as they are."""
    words = ["", "a b", "it's", '"$HOME"', "two\nlines", "-e", "\\n", "ümlaut"]
    done = session.run(["sh", "-c", 'for one in "$@"; do printf "<%s>" "$one"; done', "zonewright-words", *words])
    assert done.stdout.decode() == "".join(f"<{word}>" for word in words)
    assert session.run(["printf", "<%s>", *words]).stdout == done.stdout


def test_a_shell_that_was_killed_is_begun_anew(session: SshSession) -> None:
    """When the shell itself dies, the program in it ended by a signal, and the next one has a new shell."""
    done = session.run(["sh", "-c", "kill -9 $$", "zonewright-kill"])
    assert done.code != 0
    assert session.run(["echo", "again"]).stdout == b"again\n"
