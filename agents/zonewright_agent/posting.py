"""POST over HTTP/1.1 on one connection that is kept: what the agent needs of it, and no more.

The standard library's ``http.client`` reads heads with the parser of e-mails, which takes longer to import than all
else of the agent; and an agent is started on every host of a roll-out. TLS is loaded where it is used.
"""

from __future__ import annotations

import socket
import time

from zonewright_agent.configuration import PORTS, parts_of

_MAX_HEAD_BYTES, _MAX_LINE_BYTES = 65_536, 65_536
_CONTINUE_BELOW = 200
_NO_CONTENT = (204, 304)
_TIMEOUTS = 2
"""How many time-outs a whole answer may take: one that comes byte by byte meets each wait, and has no end."""


class AnswerError(OSError):
    """What came is no answer of HTTP/1.x, or only a part of one."""


class Answer:
    """What a service answered.

    Attributes:
        status: the code.
        reason: the words beside it.
        headers: by name in small letters; the last one of a name.
        body: its first bytes, as many as were asked for.
    """

    __slots__ = ("body", "headers", "reason", "status")

    def __init__(self, status: int, reason: str, headers: dict[str, str], body: bytes) -> None:
        self.status, self.reason, self.headers, self.body = status, reason, headers, body


class Connection:
    """A connection to the service of a URL, made when it is needed and kept until it is closed.

    Args:
        url: whose scheme, host and port count.
        timeout_s: for each wait, in seconds; a whole answer may take twice as long.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self._scheme, self._host, self._port, _ = parts_of(url)
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._got = b""
        self._until_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a connection is kept from before."""
        return self._socket is not None

    def close(self) -> None:
        """Close it; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._got = b""

    def post(self, path: str, body: bytes, headers: dict[str, str], *, max_bytes: int) -> Answer:
        """Send a body; gives the answer with that many bytes of its body at most.

        Raises:
            OSError: when nothing can be sent, or no whole answer comes; the connection is closed then.
        """
        try:
            return self._post(path, body, headers, max_bytes)
        except BaseException:
            self.close()
            raise

    def _post(self, path: str, body: bytes, headers: dict[str, str], max_bytes: int) -> Answer:
        host = f"[{self._host}]" if ":" in self._host else self._host
        port = "" if self._port == PORTS[self._scheme] else f":{self._port}"
        lines = [f"POST {path} HTTP/1.1", f"Host: {host}{port}", "Accept-Encoding: identity"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines.append(f"Content-Length: {len(body)}")
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a header has more than one line")
        if self._socket is None:
            self._socket = self._connected()
        self._socket.settimeout(self._timeout_s)
        self._socket.sendall("\r\n".join([*lines, "\r\n"]).encode("utf-8") + body)
        self._until_s = time.monotonic() + _TIMEOUTS * self._timeout_s
        version, status, reason = self._status()
        found = self._headers()
        while status < _CONTINUE_BELOW:
            version, status, reason = self._status()
            found = self._headers()
        content, is_whole = self._body(status, found, max_bytes)
        wish = found.get("connection", "").lower()
        if not is_whole or self._got or "close" in wish or (version == "HTTP/1.0" and "keep-alive" not in wish):
            self.close()
        return Answer(status, reason, found, content)

    def _connected(self) -> socket.socket:
        # Bytes, since text would load tables of all scripts' letters; what is not ASCII needs them.
        host = self._host.encode("ascii" if self._host.isascii() else "idna")
        made = socket.create_connection((host, self._port), self._timeout_s)  # type: ignore[arg-type] # as getaddrinfo
        try:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._scheme == "http":
                return made
            import ssl  # noqa: PLC0415 - a service on this host needs none

            return ssl.create_default_context().wrap_socket(made, server_hostname=self._host)
        except BaseException:
            made.close()
            raise

    def _status(self) -> tuple[str, int, str]:
        version, _, rest = self._line().partition(" ")
        code, _, reason = rest.strip().partition(" ")
        if not version.startswith("HTTP/1.") or not (code.isdigit() and len(code) == 3):  # noqa: PLR2004 - RFC 9112, 4
            raise AnswerError(f"expected an HTTP/1.1 answer, got {f'{version} {rest}'[:60]!r}")
        return version, int(code), reason.strip()

    def _headers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        size = 0
        while line := self._line():
            size += len(line)
            if size > _MAX_HEAD_BYTES:
                raise AnswerError("the head of the answer has no end")
            name, _, value = line.partition(":")
            found[name.strip().lower()] = value.strip()
        return found

    def _body(self, status: int, headers: dict[str, str], max_bytes: int) -> tuple[bytes, bool]:
        """So much of the body, and whether that was all and the connection can go on."""
        if status in _NO_CONTENT:
            return b"", True
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._chunks(max_bytes)
        length = headers.get("content-length")
        if length is None:
            return self._until_end(max_bytes), False
        if not length.isdigit():
            raise AnswerError(f"expected a length in digits, got {length[:20]!r}")
        wanted = min(int(length), max_bytes)
        return self._exactly(wanted), wanted == int(length)

    def _chunks(self, max_bytes: int) -> tuple[bytes, bool]:
        found = b""
        while True:
            text = self._line().partition(";")[0].strip()
            try:
                size = int(text, 16)
            except ValueError:
                raise AnswerError(f"expected the size of a part, got {text[:20]!r}") from None
            if size <= 0:
                self._headers()  # what may follow the last part
                return found, size == 0
            if len(found) + size > max_bytes:
                return found + self._exactly(max_bytes - len(found)), False
            found += self._exactly(size)
            self._line()

    def _until_end(self, max_bytes: int) -> bytes:
        while len(self._got) < max_bytes and self._receive():
            continue
        return self._got[:max_bytes]

    def _exactly(self, size: int) -> bytes:
        while len(self._got) < size:
            self._require()
        taken, self._got = self._got[:size], self._got[size:]
        return taken

    def _line(self) -> str:
        while b"\n" not in self._got:
            if len(self._got) > _MAX_LINE_BYTES:
                raise AnswerError("a line of the answer has no end")
            self._require()
        line, _, self._got = self._got.partition(b"\n")
        return line.rstrip(b"\r").decode("latin-1")

    def _require(self) -> None:
        if not self._receive():
            raise AnswerError("the service closed the connection before it answered")

    def _receive(self) -> bool:
        assert self._socket is not None  # noqa: S101 - it is open while an answer is read
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise AnswerError(f"the answer took more than {_TIMEOUTS * self._timeout_s:g} seconds")
        self._socket.settimeout(min(self._timeout_s, left_s))
        piece = self._socket.recv(65_536)
        self._got += piece
        return bool(piece)
