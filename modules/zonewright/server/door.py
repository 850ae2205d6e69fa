"""Who may knock: programs that send JSON to a name of this service, and no page of a browser.

A web page that somebody opens on the service's own machine can send requests to it, and by a name that it lets lead to
127.0.0.1 it can read the answers. It cannot leave its ``Origin`` out, nor send JSON unasked, nor choose the ``Host``.
"""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "::1", "localhost")
_JSON = "application/json"
_KINDS = {"/v1/metrics": (_JSON, "application/x-protobuf")}
"""By path, where there are more; a browser sends neither without having asked."""


class Door:
    """Refuses what comes from a browser, under another name, or is not JSON, before anything of it is read.

    Args:
        app: the application.
        hosts: names and addresses that a request may be addressed to, without ports; None takes every name.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str] | None) -> None:
        self._app = app
        self._hosts = None if hosts is None else frozenset(one.lower().strip("[]").rstrip(".") for one in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        is_http = scope["type"] == "http"
        refused = self._refused(scope["method"], scope["path"], Headers(scope=scope)) if is_http else None
        if refused is None:
            await self._app(scope, receive, send)
            return
        status, code, sentence = refused
        content = {"code": code, "sentence": sentence, "message": sentence, "findings": []}
        await JSONResponse(content, status_code=status, headers={"connection": "close"})(scope, receive, send)

    def _refused(self, method: str, path: str, headers: Headers) -> tuple[int, str, str] | None:
        """Status, code and sentence, or None."""
        if "origin" in headers:
            return 403, "origin", "web pages may not use this service; it is only for zonewright and its agents"
        names = headers.getlist("host")
        if self._hosts is not None and (len(names) != 1 or host_of(names[0]) not in self._hosts):
            said = names[0][:100] if names else "none"
            sentence = (
                f"this service does not answer to the name {said!r}; allow it with: zonewright serve --allow-host NAME"
            )
            return 421, "host", sentence
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        kinds = _KINDS.get(path, (_JSON,))
        if method not in ("GET", "HEAD") and kind not in kinds:
            return 415, "content-type", f"expected Content-Type {' or '.join(kinds)}, got {kind[:60]!r}"
        return None


def host_of(header: str) -> str:
    """The name or address of a header ``Host``, without its port.

    Example:
        >>> host_of("[::1]:8480"), host_of("Zone.Example.:8480"), host_of("localhost")
        ('::1', 'zone.example', 'localhost')
    """
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".")
