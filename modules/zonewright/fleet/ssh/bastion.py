"""Hosts behind a bastion: one connection to it for all of them, and only some of them at once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paramiko

from zonewright.fleet.ssh.errors import place_of
from zonewright.fleet.ssh.transport import DroppedError, RefusedPortError, SilentHostError, Target, UnreachableError

AT_ONCE = 8
"""Logins through one bastion at the same time; stock servers refuse some of more than ten."""
_CONNECT_FAILED = 2


class Hop:
    """A channel through a bastion, as the socket of the connection behind it.

    Paramiko may send data on a channel that another thread has just closed; OpenSSH then ends the whole connection,
    and with it everybody else's. So writing and closing take turns here.

    Args:
        channel: to the host, open.
    """

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._lock = threading.Lock()

    def send(self, data: bytes) -> int:
        """Send some of the data; gives how much."""
        with self._lock:
            return self._channel.send(data)

    def recv(self, size: int) -> bytes:
        """Wait for some data."""
        return self._channel.recv(size)

    def settimeout(self, seconds: float | None) -> None:
        """How long to wait for each of them."""
        self._channel.settimeout(seconds)

    def close(self) -> None:
        """End the channel."""
        with self._lock:
            self._channel.close()


class _Bastion:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.turns = threading.BoundedSemaphore(AT_ONCE)
        self.connection: paramiko.Transport | None = None


class Bastions:
    """The bastions of one transport.

    Args:
        open_: opens a connection to one, by a deadline.
    """

    def __init__(self, open_: Callable[[Target, float], paramiko.Transport]) -> None:
        self._open = open_
        self._lock = threading.Lock()
        self._by_target: dict[Target, _Bastion] = {}

    @contextmanager
    def turn(self, target: Target) -> Iterator[None]:
        """Wait until few enough others log in through the same bastion; no wait for a host without one."""
        if target.jump is None:
            yield
            return
        with self._bastion(target.jump).turns:
            yield

    def channel(self, target: Target, connect_s: float, deadline: float) -> Hop:
        """A way to a host through its bastion.

        Raises:
            UnreachableError: when the bastion cannot be reached, or does not reach the host.
        """
        jump = target.jump
        if jump is None:
            raise ValueError(f"{target.name} has no bastion")
        bastion = self._bastion(jump)
        connection = self._shared(jump, bastion, deadline)
        through = f"through {place_of(jump)}"
        try:
            destination = (target.address, target.port)
            return Hop(connection.open_channel("direct-tcpip", destination, ("127.0.0.1", 0), timeout=connect_s))
        except paramiko.ChannelException as error:
            if error.code == _CONNECT_FAILED:
                raise RefusedPortError(f"{place_of(target)} cannot be reached {through}: {error.text}") from None
            raise UnreachableError(f"{place_of(jump)} does not forward connections: {error.text}") from None
        except (paramiko.SSHException, EOFError, OSError) as error:
            if connection.is_active():
                raise SilentHostError(f"{place_of(target)} does not answer {through} ({error})") from None
            raise DroppedError(f"{place_of(jump)} closed the connection to it") from None

    def close(self) -> None:
        """End the connections to all bastions."""
        with self._lock:
            for bastion in self._by_target.values():
                if bastion.connection is not None:
                    bastion.connection.close()
            self._by_target.clear()

    def _bastion(self, jump: Target) -> _Bastion:
        with self._lock:
            return self._by_target.setdefault(jump, _Bastion())

    def _shared(self, jump: Target, bastion: _Bastion, deadline: float) -> paramiko.Transport:
        with bastion.lock:
            if bastion.connection is None or not bastion.connection.is_active():
                bastion.connection = self._open(jump, deadline)
            return bastion.connection
