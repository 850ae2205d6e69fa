"""A server that speaks the part of Vault's HTTP API that is read.

A stand-in for Vault or OpenBao, which the tests neither build nor install. It is over real HTTP: reading a
version of the key-value engine 2 (``GET /v1/MOUNT/data/PATH``), with its answers for a missing path, a token without
the right, an older engine, a sealed server and a redirect to the active one.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class VaultServer:
    """What the server holds, and what it was asked."""

    url: str
    token: str
    secrets: dict[str, Any]
    forbidden: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    is_sealed: bool = False
    redirect: str = ""

    def answer(self, path: str, token: str) -> tuple[int, dict[str, Any]]:
        """Status and document, as the API's documentation has them."""
        self.asked.append(path)
        self.tokens.append(token)
        if self.is_sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if self.redirect:
            return 307, {}
        mount, _, rest = path.removeprefix("/v1/").partition("/")
        if mount == "old":  # version 1: no 'data/' in paths, no metadata in answers
            return 200, {"data": {"bgp": self.secrets["network/l07"]["bgp"]}}
        if token != self.token or rest in self.forbidden:
            return 403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}
        found = self.secrets.get(f"{mount}/{rest.removeprefix('data/')}") if rest.startswith("data/") else None
        if found is None:
            return 404, {"errors": []}
        metadata = {"created_time": "2026-01-01T00:00:00Z", "deletion_time": "", "destroyed": False, "version": 3}
        return 200, {
            "request_id": "r",
            "lease_id": "",
            "renewable": False,
            "data": {"data": found, "metadata": metadata},
        }


@contextmanager
def vault_server(secrets: dict[str, Any], *, token: str) -> Iterator[VaultServer]:
    """A running server on this machine.

    Args:
        secrets: documents by ``mount/path``.
        token: the token that may read all of them.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, document = made.answer(self.path, self.headers.get("X-Vault-Token", ""))
            body = json.dumps(document).encode()
            self.send_response(status)
            if made.redirect:
                self.send_header("Location", made.redirect)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = VaultServer(url=f"http://127.0.0.1:{server.server_port}", token=token, secrets=secrets)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
