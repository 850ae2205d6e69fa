"""An ASGI application called in this process, without a socket or a client of HTTP."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status_code: int
    headers: Headers
    content: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode()

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.content)


def call(
    app: ASGIApp, method: str, url: str, *, content: bytes = b"", headers: Mapping[str, str] | None = None
) -> Answer:
    """One request in an event loop of its own; the answer is read to its end.

    Args:
        app: the application.
        method: method of HTTP.
        url: path and query.
        content: the request's body, which comes whole.
        headers: its headers, beside host and length.
    """
    parts = urlsplit(url)
    given = {"host": "here", "content-length": str(len(content)), **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": parts.path,
        "raw_path": quote(parts.path).encode(),
        "root_path": "",
        "query_string": parts.query.encode(),
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in given.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("here", 80),
    }
    sent: list[Message] = []

    async def run() -> None:
        waiting = [{"type": "http.request", "body": content, "more_body": False}]
        finished = anyio.Event()

        async def receive() -> Message:
            if waiting:
                return waiting.pop()
            await finished.wait()  # the client stays until it has the answer
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                finished.set()

        await app(scope, receive, send)

    anyio.run(run)
    start, *bodies = sent
    return Answer(
        status_code=start["status"],
        headers=Headers(raw=list(start["headers"])),
        content=b"".join(one.get("body", b"") for one in bodies),
    )
