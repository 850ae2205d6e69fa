"""Hosts with a real OpenSSH server each, on 127.0.1.x: own key, own account, own home, own processes.

As root each host is a mount and process namespace, so that faults of accounts, sudo and disks are real and nothing on
this machine is changed. Without root it is a plain server of the user who runs the tests; what needs more is skipped
loudly, and fails where ``CI`` is set.
"""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psutil
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from support.parts import require, skip_or_fail
from zonewright.fleet.ssh.transport import Target

USER, USER_ID = "operator", 20_001
PASSWORD = "correct horse"
_CONFIG = """\
ListenAddress {address}
Port {port}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {authorized}
UsePAM {use_pam}
UseDNS no
StrictModes no
PasswordAuthentication no
MaxStartups {startups}
Subsystem sftp internal-sftp
{extra}
"""


_OVERLAY = """\
mkdir -p {folder} /run/upper{name} /run/work{name}
mount -t overlay none -o lowerdir={folder},upperdir=/run/upper{name},workdir=/run/work{name} {folder}
"""
_RUNIT = """\
install -d -o {user} -g {user} {home}/agent {home}/agent/service
env -i HOME={home} PATH=/usr/bin:/bin setpriv --reuid {user} --regid {user} --clear-groups \\
  runsvdir {home}/agent/service >/dev/null 2>&1 &
"""


def sshd() -> str:
    """The OpenSSH server's program."""
    return require("sshd", "openssh-server", "roll-out over SSH")


def require_hosts(*, has_runit: bool) -> None:
    """Skip what needs hosts, before anything for them is made."""
    sshd()
    if has_runit:
        require("runsvdir", "runit", "roll-out to hosts with runit")


@cache
def has_namespaces() -> bool:
    """Whether hosts can have own accounts and disks."""
    command = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "true"]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


def require_namespaces() -> None:
    """Skip what needs own accounts and disks where they cannot be had."""
    if not has_namespaces():
        skip_or_fail("own accounts and disks for test hosts need root and namespaces: these faults are NOT tested")


def new_key(path: Path) -> str:
    """Make an Ed25519 key pair; gives the public half in one line."""
    key = Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    path.chmod(0o600)
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    path.with_suffix(".pub").write_text(f"{public} {path.name}\n", encoding="ascii")
    return public


@dataclass
class SshHost:
    """One host.

    Attributes:
        name: of the node.
        address: on the loopback device.
        folder: what the test may look at; ``home`` in it is the user's.
        public_key: of its server.
        port: of its server, one that was free.
        startups: as sshd's MaxStartups.
        extra: more lines of sshd_config.
        shadow: the password field of the account.
        aging: the fields behind it: when it was changed, and when what expires.
        use_pam: ``yes`` lets the machine's PAM judge accounts.
        sudoers: what its sudo lets the user do; empty for nothing.
        prepare: commands of its own before the server starts, such as mounts.
        overlays: folders that it may change for itself alone.
        has_runit: whether runit watches the folder ``agent/service`` of the user's home.
    """

    name: str
    address: str
    folder: Path
    public_key: str
    port: int
    startups: str = "100:30:200"
    extra: str = ""
    shadow: str = "*"
    aging: str = "20000:0:99999:7:::"
    use_pam: str = "no"
    sudoers: str = ""
    prepare: str = ""
    overlays: tuple[str, ...] = ()
    has_runit: bool = False
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def user(self) -> str:
        """Who logs in."""
        return USER if has_namespaces() else psutil.Process().username()

    @property
    def home(self) -> Path:
        """The user's folder, as seen from here."""
        return self.folder / "home" / USER

    @property
    def home_there(self) -> str:
        """The user's folder, as the host calls it."""
        return f"/home/{USER}" if has_namespaces() else str(self.home)

    def target(self, **changes: object) -> Target:
        """How to reach it, with its key pinned."""
        values: dict[str, object] = {
            "name": self.name,
            "address": self.address,
            "port": self.port,
            "user": self.user,
            "host_keys": (self.public_key,),
        }
        return Target(**{**values, **changes})  # type: ignore[arg-type] # changed by name

    def start(self) -> None:
        """Start its server; ``wait`` waits for it."""
        authorized = f"{self.home_there}/.ssh/authorized_keys"
        text = _CONFIG.format(**vars(self), authorized=authorized)
        (self.folder / "sshd_config").write_text(text, encoding="utf-8")
        server = [sshd(), "-D", "-e", "-f", str(self.folder / "sshd_config")]
        if self.has_runit and not has_namespaces():
            skip_or_fail("hosts with runit need root and namespaces here: roll-out to them is NOT tested")
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self._in_namespace(server) if has_namespaces() else server,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _in_namespace(self, server: Sequence[str]) -> list[str]:
        """The server as the first process of a host with own accounts, home and sudo."""
        etc = self.folder / "etc"
        etc.mkdir(exist_ok=True)
        for name, line in (
            ("passwd", f"{USER}:x:{USER_ID}:{USER_ID}::/home/{USER}:/bin/sh"),
            ("group", f"{USER}:x:{USER_ID}:"),
            ("shadow", f"{USER}:{self.shadow}:{self.aging}"),
        ):
            present = Path("/etc", name).read_text(encoding="utf-8")
            (etc / name).write_text(f"{present}{line}\n", encoding="utf-8")
        (etc / "sudoers").write_text(f"root ALL=(ALL) ALL\n{self.sudoers}\n", encoding="utf-8")
        (etc / "sudoers").chmod(0o440)
        place = "cp" if "/etc" in self.overlays else "mount --bind"  # over a mount useradd could not rename
        lines = [
            "set -e",
            "mount -t tmpfs none /run",
            "mkdir /run/sshd",
            f"mount --bind {self.folder}/home /home",
            f"hostname {self.name}",
            *(_OVERLAY.format(folder=folder, name=folder.replace("/", "-")) for folder in self.overlays),
            *(f"{place} {etc}/{name} /etc/{name}" for name in ("passwd", "group", "shadow")),
            f"if [ -e /etc/sudoers ]; then {place} {etc}/sudoers /etc/sudoers; fi",
            *([_RUNIT.format(user=USER_ID, home=f"/home/{USER}")] if self.has_runit else []),
            self.prepare,
            'exec "$@"',
        ]
        unshare = ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
        return [*unshare, "sh", "-c", "\n".join(lines), "host", *server]

    def wait(self) -> None:
        """Wait until it takes connections; ten seconds at most."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection((self.address, self.port), timeout=1).close()
            except OSError:
                if self.process is None or self.process.poll() is not None:
                    break
                time.sleep(0.02)
            else:
                return
        pytest.fail(f"{self.name} did not start: {(self.folder / 'log').read_text(encoding='utf-8')[-2000:]}")

    def sessions(self) -> list[psutil.Process]:
        """The processes of its open sessions."""
        return [one for one in self.processes() if "sshd: " in _command(one) and "[listener]" not in _command(one)]

    def processes(self) -> list[psutil.Process]:
        """All its processes but the first."""
        assert self.process is not None
        try:
            found = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return found[1:] if has_namespaces() else found

    def commands(self) -> dict[int, str]:
        """The command line of each of its processes, by process."""
        return {one.pid: _command(one) for one in self.processes()}

    def stop(self) -> None:
        """End it with all its processes; on return none of them listens any more."""
        if self.process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                everything = psutil.Process(self.process.pid).children(recursive=True)
                for one in everything:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        one.kill()
                psutil.wait_procs(everything, timeout=10)
            self.process.kill()
            self.process.wait(timeout=10)
            self.process = None


def _command(process: psutil.Process) -> str:
    """Its command line; empty for one that has just ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def make_host(folder: Path, number: int, client_key: str, **options: object) -> SshHost:
    """A host that is not started yet."""
    own = folder / f"host-{number:03}"
    home = own / "home" / USER
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "authorized_keys").write_text(f"{client_key}\n", encoding="ascii")
    if has_namespaces():
        for path in (home, home / ".ssh", home / ".ssh" / "authorized_keys"):
            os.chown(path, USER_ID, USER_ID)
    public = new_key(own / "host_key")
    address = f"127.0.{1 + number // 250}.{number % 250}"
    with socket.socket() as free:
        free.bind((address, 0))
        port = free.getsockname()[1]
    return SshHost(f"host-{number:03}", address, own, public, port, **options)  # type: ignore[arg-type] # by name


@contextmanager
def running(*hosts: SshHost) -> Iterator[None]:
    """Start hosts, and end them at the end."""
    with ExitStack() as stack:
        for host in hosts:
            host.start()
            stack.callback(host.stop)
        for host in hosts:
            host.wait()
        yield


@contextmanager
def ssh_hosts(folder: Path, count: int, **options: object) -> Iterator[tuple[list[SshHost], Path]]:
    """So many running hosts, and the key file that logs in to them."""
    require_hosts(has_runit=bool(options.get("has_runit")))
    key = folder / "client_key"
    public = new_key(key)
    hosts = [make_host(folder, number, public, **options) for number in range(1, count + 1)]
    with running(*hosts):
        yield hosts, key


def shadow_of(password: str) -> str:
    """The password field of an account with this password."""
    command = ["openssl", "passwd", "-6", "-stdin"]
    return subprocess.run(command, input=password, capture_output=True, text=True, check=True).stdout.strip()
