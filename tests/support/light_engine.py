"""What makes a call of `pulumi` cost half a second of CPU instead of one, and changes nothing that our tests look at.

Under a passphrase each call computes a million hashes to get the key of its stack, 0.3 s of CPU. The stacks of most
tests keep their key in a server that speaks the part of Vault's HTTP API for it. zonewright's own way, the passphrase,
is what the tests of the demo, the tutorial and a user's own repository have.
"""

import functools
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROVIDER = "hashivault://tests"
"""What `pulumi stack init --secrets-provider` takes."""
_PREFIX = "vault:v1:"


class _Handler(BaseHTTPRequestHandler):
    """The transit engine, whose keys wrap nothing: what it is given to keep, it gives back."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/transit/encrypt/tests":
            status, data = 200, {"ciphertext": f"{_PREFIX}{asked['plaintext']}"}
        elif self.path == "/v1/transit/decrypt/tests":
            status, data = 200, {"plaintext": asked["ciphertext"].removeprefix(_PREFIX)}
        else:
            status, data = 404, {}
        body = json.dumps({"data": data} if data else {"errors": []}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@functools.cache
def _url() -> str:
    """Address of the server of this process, started when it is first asked for; it ends with the process."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def variables() -> dict[str, str]:
    """What an engine needs to find the server."""
    return {"VAULT_SERVER_URL": _url(), "VAULT_SERVER_TOKEN": "tests"}
