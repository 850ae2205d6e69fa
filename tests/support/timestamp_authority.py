"""An authority of time-stamps as others run one: `openssl ts` behind HTTP, with a chain of certificates."""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from support.authority import Authority, authority

_CONFIGURATION = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_cert = {folder}/signer.pem
signer_key = {folder}/signer.pem
certs = {folder}/between.pem
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
signer_digest = sha256
ess_cert_id_chain = no
"""


@dataclass
class TimestampAuthority:
    """A running one.

    Attributes:
        url: where it is.
        roots: file with the certificate that people trust.
        asked: how often it was asked.
        says: what it answers instead, with a status; None stamps.
        pause_s: seconds before each byte of an answer.
    """

    url: str
    roots: Path
    asked: int = 0
    says: tuple[int, bytes] | None = None
    pause_s: float = 0
    folder: Path = field(default_factory=Path)

    def stamp(self, query: bytes) -> bytes:
        """The answer to a query, by OpenSSL itself."""
        path = self.folder / "query.tsq"
        path.write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", str(self.folder / "ts.conf"), "-queryfile", str(path)]
        out = self.folder / "answer.tsr"
        subprocess.run([*command, "-out", str(out)], check=True, capture_output=True)
        return out.read_bytes()


@contextmanager
def timestamp_authority(folder: Path, name: str = "stamps") -> Iterator[TimestampAuthority]:
    """Run one until the end of the block.

    Args:
        folder: where its files are; it is made.
        name: of its root.
    """
    from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415 - with the chain that needs it

    folder.mkdir()
    root = authority(name)
    between = root.give(is_authority=True)
    signer = Authority(between, root.now).give(usage=(ExtendedKeyUsageOID.TIME_STAMPING,), is_critical=True)
    signer.write(folder / "signer.pem")
    (folder / "between.pem").write_bytes(between.pem)
    (folder / "root.pem").write_bytes(root.made.pem)
    (folder / "serial").write_text("01\n", encoding="ascii")
    (folder / "ts.conf").write_text(_CONFIGURATION.format(folder=folder), encoding="ascii")

    class Handler(BaseHTTPRequestHandler):
        """Answers queries."""

        def do_POST(self) -> None:
            """One query."""
            made.asked += 1
            query = self.rfile.read(int(self.headers["content-length"]))
            status, body = made.says or (200, made.stamp(query))
            self.send_response(status)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if not made.pause_s:
                self.wfile.write(body)
                return
            with suppress(OSError):  # who asks does not wait for all of it
                for byte in body:
                    time.sleep(made.pause_s)
                    self.wfile.write(bytes([byte]))

        def log_message(self, *_given: Any) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        made = TimestampAuthority(f"http://127.0.0.1:{server.server_port}/", folder / "root.pem", folder=folder)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join(10)
