"""SSH by paramiko: every timeout set, a deadline from outside, host keys by ``Trust`` and never by first sight.

Paramiko's own client is not used: its policies do not know host certificates, and it lets a host choose among keys
of types that nobody trusted. Here the host is asked only for keys that are known, and checked before a login.
"""

import contextlib
import logging
import random
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import paramiko

from zonewright.fleet.ssh.bastion import Bastions, Hop
from zonewright.fleet.ssh.errors import login_error, negotiation_error, place_of, route_error
from zonewright.fleet.ssh.host_keys import KnownHost, Trust, read_known_hosts, trust_of
from zonewright.fleet.ssh.public_keys import PublicKey
from zonewright.fleet.ssh.session import SshSession
from zonewright.fleet.ssh.transport import DroppedError, HostKeyError, LoginError, Target
from zonewright.fleet.ssh.watchdog import Watchdog

_LATE = 0.95
"""A server that fails after this part of its time did not hang up, but was given up."""
_LOG = "zonewright.fleet.ssh.ssh_transport"
logging.getLogger(_LOG).addHandler(logging.NullHandler())  # paramiko's own words never reach the terminal

WEAK = {"macs": ["hmac-sha1", "hmac-md5", "hmac-sha1-96", "hmac-md5-96"]}
"""What paramiko would still offer and no server needs."""
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
"""What is offered, the quickest first: GCM needs no hash besides."""
KEY_EXCHANGES = (
    "mlkem768x25519-sha256",
    "ecdh-sha2-nistp256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
)
"""What withstands quantum computers, then the quickest: OpenSSH leaves P-256 to OpenSSL's assembler and computes X25519
in portable C, which takes a host 2 to 4 ms longer for each login; both are of the same strength (about 128 bits)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshSettings:
    """How to log in, and how long to wait for what; all lengths of time in seconds.

    Attributes:
        key_files: private keys to log in with, tried in this order.
        key_password: password of these files, or None.
        use_agent: whether the keys of ssh-agent are tried too.
        known_hosts: files that say which keys hosts have.
        sudo_password: for hosts that ask for one; it is given to sudo's standard input only.
        connect_s: for the TCP connection.
        banner_s: for the server's first line.
        handshake_s: for the exchange of keys.
        login_s: for the login.
        channel_s: to open a channel, and for each write and read within one.
        keepalive_s: between two signs of life on an idle connection.
        tries: how often to try where a host closes the connection before the login.
        pause_s: mean pause before the second try; it doubles with each.
    """

    key_files: tuple[Path, ...] = ()
    key_password: str | None = None
    use_agent: bool = False
    known_hosts: tuple[Path, ...] = ()
    sudo_password: str | None = None
    connect_s: float = 10.0
    banner_s: float = 15.0
    handshake_s: float = 15.0
    login_s: float = 15.0
    channel_s: float = 30.0
    keepalive_s: int = 15
    tries: int = 5
    pause_s: float = 0.3

    def __repr__(self) -> str:
        return f"SshSettings(key_files={self.key_files}, known_hosts={self.known_hosts})"  # no passwords


class SshTransport:
    """Sessions over SSH; many threads may use one transport at once.

    Args:
        settings: how to log in, and how long to wait.
        clock: seconds since 1970, for certificates.

    Raises:
        KnownHostsError: when a file of known hosts cannot be used.
        LoginError: when a key to log in with cannot be read.
    """

    def __init__(self, settings: SshSettings, *, clock: Callable[[], float] = time.time) -> None:
        self._settings, self._clock = settings, clock
        self._known: tuple[KnownHost, ...] = read_known_hosts(settings.known_hosts)
        self._keys = _load_keys(settings)
        self._watchdog = Watchdog()
        self._bastions = Bastions(self._open)
        self._random = random.SystemRandom()

    def connect(self, target: Target, *, deadline: float) -> SshSession:
        """A session with a host; see ``Transport.connect``."""
        connection = self._open_patiently(target, deadline)
        ticket = self._watchdog.watch(deadline, lambda: sever(connection))
        return SshSession(
            connection,
            target,
            deadline=deadline,
            channel_s=self._settings.channel_s,
            sudo_password=self._settings.sudo_password,
            ended=lambda: self._watchdog.call_off(ticket),
        )

    def scan(self, target: Target, *, deadline: float) -> PublicKey:
        """The key that a host shows now, trusted or not; nothing is sent to it."""
        connection = self._negotiate(target, (), deadline)
        try:
            return PublicKey.of(_blob(connection))
        finally:
            connection.close()

    def close(self) -> None:
        """End the connections to bastions."""
        self._bastions.close()
        self._watchdog.close()

    def _open_patiently(self, target: Target, deadline: float) -> paramiko.Transport:
        """Open, and try again with growing, random pauses where a server has too many logins at once."""
        for number in range(1, self._settings.tries + 1):
            try:
                return self._open(target, deadline)
            except DroppedError:
                pause_s = self._random.uniform(0.5, 1.5) * self._settings.pause_s * 2 ** (number - 1)
                if number == self._settings.tries or time.monotonic() + pause_s >= deadline:
                    raise
                time.sleep(pause_s)
        raise AssertionError

    def _open(self, target: Target, deadline: float) -> paramiko.Transport:
        try:
            trust = trust_of(target, self._known)
        except ValueError as error:
            raise HostKeyError(f"{place_of(target)}: {error}") from None
        with self._bastions.turn(target):
            connection = self._negotiate(target, trust.algorithms, deadline)
            try:
                self._check_key(trust, connection)
                self._login(target, connection, deadline)
            except BaseException:
                connection.close()
                raise
        connection.set_keepalive(self._settings.keepalive_s)
        return connection

    def _check_key(self, trust: Trust, connection: paramiko.Transport) -> None:
        trust.check(_blob(connection), self._clock())

    def _negotiate(self, target: Target, algorithms: tuple[str, ...], deadline: float) -> paramiko.Transport:
        """A connection with keys exchanged; the host's key is not checked yet."""
        left_s = max(0.001, deadline - time.monotonic())
        road = self._road(target, min(self._settings.connect_s, left_s), deadline)
        connection = paramiko.Transport(road, disabled_algorithms=WEAK)  # type: ignore[arg-type] # a hop is as a socket
        connection.set_log_channel(_LOG)
        connection.banner_timeout = min(self._settings.banner_s, left_s)
        connection.handshake_timeout = min(self._settings.handshake_s, left_s)
        connection.auth_timeout = min(self._settings.login_s, left_s)
        connection.channel_timeout = self._settings.channel_s
        options = connection.get_security_options()
        options.ciphers = CIPHERS
        options.kex = tuple(name for name in KEY_EXCHANGES if name in options.kex)  # a library may lack the newest
        if algorithms:
            connection.get_security_options().key_types = algorithms
        began, ticket = time.monotonic(), self._watchdog.watch(deadline, lambda: sever(connection))
        try:
            connection.start_client(timeout=self._settings.banner_s + self._settings.handshake_s)
            connection.get_remote_server_key()  # raises where the time was over first
        except (paramiko.SSHException, EOFError, OSError) as error:
            connection.close()
            if algorithms and "no acceptable host key" in str(error):
                return self._negotiate(target, (), deadline)  # to say which key it shows instead
            elapsed_s = time.monotonic() - began
            is_late = elapsed_s > _LATE * connection.banner_timeout
            raise negotiation_error(target, error, elapsed_s, is_late=is_late) from None
        except BaseException:
            connection.close()
            raise
        finally:
            self._watchdog.call_off(ticket)
        return connection

    def _road(self, target: Target, connect_s: float, deadline: float) -> socket.socket | Hop:
        if target.jump is not None:
            return self._bastions.channel(target, connect_s, deadline)
        try:
            road = socket.create_connection((target.address, target.port), timeout=connect_s)
        except OSError as error:
            raise route_error(target, error) from None
        with contextlib.suppress(OSError):  # one that was reset already is told by the handshake
            # Else small messages wait for each other's receipt.
            road.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return road

    def _login(self, target: Target, connection: paramiko.Transport, deadline: float) -> None:
        keys: list[paramiko.PKey] = list(self._keys)
        agent = paramiko.Agent() if self._settings.use_agent else None
        ticket = self._watchdog.watch(deadline, lambda: sever(connection))
        try:
            keys += agent.get_keys() if agent is not None else ()
            if not keys:
                raise LoginError("there is no key to log in with; name one under keys, or set use_agent: true")
            self._try_keys(target, connection, keys)
        finally:
            self._watchdog.call_off(ticket)
            if agent is not None:
                agent.close()

    @staticmethod
    def _try_keys(target: Target, connection: paramiko.Transport, keys: Sequence[paramiko.PKey]) -> None:
        refusal: Exception | None = None
        for key in keys:
            try:
                left = connection.auth_publickey(target.user, key)
            except paramiko.BadAuthenticationType as error:
                raise login_error(target, error, len(keys)) from None
            except (paramiko.SSHException, EOFError, OSError) as error:
                refusal = error
                if not connection.is_active():
                    break
            else:
                if not left:
                    return
                refusal = paramiko.AuthenticationException(f"it asks for {', '.join(left)} besides a key")
        raise login_error(target, refusal, len(keys)) from None


def sever(connection: paramiko.Transport) -> None:
    """End a connection at once, without a word to the other side; never blocks.

    Paramiko's own ``close`` sends a message and waits for a thread; with a frozen peer both may take for ever.
    """
    connection.packetizer.close()
    if isinstance(connection.sock, socket.socket):
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it is closed already


def _blob(connection: paramiko.Transport) -> bytes:
    key = connection.get_remote_server_key()
    certificate = key.public_blob
    return key.asbytes() if certificate is None else certificate.key_blob


def _load_keys(settings: SshSettings) -> tuple[paramiko.PKey, ...]:
    keys = []
    for path in settings.key_files:
        try:
            keys.append(paramiko.PKey.from_path(path, settings.key_password))
        except OSError as error:
            raise LoginError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
        except (ValueError, TypeError, paramiko.SSHException) as error:
            raise LoginError(f"{path}: not a usable private key, or the passphrase is wrong: {error}") from None
    return tuple(keys)
