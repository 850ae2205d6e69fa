"""A TCP proxy with faults: silence, resets, a frozen road, a long way, everything said twice. It counts connections."""

import contextlib
import queue
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Self


@dataclass
class FaultProxy:
    """A proxy before one server; a context manager.

    Attributes:
        upstream: the server; None accepts connections and says nothing.
        reset_after: bytes to the server after which both sides are reset; None never.
        freeze_after: bytes to the server after which nothing is passed on any more; None never.
        say: what it says itself before it closes the connection; empty passes on.
        one_way_s: seconds that everything is on its way, in each direction; as much as comes is on its way at once.
        is_silent: whether nothing is passed on in either direction from now on, as in a network that is gone.
        is_twice: whether the server hears what a connection said to it once more, afterwards.
    """

    upstream: tuple[str, int] | None
    reset_after: int | None = None
    freeze_after: int | None = None
    say: bytes = b""
    is_silent: bool = False
    one_way_s: float = 0
    is_twice: bool = False
    address: tuple[str, int] = ("", 0)
    connections: int = 0
    _listener: socket.socket = field(default_factory=socket.socket, repr=False)
    _open: list[socket.socket] = field(default_factory=list, repr=False)
    _threads: list[threading.Thread] = field(default_factory=list, repr=False)

    def __enter__(self) -> Self:
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.address = self._listener.getsockname()
        self._start(self._accept)
        return self

    def __exit__(self, *_exception: object) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(timeout=10)

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type] # any function
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(client)
            with contextlib.suppress(OSError):  # the client is gone, or the server refuses
                self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        if self.say:
            client.sendall(self.say)
            client.close()
        elif self.upstream is not None:
            server = socket.create_connection(self.upstream)
            self._open.append(server)
            self._start(self._to_server, client, server)
            self._start(self._pass, server, client, None, None, None)

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        said = bytearray() if self.is_twice else None
        self._pass(client, server, self.reset_after, self.freeze_after, said)
        if said and self.upstream is not None:
            with contextlib.suppress(OSError), socket.create_connection(self.upstream) as again:
                again.sendall(said)
                again.shutdown(socket.SHUT_WR)
                while again.recv(16_384):
                    pass

    def _pass(
        self,
        source: socket.socket,
        sink: socket.socket,
        reset_after: int | None,
        freeze_after: int | None,
        said: bytearray | None,
    ) -> None:
        passed = 0
        far = self._far(sink) if self.one_way_s else None
        with contextlib.suppress(OSError):  # the other thread, or the end of the test, has closed a side
            while piece := source.recv(16_384):
                if said is not None:
                    said += piece
                if not self.is_silent and (freeze_after is None or passed < freeze_after):
                    if far is None:
                        sink.sendall(piece)
                    else:
                        far.put((time.monotonic() + self.one_way_s, piece))
                passed += len(piece)
                if reset_after is not None and passed >= reset_after:
                    _reset(source)
                    _reset(sink)
                    return
            if far is None:
                sink.shutdown(socket.SHUT_WR)
        if far is not None:
            far.put((time.monotonic() + self.one_way_s, b""))

    def _far(self, sink: socket.socket) -> "queue.SimpleQueue[tuple[float, bytes]]":
        """What is on its way to one side: when it is there, and what; nothing is the end."""
        pieces: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

        def arrive() -> None:
            with contextlib.suppress(OSError):
                while True:
                    due, piece = pieces.get()
                    time.sleep(max(0.0, due - time.monotonic()))
                    if not piece:
                        sink.shutdown(socket.SHUT_WR)
                        return
                    sink.sendall(piece)

        self._start(arrive)
        return pieces


def _reset(one: socket.socket) -> None:
    """Ends the connection with a reset, also where the other thread has closed it already."""
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.shutdown(socket.SHUT_RD)  # wakes the other thread, which would hold the socket open
    one.close()
