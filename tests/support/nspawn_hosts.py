"""Hosts that a real systemd has booted: each in a container with own files, accounts, address and OpenSSH server.

The root file system is made by debootstrap once and kept in zonewright's cache; each host writes to an overlay of its
own. Needs root, Debian's packages debootstrap, systemd-container and iproute2, and Debian's own package sources;
where one is missing the tests skip loudly, and fail where ``CI`` is set.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from support.parts import require, skip_or_fail
from support.ssh_hosts import new_key
from zonewright.engine import cache
from zonewright.fleet.ssh.transport import Target

SUITE = "bookworm"
PACKAGES = ("systemd", "systemd-sysv", "dbus", "openssh-server", "python3", "python3-psutil", "sudo", "iproute2")
USER = "operator"
BOOT_S = 60.0
_BRIDGE = "zw-test"
_NETWORK = "10.203.0"
GATEWAY = f"{_NETWORK}.1"
"""This machine, as the hosts see it."""
_PROGRAMS = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "ip": "iproute2"}
_WATCHES = Path("/proc/sys/fs/inotify/max_user_instances")
_SSHD = f"""\
UsePAM no
PasswordAuthentication no
PermitRootLogin no
UseDNS no
MaxStartups 100:30:200
AllowUsers {USER}
"""


def require_systemd_hosts() -> None:
    """Skip what needs booted hosts where they cannot be had."""
    for program, package in _PROGRAMS.items():
        require(program, package, "what systemd does on hosts")
    if os.geteuid() != 0:
        skip_or_fail("hosts with systemd need root: units on hosts are NOT tested")


def root_file_system() -> Path:
    """The root file system that all hosts share, made when it is missing; two processes make one."""
    name = hashlib.sha256(" ".join((SUITE, *PACKAGES)).encode()).hexdigest()[:12]
    path = cache.folder(os.environ) / f"root-{SUITE}-{name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.is_dir():
            _debootstrap(path)
    return path


def _debootstrap(path: Path) -> None:
    """Make it under another name (a minute), then rename: a run that is interrupted leaves nothing that looks whole."""
    listing = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian"]
    found = subprocess.run([*listing, f"Codename: {SUITE}"], capture_output=True, text=True, check=False).stdout.split()
    if not found:
        skip_or_fail(f"no package source of Debian {SUITE} is configured (apt-get update): units are NOT tested")
    temporary = path.with_suffix(".new")
    shutil.rmtree(temporary, ignore_errors=True)
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(temporary), found[0]]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode != 0:
        skip_or_fail(f"debootstrap failed: {result.stdout[-500:]}")
    for key in (temporary / "etc" / "ssh").glob("ssh_host_*"):
        key.unlink()
    temporary.rename(path)


@dataclass(kw_only=True)
class SystemdHost:
    """One booted host.

    Attributes:
        name: of the node.
        address: on the test's bridge.
        folder: its overlay; what it writes is below ``upper``.
        public_key: of its OpenSSH server.
        base: the root file system below it.
    """

    name: str
    address: str
    folder: Path
    public_key: str
    base: Path
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def root(self) -> Path:
        """Its files as it sees them, while it runs."""
        return self.folder / "merged"

    @property
    def port(self) -> str:
        """Its end of the wire on this machine."""
        return f"{self.name}p"[-15:]

    def target(self, **changes: object) -> Target:
        """How to reach it, with its key pinned."""
        values: dict[str, object] = {
            "name": self.name,
            "address": self.address,
            "user": USER,
            "host_keys": (self.public_key,),
        }
        return Target(**{**values, **changes})  # type: ignore[arg-type] # changed by name

    def clear(self) -> None:
        """Take away what a run that was killed left under its name: the container, its network, its port."""
        for process in psutil.process_iter(["cmdline"]):
            if f"--machine={self.name}" in (process.info["cmdline"] or ()):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
                    process.wait(timeout=10)
        _do("ip", "netns", "delete", self.name, check=False)
        _do("ip", "link", "delete", self.port, check=False)

    def start(self) -> None:
        """Mount its files, plug it into the bridge, boot it; ``wait`` waits for it."""
        overlay = f"lowerdir={self.base},upperdir={self.folder / 'upper'},workdir={self.folder / 'work'}"
        _do("mount", "-t", "overlay", "overlay", "-o", overlay, str(self.root))
        _do("ip", "netns", "add", self.name)
        _do("ip", "link", "add", self.port, "type", "veth", "peer", "name", "host0", "netns", self.name)
        _do("ip", "link", "set", self.port, "master", _BRIDGE, "up")
        inside = ("ip", "-n", self.name)
        _do(*inside, "address", "add", f"{self.address}/24", "dev", "host0")
        _do(*inside, "link", "set", "host0", "up")
        _do(*inside, "link", "set", "lo", "up")
        _do(*inside, "route", "add", "default", "via", GATEWAY)
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--machine={self.name}", "--boot"]
        command += [f"--network-namespace-path=/run/netns/{self.name}", f"--directory={self.root}"]
        with (self.folder / "console").open("wb") as console:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True
            )

    def wait(self) -> None:
        """Wait until its SSH server takes connections."""
        deadline = time.monotonic() + BOOT_S
        while time.monotonic() < deadline:
            try:
                socket.create_connection((self.address, 22), timeout=1).close()
            except OSError:
                if self.process is None or self.process.poll() is not None:
                    break
                time.sleep(0.05)
            else:
                return
        pytest.fail(f"{self.name} did not boot: {(self.folder / 'console').read_text(errors='replace')[-2000:]}")

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command inside it as root, beside SSH; gives what it printed, errors too."""
        result = subprocess.run(
            ["nsenter", "--target", str(self._first().pid), "--all", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert not check or result.returncode == 0, result.stdout
        return result.stdout

    def _first(self) -> psutil.Process:
        """Its process number 1, as this machine sees it."""
        assert self.process is not None
        return psutil.Process(self.process.pid).children()[0]

    def cut_power(self) -> None:
        """End it without a word to what runs in it; ``start`` boots it again with the files that it has."""
        assert self.process is not None
        self._first().kill()
        self.process.wait(timeout=10)
        self.stop()
        self.clear()

    def stop(self) -> None:
        """Shut it down, by force after ten seconds, and take its files and its port away."""
        if self.process is not None:
            try:
                self._first().send_signal(signal.SIGRTMIN + 4)
                self.process.wait(timeout=10)
            except (subprocess.TimeoutExpired, psutil.NoSuchProcess, IndexError):
                self.process.kill()
                self.process.wait(timeout=10)
            self.process = None
        _do("ip", "netns", "delete", self.name, check=False)
        _do("umount", "--lazy", str(self.root), check=False)


def _do(*command: str, check: bool = True) -> None:
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert not check or result.returncode == 0, f"{' '.join(command)}: {result.stdout}"


def _prepare(folder: Path, base: Path, number: int, client_key: str) -> SystemdHost:
    """What a host has of its own before it boots: key, account, name."""
    own = folder / f"systemd-{number:03}"
    for part in ("upper", "work", "merged"):
        (own / part).mkdir(parents=True)
    etc = own / "upper" / "etc"
    home = own / "upper" / "home" / USER / ".ssh"
    for made in (etc / "ssh" / "sshd_config.d", etc / "sudoers.d", home):
        made.mkdir(parents=True)
    public = new_key(etc / "ssh" / "ssh_host_ed25519_key")
    (etc / "ssh" / "sshd_config.d" / "test.conf").write_text(_SSHD, encoding="ascii")
    (etc / "hostname").write_text(f"systemd-{number:03}\n", encoding="ascii")
    (etc / "hosts").write_text(f"127.0.0.1 localhost systemd-{number:03}\n", encoding="ascii")
    for name, line, mode in (
        ("passwd", f"{USER}:x:1000:1000::/home/{USER}:/bin/sh", 0o644),
        ("group", f"{USER}:x:1000:", 0o644),
        ("shadow", f"{USER}:*:20000:0:99999:7:::", 0o640),
    ):
        (etc / name).write_text(f"{(base / 'etc' / name).read_text(encoding='utf-8')}{line}\n", encoding="utf-8")
        (etc / name).chmod(mode)
    (etc / "sudoers.d" / USER).write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n", encoding="ascii")
    (etc / "sudoers.d" / USER).chmod(0o440)
    (home / "authorized_keys").write_text(f"{client_key}\n", encoding="ascii")
    for path in (home.parent, home, home / "authorized_keys"):
        os.chown(path, 1000, 1000)
    return SystemdHost(
        name=f"systemd-{number:03}",
        address=f"{_NETWORK}.{9 + number}",
        folder=own,
        public_key=public,
        base=base,
    )


@contextmanager
def _bridge() -> Iterator[None]:
    """A network of the test's own on this machine, one test at a time, and room for many hosts' file watches."""
    before = _WATCHES.read_text(encoding="ascii")
    with (cache.folder(os.environ) / "test-bridge.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _do("ip", "link", "delete", _BRIDGE, check=False)  # of a run that was killed
        _do("ip", "link", "add", _BRIDGE, "type", "bridge")
        try:
            _do("ip", "address", "add", f"{GATEWAY}/24", "dev", _BRIDGE)
            _do("ip", "link", "set", _BRIDGE, "up")
            _WATCHES.write_text(f"{max(8192, int(before))}\n", encoding="ascii")
            yield
        finally:
            _WATCHES.write_text(before, encoding="ascii")
            _do("ip", "link", "delete", _BRIDGE, check=False)


@contextmanager
def systemd_hosts(folder: Path, count: int) -> Iterator[tuple[Sequence[SystemdHost], Path]]:
    """So many booted hosts, and the key file that logs in to them as a user who may use sudo.

    Args:
        folder: where their overlays go.
        count: how many, at most 200.
    """
    require_systemd_hosts()
    base = root_file_system()
    key = folder / "client_key"
    public = new_key(key)
    hosts = [_prepare(folder, base, number, public) for number in range(1, count + 1)]
    with _bridge(), ExitStack() as stack:
        for host in hosts:
            host.clear()
            stack.callback(host.stop)
            host.start()
        for host in hosts:
            host.wait()
        yield hosts, key
