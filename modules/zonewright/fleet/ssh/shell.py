"""One shell on a host that runs one program after the other, so that a session need not begin again for each.

A channel, a login shell and a sudo for every program cost a host three times what a small script does. Programs that
read something get a channel of their own: here nothing but commands comes by the shell's input.
"""

import re
import shlex
from collections.abc import Callable, Sequence

import paramiko

from zonewright.fleet.ssh.transport import MAX_OUTPUT_BYTES

_LOOP = """\
_text=$2
while :; do
  ( eval "$_text" ) </dev/null
  printf '%s %s\\n' "$1" "$?"
  printf '%s 0\\n' "$1" >&2
  _text=
  while :; do
    IFS= read -r _line || exit 0
    [ "$_line" != "$1" ] || break
    _text=$_text$_line'
'
  done
done
"""
"""Runs the command that it was begun with, then reads others, each up to a line with the word. Outputs end with it.

A connection that breaks amid a command leaves one without that line, which is never run.
"""
_PIECE_BYTES = 256 * 1024
_SCRIPT = 3
"""Where the name of a script stands: ``sh -c TEXT NAME ARGUMENTS``."""


def loop(word: str, first: Sequence[str]) -> list[str]:
    """The command that begins it.

    Args:
        word: one that nobody can guess, and so one that no command holds.
        first: the program that it runs first.
    """
    return ["sh", "-c", _LOOP, "zonewright-shell", word, _text_of(first)]


def _text_of(command: Sequence[str]) -> str:
    """As the loop runs it, in a shell of its own: a script in that one, all else in its place."""
    if list(command[:2]) == ["sh", "-c"] and len(command) > _SCRIPT:
        return f"set -- {shlex.join(command[_SCRIPT + 1 :])}\n{command[_SCRIPT - 1]}"
    return f"exec {shlex.join(command)}"


class Shell:
    """A loop that runs, for one thread.

    Args:
        channel: where it runs.
        word: the one that it was begun with.
        is_root: whether it runs as root by sudo.
    """

    def __init__(self, channel: paramiko.Channel, word: str, *, is_root: bool) -> None:
        self.channel, self.is_root, self._word = channel, is_root, word
        self._mark = re.compile(rb"%s (\d+)\n\Z" % word.encode())

    def begin(self, command: Sequence[str]) -> None:
        """Let it run another program, after the answer to the one before.

        Raises:
            OSError: when the connection broke.
        """
        try:
            self.channel.sendall(f"{_text_of(command)}\n{self._word}\n".encode())
        except TimeoutError:
            raise
        except OSError:
            if not self.channel.get_transport().is_active():
                raise

    def answer(self, said: bytes = b"") -> tuple[int | None, bytes, bytes]:
        """How the program ended, what it printed and what it complained of; None when the shell itself has ended.

        Args:
            said: what was read already of its complaints.
        """
        stdout, code = self._until_mark(self.channel.recv)
        stderr, _ = self._until_mark(self.channel.recv_stderr, said)
        return code, stdout, stderr

    def close(self) -> None:
        """End it, as soon as it has nothing more to read."""
        self.channel.shutdown_write()
        self.channel.close()

    def _until_mark(self, receive: Callable[[int], bytes], before: bytes = b"") -> tuple[bytes, int | None]:
        """What comes up to the word, of which the first bytes are kept, and the number behind it; None at the end."""
        kept, tail, size = bytearray(), b"", 0
        longest = len(self._word) + len(" 255\n")
        piece = before or receive(_PIECE_BYTES)
        while piece:
            kept += piece[: MAX_OUTPUT_BYTES + longest - len(kept)]
            size += len(piece)
            tail = (tail + piece)[-longest:]
            found = self._mark.search(tail)
            if found is not None:
                return bytes(kept[: min(size - len(found[0]), MAX_OUTPUT_BYTES)]), int(found[1])
            piece = receive(_PIECE_BYTES)
        return bytes(kept[:MAX_OUTPUT_BYTES]), None
