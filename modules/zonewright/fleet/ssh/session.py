"""One open connection: programs run on the host, as root by sudo where it must be, and files written whole."""

import contextlib
import hashlib
import secrets
import shlex
import time
from collections.abc import Callable, Sequence

import paramiko

from zonewright.fleet.ssh.accounts import sudo_refusal
from zonewright.fleet.ssh.errors import place_of
from zonewright.fleet.ssh.program_input import send_input
from zonewright.fleet.ssh.shell import Shell, loop
from zonewright.fleet.ssh.transport import (
    MAX_OUTPUT_BYTES,
    CompletedCommand,
    LostError,
    PrivilegeError,
    StorageError,
    Target,
)

_PIECE_BYTES = 256 * 1024
_SIGNALLED = 128
_PAUSES_S = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Between tries to open a channel that the server refuses."""
_PUT = """\
set -eu
export LC_ALL=C
folder=$(dirname -- "$1")
new="$folder/.zonewright-$$-$(basename -- "$1").new"
trap 'rm -f -- "$new"' EXIT
trap 'exit 1' HUP INT TERM
trap '' PIPE
umask 077
cat > "$new"
hash=$(sha256sum < "$new")
if [ "${hash%% *}" != "$3" ]; then echo "other bytes arrived than were sent" >&2; exit 65; fi
chmod "$2" "$new"
if [ -n "$4" ]; then chown "$4" "$new"; fi
sync "$new"
mv -fT -- "$new" "$1"
"""
"""Bytes come by standard input and not by SFTP: so that root's files go the same way, and are hashed before they
get their name. A connection that breaks midway leaves other bytes, so they never get it."""
_REASONS = {
    "No space left on device": "its disk is full",
    "Disk quota exceeded": "the user's quota is used up",
    "Read-only file system": "its file system is read-only",
    "Permission denied": "the user may not write there",
    "No such file or directory": "the folder is missing",
    "Directory nonexistent": "the folder is missing",
}


class SshSession:
    """A session with one host, for one thread.

    Args:
        connection: logged in.
        target: the host.
        deadline: moment of ``time.monotonic()`` by which all has ended; a watchdog ends the connection then.
        channel_s: for each write and each opening of a channel, in seconds.
        sudo_password: for a host whose sudo asks for one.
        ended: called when the session is closed.
    """

    def __init__(
        self,
        connection: paramiko.Transport,
        target: Target,
        *,
        deadline: float,
        channel_s: float,
        sudo_password: str | None,
        ended: Callable[[], None],
    ) -> None:
        self._connection, self._target, self._deadline = connection, target, deadline
        self._channel_s, self._sudo_password, self._ended = channel_s, sudo_password, ended
        self._shell: Shell | None = None

    def run(self, command: Sequence[str], *, stdin: bytes = b"", as_root: bool = False) -> CompletedCommand:
        """Run one program; see ``Session.run``."""
        as_other = as_root and self._target.user != "root"
        try:
            if not stdin:
                return self._run_in_shell(command, as_root=as_other)
            with contextlib.closing(self._opened()) as channel:
                said = self._begin(channel, command, as_root=as_other)
                self._send(channel, stdin)
                return self._collect(channel, _read_all(channel.recv), said + _read_all(channel.recv_stderr))
        except (paramiko.SSHException, EOFError, OSError) as error:
            self._end_shell()
            if isinstance(error, PrivilegeError | LostError):
                raise
            raise self._lost(_name_of(command)) from None

    def put(self, path: str, content: bytes, *, mode: int, as_root: bool = False, owner: str = "") -> None:
        """Write a file whole; see ``Session.put``."""
        digest = hashlib.sha256(content).hexdigest()
        done = self.run(
            ["sh", "-c", _PUT, "zonewright-put", path, f"{mode:o}", digest, owner], stdin=content, as_root=as_root
        )
        if done.code == 0:
            return
        complaint = done.stderr.decode("utf-8", "replace").strip()
        why = next((reason for words, reason in _REASONS.items() if words in complaint), complaint[-200:])
        raise StorageError(f"{self._place}: {path} is not written: {why}", code=done.code, output=complaint)

    def close(self) -> None:
        """End the session; never raises."""
        self._ended()
        with contextlib.suppress(Exception):  # nobody is left to be told
            self._connection.close()

    def _run_in_shell(self, command: Sequence[str], *, as_root: bool) -> CompletedCommand:
        """Run a program that reads nothing, in the one shell that is kept for such."""
        said = b""
        if self._shell is not None and self._shell.is_root == as_root:
            shell = self._shell
            shell.channel.settimeout(self._left_s())
            shell.begin(command)
        else:
            self._end_shell()
            channel, word = self._opened(), secrets.token_hex(16)
            self._shell = shell = Shell(channel, word, is_root=as_root)
            said = self._begin(channel, loop(word, command), as_root=as_root)
            channel.settimeout(self._left_s())
        code, stdout, stderr = shell.answer(said)
        if code is not None:
            return CompletedCommand(code, stdout, stderr)
        done = self._collect(shell.channel, stdout, stderr)
        self._end_shell()
        return done

    def _end_shell(self) -> None:
        if self._shell is not None:
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):  # the connection may be gone
                self._shell.close()
            self._shell = None

    def _opened(self) -> paramiko.Channel:
        """A new channel, without the shell where the server lets a connection have one at a time (MaxSessions)."""
        for pause_s in (*_PAUSES_S, None):
            try:
                return self._connection.open_session(timeout=min(self._channel_s, self._left_s()))
            except paramiko.ChannelException:
                if pause_s is None:
                    raise
            self._end_shell()
            time.sleep(min(pause_s, self._left_s()))  # until the server has seen the one before end
        raise AssertionError

    def _begin(self, channel: paramiko.Channel, command: Sequence[str], *, as_root: bool) -> bytes:
        """Let a program begin; gives what it complained of already."""
        if as_root:
            return self._begin_by_sudo(channel, command)
        channel.exec_command(shlex.join(command))
        return b""

    def _left_s(self) -> float:
        return max(0.001, self._deadline - time.monotonic())

    def _send(self, channel: paramiko.Channel, stdin: bytes) -> None:
        """Give it all its input. A program that ends without reading it closes the channel; that is no fault here."""
        is_sent = send_input(channel, stdin, channel_s=self._channel_s, left_s=self._left_s)
        if not is_sent and not self._connection.is_active():
            raise ConnectionResetError
        channel.shutdown_write()
        channel.settimeout(self._left_s())  # its errors wait in the channel's window until its output has ended

    def _collect(self, channel: paramiko.Channel, stdout: bytes, stderr: bytes) -> CompletedCommand:
        """How a program ended that said all it had to say."""
        if not channel.status_event.wait(self._left_s()):
            raise TimeoutError
        code = channel.recv_exit_status()
        if code < 0 and not self._connection.is_active():
            raise ConnectionResetError
        return CompletedCommand(code if code >= 0 else _SIGNALLED, stdout, stderr)

    def _begin_by_sudo(self, channel: paramiko.Channel, command: Sequence[str]) -> bytes:
        """As root: the password goes to sudo only after it asked for it, the input only after the program began.

        A host that needs no password would else take it for input, and write it into a file.
        """
        word = secrets.token_hex(8)
        prompt, go = f"password-{word}:", f"go-{word}"
        ask = ["-n"] if self._sudo_password is None else ["-S", "-p", prompt]
        begin = ["sh", "-c", f'echo {go} >&2; exec "$@"', "zonewright-root", *command]
        channel.exec_command(shlex.join(["env", "LC_ALL=C", "sudo", *ask, "--", *begin]))
        channel.settimeout(min(self._channel_s, self._left_s()))
        said, asked = bytearray(), False
        while f"{go}\n".encode() not in said:
            piece = channel.recv_stderr(_PIECE_BYTES)
            said += piece
            if said.count(prompt.encode()) > int(asked):
                if asked or self._sudo_password is None:
                    raise PrivilegeError(f"{self._place}: sudo refuses the password of {self._target.user}")
                asked = True
                channel.sendall(f"{self._sudo_password}\n".encode())
            elif not piece:
                raise self._privilege_error(channel, said.decode("utf-8", "replace"))
        return bytes(said.partition(f"{go}\n".encode())[2])

    def _privilege_error(self, channel: paramiko.Channel, said: str) -> Exception:
        if not channel.status_event.wait(self._left_s()) or not self._connection.is_active():
            return ConnectionResetError()
        user = self._target.user
        reasons = {
            "not found": "there is no sudo; install it, or log in as root",
            "No such file": "there is no sudo; install it, or log in as root",
            "'sudo': Permission denied": "there is no sudo that it may run; install it, or log in as root",
            "a password is required": f"sudo asks for the password of {user}; give it with --ask-sudo-password",
            "must have a tty": "sudo needs a terminal (requiretty); remove that option from its sudoers file",
            "not in the sudoers": f"sudo does not let {user} act as root",
            "not allowed": f"sudo does not let {user} run /bin/sh as root",
        }
        refusal = sudo_refusal(said, user)
        if refusal:
            return PrivilegeError(f"{self._place}: {refusal}")
        last = (said.strip().splitlines() or ["sudo ended without a message"])[-1]
        why = next((reason for words, reason in reasons.items() if words in said), f"sudo says: {last[-200:]}")
        return PrivilegeError(f"{self._place}: {why}")

    @property
    def _place(self) -> str:
        return place_of(self._target)

    def _lost(self, program: str) -> LostError:
        over = time.monotonic() >= self._deadline
        why = "the time for this host is over" if over else "the connection broke or froze"
        return LostError(f"{self._place}: {why} while {program} ran; its result is not known")


def _name_of(command: Sequence[str]) -> str:
    """What a command is called: a script by the name that it is given."""
    return command[3] if command[0] == "sh" and len(command) > 3 else command[0]  # noqa: PLR2004 - sh -c script name


def _read_all(receive: Callable[[int], bytes]) -> bytes:
    """All that comes, of which the first bytes are kept."""
    kept = bytearray()
    while piece := receive(_PIECE_BYTES):
        kept += piece[: MAX_OUTPUT_BYTES - len(kept)]
    return bytes(kept)
