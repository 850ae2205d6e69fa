"""A NetBox that was recorded, over real HTTP: lists page by page, and what it answered to writes and to filters.

``tests/fixtures/netbox-4.7`` has the lists as they were before the story's first write and after its last, and the
answers in between. ``python -m support.netbox_recorder`` makes them again from a real NetBox.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "netbox-4.7"
TOKEN = "nbt_recorded.of-no-use-elsewhere"
_PLAIN = {"limit", "offset", "ordering", "exclude", "sort", "depth", "exclude_m2m"}
Lists = Mapping[str, list[dict[str, Any]]]


@cache
def recorded(name: str) -> Any:
    """A file of the recording."""
    return json.loads((FIXTURE / f"{name}.json").read_text("utf-8"))


def said_before() -> dict[str, list[dict[str, Any]]]:
    """The lists of the recording by endpoint; a copy to be changed."""
    return {endpoint: [dict(one) for one in objects] for endpoint, objects in recorded("before").items()}


@dataclass(kw_only=True)
class Replayed:
    """One that answers.

    Attributes:
        lists: objects by endpoint.
        version: what it says it is.
        most: the most objects that it gives in a page.
        short: an endpoint whose last page is cut short.
        token: the one that it takes.
        next_page: where each page says that the next one is; empty for where it is.
        says: what it answers to everything else than its version, if anything.
        asked: paths that were asked for.
        url: where it answers.
        answers: to writes and to filters, in the order of the recording; each is given once.
    """

    lists: Lists
    version: str = "4.7"
    most: int = 1000
    short: str = ""
    token: str = TOKEN
    next_page: str = ""
    says: Any = None
    asked: list[str] = field(default_factory=list)
    url: str = ""
    answers: list[dict[str, Any]] = field(default_factory=list)

    def get(self, path: str, query: Mapping[str, str]) -> Any:
        """The answer to a GET."""
        if path == "":
            return {}
        if self.says is not None:
            return self.says
        filters = {key: value for key, value in query.items() if key not in _PLAIN}
        if filters:
            return self._answer("get", path, None, urlencode(sorted(filters.items())))
        objects = self.lists.get(path)
        if objects is None:
            return None
        start, limit = int(query.get("offset", 0)), min(int(query.get("limit", 50)), self.most)
        page = objects[start : start + limit]
        has_next = start + limit < len(objects)
        if self.short == path and not has_next:
            page = page[:-1]
        link = f"{self.url}/api/{path}/?limit={limit}&offset={start + limit}" if has_next else None
        link = self.next_page or link
        return {"count": len(objects), "next": link, "previous": None, "results": page}

    def send(self, verb: str, path: str, body: Any) -> Any:
        """The answer to a write, as it was recorded; after the last one the lists are those of afterwards."""
        return self._answer(verb, path, body, "")

    def _answer(self, verb: str, path: str, body: Any, query: str) -> Any:
        wanted = {"verb": verb, "path": path, "body": body, "query": query}
        for index, one in enumerate(self.answers):
            if {key: one[key] for key in wanted} == wanted:
                del self.answers[index]
                if not self.answers:
                    self.lists = {**self.lists, **recorded("after")}
                return one["answer"]
        return None


def _handler(server: Replayed) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            self._give("get")

        def do_POST(self) -> None:
            self._give("post")

        def do_PATCH(self) -> None:
            self._give("patch")

        def _give(self, verb: str) -> None:
            server.asked.append(f"{verb} {self.path}")
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            parts = urlsplit(self.path)
            query = {key: ",".join(values) for key, values in parse_qs(parts.query).items()}
            path = parts.path.removeprefix("/api").strip("/")
            if not parts.path.startswith("/api"):
                self._send(404, {"detail": "Not found."})
            elif self.headers.get("Authorization") not in {f"Bearer {server.token}", f"Token {server.token}"}:
                self._send(403, {"detail": "Invalid token"})
            else:
                answer = server.get(path, query) if verb == "get" else server.send(verb, path, body)
                self._send(404 if answer is None else 200, {"detail": "Not recorded."} if answer is None else answer)

        def _send(self, code: int, answer: Any) -> None:
            data = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("API-Version", server.version)
            self.end_headers()
            self.wfile.write(data)

    return Handler


@contextmanager
def replayed(server: Replayed) -> Iterator[Replayed]:
    """It answers until the end of the block."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join(10)
