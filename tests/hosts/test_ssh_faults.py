"""What can go wrong between a deployer and a host, on real OpenSSH servers: each with its own name and sentence."""

import dataclasses
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko
import pytest

from support.fault_proxy import FaultProxy
from support.parts import keygen
from support.ssh_hosts import (
    PASSWORD,
    SshHost,
    make_host,
    new_key,
    require_namespaces,
    running,
    shadow_of,
    ssh_hosts,
    sshd,
)
from zonewright.fleet.agents.facts import observe
from zonewright.fleet.agents.layout import user_layout
from zonewright.fleet.ssh.public_keys import PublicKey
from zonewright.fleet.ssh.session import SshSession
from zonewright.fleet.ssh.ssh_transport import SshSettings, SshTransport
from zonewright.fleet.ssh.transport import (
    AccountError,
    AlgorithmError,
    CommandError,
    DroppedError,
    HostKeyError,
    LoginError,
    LostError,
    PrivilegeError,
    RefusedPortError,
    SilentHostError,
    StorageError,
    Target,
    UnreachableError,
)


@pytest.fixture(name="host", scope="module")
def _host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHost]:
    """A good host; its client's key lies beside its folder."""
    with ssh_hosts(tmp_path_factory.mktemp("hosts"), 1) as (hosts, _):
        yield hosts[0]


def key_of(host: SshHost) -> Path:
    """The key that logs in."""
    return host.folder.parent / "client_key"


@contextmanager
def transport(host: SshHost, **settings: object) -> Iterator[SshTransport]:
    """A transport that logs in to the host."""
    made = SshTransport(SshSettings(**{"key_files": (key_of(host),), **settings}))  # type: ignore[arg-type] # by name
    yield made
    made.close()


@contextmanager
def session(
    host: SshHost, *, target: Target | None = None, seconds: float = 20, **settings: object
) -> Iterator[SshSession]:
    """An open session."""
    with transport(host, **settings) as opened:
        made = opened.connect(target or host.target(), deadline=time.monotonic() + seconds)
        yield made
        made.close()


def refusal(host: SshHost, target: Target, *, seconds: float = 20, **settings: object) -> UnreachableError:
    """Why there is no session."""
    with pytest.raises(UnreachableError) as caught, session(host, target=target, seconds=seconds, **settings):
        pass
    return caught.value


def test_a_silent_host_ends_by_its_timeout(host: SshHost) -> None:
    """A server that accepts and says nothing is a silent host, as soon as the time for its first line is over."""
    with FaultProxy(None) as proxy:
        error = refusal(host, host.target(address="127.0.0.1", port=proxy.address[1]), banner_s=0.5)
    assert isinstance(error, SilentHostError)
    assert re.search(r"accepts connections and says nothing", str(error))


def test_a_silent_host_ends_by_the_deadline(host: SshHost) -> None:
    """The deadline of the host counts also where the timeouts are longer."""
    began = time.monotonic()
    with FaultProxy(None) as proxy:
        error = refusal(host, host.target(address="127.0.0.1", port=proxy.address[1]), seconds=0.5)
    assert isinstance(error, SilentHostError)
    assert time.monotonic() - began < 5


def test_a_refused_port_is_told(host: SshHost) -> None:
    """Where nobody listens, the sentence says so."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        error = refusal(host, host.target(address="127.0.0.1", port=free.getsockname()[1]))
    assert isinstance(error, RefusedPortError)
    assert str(error).endswith("refuses the connection: no SSH server listens there")


def test_a_port_of_another_service_is_told(host: SshHost) -> None:
    """A server that speaks HTTP is no SSH server."""
    with FaultProxy(None, say=b"HTTP/1.1 400 Bad Request\r\n\r\n" * 200) as proxy:
        error = refusal(host, host.target(address="127.0.0.1", port=proxy.address[1]))
    assert isinstance(error, RefusedPortError)
    assert "not as an SSH server does" in str(error)


def test_an_unknown_name_is_told(host: SshHost) -> None:
    """An address that no resolver knows is named."""
    error = refusal(host, host.target(address="no-such-host.invalid"))
    assert "the name no-such-host.invalid is not known" in str(error)


def test_a_wrong_key_stops_with_both_fingerprints(host: SshHost, tmp_path: Path) -> None:
    """A host with another key than the trusted one is refused before the login; both fingerprints are shown."""
    other = new_key(tmp_path / "other")
    logins = (host.folder / "log").read_text(encoding="utf-8").count("Accepted")
    error = refusal(host, host.target(host_keys=(other,)))
    assert isinstance(error, HostKeyError)
    assert PublicKey.parse(other).fingerprint in str(error)
    assert PublicKey.parse(host.public_key).fingerprint in str(error)
    assert (host.folder / "log").read_text(encoding="utf-8").count("Accepted") == logins


def test_a_key_of_another_type_stops_with_both_fingerprints(host: SshHost) -> None:
    """A host that no longer has a key of the trusted type shows which key it has instead."""
    trusted = f"ecdsa-sha2-nistp256 {paramiko.ECDSAKey.generate().get_base64()}"
    error = refusal(host, host.target(host_keys=(trusted,)))
    assert isinstance(error, HostKeyError)
    assert PublicKey.parse(host.public_key).fingerprint in str(error)
    assert PublicKey.parse(trusted).fingerprint in str(error)


def test_an_unknown_key_is_never_accepted(host: SshHost) -> None:
    """Without a trusted key there is no login; the sentence names the fingerprint and the command that trusts it."""
    error = refusal(host, host.target(host_keys=()))
    assert isinstance(error, HostKeyError)
    assert PublicKey.parse(host.public_key).fingerprint in str(error)
    assert "zonewright fleet trust host-001" in str(error)


def test_a_key_changed_in_mid_run_is_found(tmp_path: Path) -> None:
    """A host that is set up again between two connections is refused at the second one."""
    with ssh_hosts(tmp_path, 1) as (hosts, _):
        host = hosts[0]
        with transport(host) as opened:
            opened.connect(host.target(), deadline=time.monotonic() + 20).close()
            host.stop()
            new_key(host.folder / "host_key")
            host.start()
            host.wait()
            with pytest.raises(HostKeyError, match="somebody may be in between"):
                opened.connect(host.target(), deadline=time.monotonic() + 20)


def test_known_hosts_files_are_read(host: SshHost, tmp_path: Path) -> None:
    """A line of a known hosts file lets its host pass, plain or hashed; a revoked one never."""
    plain, hashed, revoked = tmp_path / "plain", tmp_path / "hashed", tmp_path / "revoked"
    name = f"[{host.address}]:{host.port}"
    for file in (plain, hashed):
        file.write_text(f"# ours\n{name} {host.public_key} comment\n", encoding="ascii")
    subprocess.run([keygen(), "-q", "-H", "-f", str(hashed)], check=True, capture_output=True)
    assert "|1|" in hashed.read_text(encoding="ascii")
    revoked.write_text(f"@revoked {name} {host.public_key}\n", encoding="ascii")
    target = host.target(host_keys=())
    for file in (plain, hashed):
        with session(host, target=target, known_hosts=(file,)) as opened:
            assert opened.run(["true"]).code == 0
    error = refusal(host, target, known_hosts=(plain, revoked))
    assert "marked as revoked" in str(error)


@pytest.fixture(name="authorities", scope="module")
def _authorities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with keys of each kind of an authority and of a stranger; one of RSA is a second of CPU."""
    folder = tmp_path_factory.mktemp("authorities")
    for name in ("authority", "stranger"):
        for kind in KINDS:
            subprocess.run([keygen(), "-q", "-t", kind, "-N", "", "-f", str(folder / f"{name}-{kind}")], check=True)
    return folder


KINDS = ("ed25519", "ecdsa", "rsa")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("principals", "validity", "signer", "flaw"),
    [
        ("host-001,127.0.1.1", "always:forever", "authority", ""),
        ("other.example", "always:forever", "authority", "is for other.example"),
        ("host-001", "20200101:20200201", "authority", "is not valid now"),
        ("host-001", "always:forever", "stranger", "not a trusted authority"),
    ],
)
def test_certificates_of_an_authority(
    tmp_path: Path, authorities: Path, *, kind: str, principals: str, validity: str, signer: str, flaw: str
) -> None:
    """A certificate counts when a trusted authority signed it for this host and this time, and only then."""
    public = new_key(tmp_path / "client_key")
    host = make_host(tmp_path, 1, public, extra=f"HostCertificate {tmp_path}/host-001/host_key-cert.pub")
    key = authorities / f"{signer}-{kind}"
    sign = [keygen(), "-q", "-s", str(key), "-I", "a host", "-h", "-n", principals, "-V", validity]
    subprocess.run([*sign, str(host.folder / "host_key.pub")], check=True, capture_output=True)
    authority = " ".join((authorities / f"authority-{kind}.pub").read_text(encoding="ascii").split()[:2])
    known = tmp_path / "known_hosts"
    known.write_text(f"@cert-authority [127.0.1.*]:{host.port} {authority}\n", encoding="ascii")
    sshd()
    with running(host):
        target = host.target(host_keys=())
        if flaw:
            error = refusal(host, target, known_hosts=(known,))
            assert isinstance(error, HostKeyError)
            assert flaw in str(error)
        else:
            with session(host, target=target, known_hosts=(known,)) as opened:
                assert opened.run(["true"]).code == 0


def test_a_users_certificate_does_not_speak_for_a_host(tmp_path: Path) -> None:
    """What an authority signed for a user is no certificate of a host, even with the right name."""
    for name in ("authority",):
        new_key(tmp_path / name)
    public = new_key(tmp_path / "client_key")
    host = make_host(tmp_path, 1, public, extra=f"HostCertificate {tmp_path}/host-001/host_key-cert.pub")
    sign = [keygen(), "-q", "-s", str(tmp_path / "authority"), "-I", "a user", "-n", "host-001"]
    subprocess.run([*sign, str(host.folder / "host_key.pub")], check=True, capture_output=True)
    known = tmp_path / "known_hosts"
    authority = (tmp_path / "authority.pub").read_text(encoding="ascii")
    known.write_text(f"@cert-authority * {authority}", encoding="ascii")
    sshd()
    with running(host):
        # OpenSSH does not show such a certificate, so the host has only a plain key, which nobody trusts.
        assert isinstance(refusal(host, host.target(host_keys=()), known_hosts=(known,)), HostKeyError)


def test_a_refused_login_is_told(host: SshHost, tmp_path: Path) -> None:
    """A key that the user has not authorised does not get in, and the sentence says what to look at."""
    new_key(tmp_path / "stranger")
    error = refusal(host, host.target(), key_files=(tmp_path / "stranger",))
    assert isinstance(error, LoginError)
    assert f"does not let {host.user} in with the key: it is not among" in str(error)


def test_local_keys_are_not_tried_unasked(host: SshHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither ssh-agent nor the keys in ~/.ssh are used unless they are named."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519").write_bytes(key_of(host).read_bytes())
    monkeypatch.setenv("HOME", str(tmp_path))
    error = refusal(host, host.target(), key_files=())
    assert "there is no key to log in with" in str(error)


def test_the_keys_of_ssh_agent_are_used_when_they_are_wanted(
    host: SshHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``use_agent`` a key that only ssh-agent holds logs in."""
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(tmp_path / "agent")], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        deadline = time.monotonic() + 5
        while not (tmp_path / "agent").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        subprocess.run(["ssh-add", "-q", str(key_of(host))], check=True, capture_output=True)
        with session(host, key_files=(), use_agent=True) as opened:
            assert opened.run(["true"]).code == 0
    finally:
        agent.terminate()
        agent.wait(timeout=10)


def test_a_locked_account_is_told(tmp_path: Path) -> None:
    """A server that checks it itself answers as to a wrong key: the sentence names both, and how to look."""
    require_namespaces()
    with ssh_hosts(tmp_path, 1, shadow="!") as (hosts, _):
        error = refusal(hosts[0], hosts[0].target())
        assert "account is locked" in (hosts[0].folder / "log").read_text(encoding="utf-8")
    folder = tmp_path / "other"
    folder.mkdir()
    with ssh_hosts(folder, 1) as (hosts, _):
        (hosts[0].home / ".ssh" / "authorized_keys").write_text("", encoding="ascii")
        other = refusal(hosts[0], hosts[0].target())
        port = str(hosts[0].port)
    assert type(error) is type(other) is LoginError
    assert str(error).partition(": ")[2] == str(other).partition(": ")[2], port  # nothing on the wire tells them apart
    assert str(error).endswith(
        "or the account is locked; a server gives the same answer for both. Check at its console with: passwd "
        "-S operator (L means locked)"
    )


def test_a_locked_account_is_let_in_where_pam_judges(tmp_path: Path) -> None:
    """With ``UsePAM yes`` a locked password does not refuse a key, so it is no fault there."""
    require_namespaces()
    with ssh_hosts(tmp_path, 1, shadow="!", use_pam="yes") as (hosts, _), session(hosts[0]) as opened:
        assert opened.run(["echo", "in"]).stdout == b"in\n"


def test_an_account_that_pam_refuses_has_its_own_name(tmp_path: Path) -> None:
    """An expired account is let in by its key and closed by PAM: that can be told from a wrong key, and is."""
    require_namespaces()
    with ssh_hosts(tmp_path, 1, aging="20000:0:99999:7::1:", use_pam="yes") as (hosts, _):
        error = refusal(hosts[0], hosts[0].target())
        assert "by PAM account configuration" in (hosts[0].folder / "log").read_text(encoding="utf-8")
        assert type(error) is AccountError
        assert str(error).endswith("check at its console with: chage -l operator")
        (hosts[0].home / ".ssh" / "authorized_keys").write_text("", encoding="ascii")
        assert type(refusal(hosts[0], hosts[0].target())) is LoginError


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            {"aging": "0:0:99999:7:::", "use_pam": "yes"},
            "the account's password has expired, so no command runs for it",
        ),
        (
            {"prepare": "sed -i 's#:/bin/sh$#:/usr/sbin/nologin#' /etc/passwd", "overlays": ("/etc",)},
            "the account's shell is nologin, so no command runs for it",
        ),
    ],
)
def test_an_account_that_is_let_in_and_runs_nothing(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    """An expired password and a shell that is none are told as what they are."""
    require_namespaces()
    with (
        ssh_hosts(tmp_path, 1, **options) as (hosts, _),
        session(hosts[0]) as opened,
        pytest.raises(CommandError, match=reason),
    ):
        observe(opened, user_layout("/home/operator/agent"))


def test_sudo_that_does_not_take_the_account_is_told(tmp_path: Path) -> None:
    """Sudo asks PAM also where the server does not: what it finds wrong with an inactive account is named."""
    require_namespaces()
    with (
        ssh_hosts(tmp_path, 1, aging="10000:0:10:7:5::", sudoers=SUDO_FREE) as (hosts, _),
        session(hosts[0]) as opened,
        pytest.raises(PrivilegeError, match="sudo refuses the account of operator: it is locked, expired or"),
    ):
        opened.run(["true"], as_root=True)


def freeze(host: SshHost) -> None:
    """Stop the processes of all open sessions; they keep their connections."""
    for one in host.sessions():
        one.send_signal(signal.SIGSTOP)


def put_for_ever(opened: SshSession, path: str, content: bytes) -> None:
    """Write a file again and again."""
    while True:
        opened.put(path, content, mode=0o600)


def test_a_host_that_freezes_in_mid_transfer_is_lost(tmp_path: Path) -> None:
    """A server that stops in the midst of a file does not hold the deployer, and leaves no torn file."""
    with ssh_hosts(tmp_path, 1) as (hosts, _):
        host = hosts[0]
        with session(host, seconds=3) as opened:
            opened.put(f"{host.home_there}/file", b"old", mode=0o600)
            threading.Timer(0.2, freeze, (host,)).start()
            began = time.monotonic()
            with pytest.raises(LostError, match="the time for this host is over while zonewright-put ran"):
                put_for_ever(opened, f"{host.home_there}/file", bytes(4_000_000))
            assert time.monotonic() - began < 6
        assert (host.home / "file").read_bytes() in (b"old", bytes(4_000_000))


def test_a_connection_that_is_reset_in_mid_transfer_is_lost(host: SshHost) -> None:
    """A connection that breaks after some bytes leaves the old file, whole, and no other one."""
    with session(host) as direct:
        direct.put(f"{host.home_there}/reset", b"old", mode=0o600)
    with FaultProxy((host.address, host.port), reset_after=200_000) as proxy:
        target = host.target(address="127.0.0.1", port=proxy.address[1])
        with session(host, target=target) as opened, pytest.raises(LostError, match="the connection broke or froze"):
            opened.put(f"{host.home_there}/reset", bytes(5_000_000), mode=0o600)
    assert (host.home / "reset").read_bytes() == b"old"
    deadline = time.monotonic() + 5
    while (left := list(host.home.glob(".zonewright-*-reset.new"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def test_a_silence_in_mid_transfer_ends_by_the_channels_timeout(host: SshHost) -> None:
    """A network that swallows everything midway is found by the write's own timeout, long before the deadline."""
    with FaultProxy((host.address, host.port), freeze_after=100_000) as proxy:
        target = host.target(address="127.0.0.1", port=proxy.address[1])
        began = time.monotonic()
        with session(host, target=target, seconds=60, channel_s=1.0) as opened, pytest.raises(LostError):
            opened.put(f"{host.home_there}/silent", bytes(20_000_000), mode=0o600)
        assert time.monotonic() - began < 20
    assert not (host.home / "silent").exists()


def test_disk_faults_are_told(tmp_path: Path) -> None:
    """A full disk, a read-only file system and a folder of another user each have their own reason."""
    require_namespaces()
    home = "/home/operator"
    prepare = "\n".join(
        (
            f"mkdir -p {home}/small {home}/fixed",
            f"mount -t tmpfs -o size=200k,mode=777 none {home}/small",
            f"mount -t tmpfs -o ro,mode=777 none {home}/fixed",
        )
    )
    with ssh_hosts(tmp_path, 1, prepare=prepare) as (hosts, _), session(hosts[0]) as opened:
        opened.put(f"{home}/small/file", b"old", mode=0o600)
        for path, reason in (
            (f"{home}/small/file", "its disk is full"),
            (f"{home}/fixed/file", "its file system is read-only"),
            ("/usr/file", "the user may not write there"),
        ):
            with pytest.raises(StorageError, match=f"{path} is not written: {reason}"):
                opened.put(path, bytes(1_000_000), mode=0o600)
        assert opened.run(["cat", f"{home}/small/file"]).stdout == b"old"
        assert opened.run(["ls", "-A", f"{home}/small"]).stdout == b"file\n"


SUDO = "operator ALL=(root) ALL"
SUDO_FREE = "operator ALL=(root) NOPASSWD: ALL"


@pytest.mark.parametrize("sudoers", [SUDO, SUDO_FREE], ids=["with a password", "without"])
def test_root_by_sudo(tmp_path: Path, sudoers: str) -> None:
    """With or without a password a program runs as root and reads exactly its input; the password is in no process."""
    require_namespaces()
    with ssh_hosts(tmp_path, 1, shadow=shadow_of(PASSWORD), sudoers=sudoers) as (hosts, _):
        with session(hosts[0], sudo_password=PASSWORD) as opened:
            assert opened.run(["id", "-u"], as_root=True).stdout == b"0\n"
            assert opened.run(["cat"], stdin=b"input\n" * 1_000, as_root=True).stdout == b"input\n" * 1_000
            assert opened.run(["sh", "-c", "echo out; echo wrong >&2; exit 3"], as_root=True).code == 3
            assert opened.run(["sh", "-c", "echo wrong >&2"], as_root=True).stderr == b"wrong\n"
            opened.put("/home/roots", b"content", mode=0o640, as_root=True)
            seen = opened.run(["sh", "-c", "cat /proc/[0-9]*/cmdline"], as_root=True).stdout
        assert PASSWORD.encode() not in seen
        assert (hosts[0].folder / "home" / "roots").stat().st_uid == 0
        assert PASSWORD not in (hosts[0].folder / "log").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("sudoers", "password", "prepare", "sentence"),
    [
        (SUDO, None, "", "sudo asks for the password of operator"),
        (SUDO, "wrong", "", "sudo refuses the password of operator"),
        ("", PASSWORD, "", "sudo does not let operator act as root"),
        ("operator ALL=(root) NOPASSWD: /bin/true", None, "", "sudo asks for the password of operator"),
        (SUDO_FREE, None, "mount --bind /dev/null /usr/bin/sudo", "there is no sudo"),
    ],
    ids=["no password", "wrong password", "not a sudoer", "another command", "no sudo"],
)
def test_no_root_is_told(tmp_path: Path, *, sudoers: str, password: str | None, prepare: str, sentence: str) -> None:
    """Each way in which sudo refuses has its own reason, and the command did not run."""
    require_namespaces()
    options = {"shadow": shadow_of(PASSWORD), "sudoers": sudoers, "prepare": prepare}
    with ssh_hosts(tmp_path, 1, **options) as (hosts, _), session(hosts[0], sudo_password=password) as opened:
        with pytest.raises(PrivilegeError, match=sentence):
            opened.run(["touch", "/home/operator/ran"], as_root=True)
        assert not (hosts[0].home / "ran").exists()


@pytest.mark.parametrize(
    "extra",
    [
        "KexAlgorithms diffie-hellman-group14-sha1",
        "Ciphers aes128-cbc,3des-cbc",
        "MACs hmac-sha1\nCiphers aes128-ctr",
        "HostKeyAlgorithms ssh-rsa",
    ],
    ids=["key exchange", "ciphers", "MACs", "host keys"],
)
def test_a_server_with_only_old_algorithms_is_told(tmp_path: Path, extra: str) -> None:
    """A server that offers only SHA-1, CBC or MD5 is refused with a sentence that says so."""
    rsa = tmp_path / "rsa"
    subprocess.run([keygen(), "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(rsa)], check=True)
    with ssh_hosts(tmp_path, 1, extra=f"{extra}\nHostKey {rsa}") as (hosts, _):
        error = refusal(hosts[0], hosts[0].target(host_keys=()))
    assert isinstance(error, AlgorithmError)
    assert "offers only outdated algorithms" in str(error)


def test_fifty_hosts_through_one_bastion_with_stock_limits(tmp_path: Path) -> None:
    """A bastion with stock MaxStartups serves fifty hosts at once: one connection to it, no failure."""
    with ssh_hosts(tmp_path, 11) as (hosts, key):
        bastion, *behind = hosts
        bastion.stop()
        bastion.startups = "10:30:100"
        with running(bastion):
            targets = [
                dataclasses.replace(behind[number % 10].target(), name=f"node-{number}", jump=bastion.target())
                for number in range(50)
            ]
            opened = SshTransport(SshSettings(key_files=(key,)))

            def visit(target: Target) -> bytes:
                one = opened.connect(target, deadline=time.monotonic() + 60)
                try:
                    return one.run(["printf", "here"]).stdout
                finally:
                    one.close()

            with ThreadPoolExecutor(50) as pool:
                assert list(pool.map(visit, targets)) == [b"here"] * 50
            opened.close()
        log = (bastion.folder / "log").read_text(encoding="utf-8")
        assert log.count("Accepted publickey") == 1


def test_a_host_behind_a_bastion_that_is_not_there(host: SshHost, tmp_path: Path) -> None:
    """What is wrong behind a bastion, and with it, names the right one of the two."""
    with ssh_hosts(tmp_path, 2) as (hosts, key):
        bastion, other = hosts
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            gone = dataclasses.replace(other.target(), port=free.getsockname()[1], jump=bastion.target())
            error = refusal(host, gone, key_files=(key,))
        assert isinstance(error, RefusedPortError)
        assert re.search(rf"^host-002 .* cannot be reached through host-001 \({re.escape(bastion.address)}", str(error))
        wrong = dataclasses.replace(other.target(), jump=bastion.target(host_keys=(other.public_key,)))
        assert str(refusal(host, wrong, key_files=(key,))).startswith(
            f"host-001 (127.0.1.1 port {bastion.port}) shows the key"
        )


def test_a_host_behind_a_bastion_that_freezes_is_lost(host: SshHost, tmp_path: Path) -> None:
    """The deadline holds behind a bastion that freezes."""
    with ssh_hosts(tmp_path, 2) as (hosts, key):
        bastion, other = hosts
        target = dataclasses.replace(other.target(), jump=bastion.target())
        with session(host, target=target, seconds=2, key_files=(key,)) as opened:
            assert opened.run(["true"]).code == 0
            freeze(bastion)
            began = time.monotonic()
            with pytest.raises(LostError):
                opened.put(f"{other.home_there}/file", bytes(20_000_000), mode=0o600)
            assert time.monotonic() - began < 6


def test_a_server_that_drops_logins_is_tried_again(tmp_path: Path) -> None:
    """Where a server refuses some of many logins at once, they are tried again, and all get in."""
    with ssh_hosts(tmp_path, 1, startups="3:50:10") as (hosts, key):
        opened = SshTransport(SshSettings(key_files=(key,), tries=12))

        def visit(_number: int) -> int:
            one = opened.connect(hosts[0].target(), deadline=time.monotonic() + 60)
            try:
                return one.run(["true"]).code
            finally:
                one.close()

        with ThreadPoolExecutor(30) as pool:
            assert list(pool.map(visit, range(30))) == [0] * 30
        opened.close()
        assert "past MaxStartups" in (hosts[0].folder / "log").read_text(encoding="utf-8")


def test_a_server_that_always_drops_is_told(host: SshHost) -> None:
    """A server that closes each connection is told as such after the tries that were asked for."""
    with FaultProxy(None, say=b"\n") as proxy:
        target = host.target(address="127.0.0.1", port=proxy.address[1])
        error = refusal(host, target, tries=3, pause_s=0.01)
        assert proxy.connections == 3
    assert isinstance(error, DroppedError)
    assert "MaxStartups" in str(error)
