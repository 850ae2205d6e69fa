"""A simulated BMC: resources of Redfish as one tree of JSON, served over TLS to whoever knows the password."""

import base64
import hashlib
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from support.tls import certificate

USER, PASSWORD = "gateway", "a-word-of-it"
ROOT = "/redfish/v1/Chassis"


@dataclass
class Tree:
    """What the BMC has, and what is wrong with it.

    Attributes:
        resources: by path.
        garbage: whether it answers with something else.
        drips: whether an answer comes byte by byte, and has no end.
        asked: paths, in order.
        methods: what it was asked to do.
    """

    resources: dict[str, Any] = field(default_factory=dict)
    garbage: bool = False
    drips: bool = False
    asked: list[str] = field(default_factory=list)
    methods: set[str] = field(default_factory=set)


def chassis(name: str, **links: str) -> dict[str, Any]:
    """A chassis with links to what it has."""
    return {f"{ROOT}/{name}": {kind: {"@odata.id": path} for kind, path in links.items()}}


def chassis_list(*names: str) -> dict[str, Any]:
    """The collection of chassis."""
    return {ROOT: {"Members": [{"@odata.id": f"{ROOT}/{name}"} for name in names]}}


@contextmanager
def bmc(tree: Tree, folder: Path) -> Iterator[tuple[int, str]]:
    """Serve a tree; gives the port and the certificate's digest."""
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            tree.asked.append(self.path)
            tree.methods.add(self.command)
            found = tree.resources.get(self.path.rstrip("/"))
            is_known = self.headers.get("authorization") == expected
            status = 401 if not is_known else 404 if found is None else 200
            body = b"<html>busy</html>" if tree.garbage else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            while tree.drips:
                self.wfile.write(b" ")
                time.sleep(0.05)
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            pass

    files = certificate(folder, "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()

    der = ssl.PEM_cert_to_DER_cert(files[0].read_text(encoding="ascii"))
    try:
        yield server.server_address[1], hashlib.sha256(der).hexdigest()
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
