"""Hosts without a machine: each has network, files and processes of its own, and is gone when this process is.

A host is a process that holds its namespaces. It dies with the process that made it, also when that is killed, and
takes its processes and interfaces along: nothing is left behind, and no two runs can meet. Needs root and Debian's
packages iproute2 and util-linux.
"""

import ctypes
import itertools
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.parts import find, require, search_path, skip_or_fail

_LIBC = ctypes.CDLL(None, use_errno=True)
_NEW_NETWORK = 0x40000000
_ANY_SOURCE = {socket.AF_INET: (socket.IPPROTO_IP, 19), socket.AF_INET6: (socket.IPPROTO_IPV6, 75)}
"""IP_TRANSPARENT and IPV6_TRANSPARENT: a socket may send with an address that its host has not."""
_SEEN_S = 0.4
_KEEP = "mount --make-rprivate / && mount -t tmpfs run /run && echo ready && exec sleep infinity"
_QUIET = subprocess.DEVNULL


def require_hosts() -> None:
    """Skip what needs hosts of this kind where they cannot be had."""
    for program, package in {"ip": "iproute2", "unshare": "util-linux", "nsenter": "util-linux"}.items():
        require(program, package, "a network of rendered files")
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode != 0:
        skip_or_fail("network namespaces need root: a network of rendered files is NOT tested")


@dataclass
class NetworkHost:
    """One host.

    Attributes:
        name: for messages.
        folder: files of its own.
    """

    name: str
    folder: Path
    _holder: subprocess.Popen[str] | None = None
    _pid: int = 0
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        """Make its namespaces."""
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--pid", "--uts", "--fork"]
        command += ["--kill-child", "--mount-proc", "sh", "-c", _KEEP]
        self._holder = subprocess.Popen(command, stdin=_QUIET, stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n", self.name
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text(encoding="ascii")
        self._pid = int(children.split()[0])

    def stop(self) -> None:
        """End everything in it."""
        if self._holder is not None:
            self._holder.kill()
            self._holder.communicate()  # and close the pipe
        for one in self._running:
            one.wait()

    @property
    def pid(self) -> int:
        """The process whose namespaces are the host's."""
        return self._pid

    def _command(self, command: Sequence[str]) -> list[str]:
        whole = find(command[0]) or command[0]
        return ["nsenter", "--target", str(self._pid), "--net", "--mount", "--pid", "--uts", whole, *command[1:]]

    def run(self, *command: str, check: bool = True, text: str | None = None) -> str:
        """Run a command in it; gives what it printed, errors too."""
        done = subprocess.run(
            self._command(command),
            input=text,
            stdin=None if text is not None else _QUIET,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "PATH": search_path()},
        )
        assert not check or done.returncode == 0, f"{self.name}: {' '.join(command)}: {done.stdout}"
        return done.stdout

    def daemon(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program in it that goes on; what it says is in its folder."""
        with (self.folder / f"{Path(command[0]).name}.log").open("ab") as log:
            process = subprocess.Popen(
                self._command(command), stdin=_QUIET, stdout=log, stderr=log, env={**os.environ, "PATH": search_path()}
            )
        self._running.append(process)
        return process

    def ip(self, lines: Sequence[str]) -> None:
        """Carry out lines of ``ip`` in it, all in one process."""
        if lines:
            # Only the network is the host's: other hosts are named by their processes as this machine counts them.
            command = ["nsenter", "--target", str(self._pid), "--net", find("ip") or "ip", "-batch", "-"]
            text = "".join(f"{line}\n" for line in lines)
            done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{self.name}: {done.stderr}{text}"

    def bind(self, folder: Path, where: str) -> None:
        """Put a folder in the place of another one."""
        folder.mkdir(parents=True, exist_ok=True)
        self.run("sh", "-c", f"mkdir -p {where} && mount --bind {folder} {where}")

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Sockets that are made meanwhile are the host's."""
        with Path(f"/proc/{self._pid}/ns/net").open("rb") as there, Path("/proc/self/ns/net").open("rb") as here:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(here.fileno())

    def connect(self, address: str, port: int, source: str) -> socket.socket:
        """A TCP connection that is about to be made; ``connected`` says whether it was."""
        with self.inside():
            one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            one.settimeout(0)
            one.bind((source, 0))
            one.connect_ex((address, port))
        return one

    def listen(self, ports: Iterable[int]) -> list[socket.socket]:
        """Sockets to which the kernel lets connect, for both IP versions."""
        made = []
        with self.inside():
            for port in ports:
                one = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                one.bind(("::", port))
                one.listen(1024)
                made.append(one)
        return made

    def is_seen_at(self, other: "NetworkHost", *, source: str, target: str) -> bool:
        """Whether a packet from here, with whatever source, is taken in by the network of another host's program.

        Args:
            other: the host.
            source: address that the packet says it is from; it need not be this host's.
            target: address of the other host.
        """
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        with ExitStack() as ends:
            with other.inside():
                taker = ends.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                taker.bind((target, 0))
            with self.inside():
                sender = ends.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                sender.setsockopt(*_ANY_SOURCE[family], 1)
                sender.bind((source, 0))
                sender.sendto(b"zonewright", taker.getsockname()[:2])
            taker.settimeout(_SEEN_S)
            try:
                return taker.recv(64) == b"zonewright"
            except TimeoutError:
                return False

    def pinger(self, address: str) -> "Pinger":
        """What pings an address from here."""
        with self.inside():
            return Pinger(address)


def _enter(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def connected(one: socket.socket) -> bool:
    """Whether a TCP connection has been made."""
    try:
        one.getpeername()
    except OSError:
        return False
    return True


class Pinger:
    """Echo requests to one address, and the answers to them.

    Args:
        address: whom to ask.
    """

    _ids = itertools.count(1)

    def __init__(self, address: str) -> None:
        self.address = address
        self._v6 = ":" in address
        protocol = socket.getprotobyname("ipv6-icmp" if self._v6 else "icmp")
        self._socket = socket.socket(socket.AF_INET6 if self._v6 else socket.AF_INET, socket.SOCK_RAW, protocol)
        self._socket.settimeout(0)
        self._id = next(self._ids) & 0xFFFF

    def send(self, number: int, more: int = 0) -> None:
        """Ask once, by a packet with so many bytes more; a way that is not there is no answer."""
        kind = 128 if self._v6 else 8
        body = struct.pack("!BBHHH", kind, 0, 0, self._id, number & 0xFFFF) + b"zonewright" + bytes(more)
        if not self._v6:
            body = body[:2] + struct.pack("!H", _checksum(body)) + body[4:]
        try:
            self._socket.sendto(body, (self.address, 0))
        except OSError:
            return

    def answers(self) -> set[int]:
        """Numbers of the answers since the last call."""
        found: set[int] = set()
        while True:
            try:
                packet, _ = self._socket.recvfrom(2048)
            except OSError:
                return found
            body = packet if self._v6 else packet[(packet[0] & 15) * 4 :]
            kind, _, _, own, number = struct.unpack("!BBHHH", body[:8])
            if kind == (129 if self._v6 else 0) and own == self._id:
                found.add(number)

    def close(self) -> None:
        """Ask no more."""
        self._socket.close()


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def until(holds: Callable[[], bool], *, within_s: float, step_s: float = 0.1) -> bool:
    """Whether something holds within a time."""
    end = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(step_s)
    return True
