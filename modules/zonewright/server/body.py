"""The body of an upload, limited while it is read, also in what it may unpack to."""

import zlib

from starlette.requests import Request

from zonewright.ledger.transport.body import BodyError, read_limited
from zonewright.model.limits import TELEMETRY_BODY, TELEMETRY_PLAIN

MAX_BODY_BYTES = TELEMETRY_BODY.most
MAX_PLAIN_BYTES = TELEMETRY_PLAIN.most
_READ_S = 30.0
_GZIP = 16 + zlib.MAX_WBITS


async def read_body(
    request: Request,
    *,
    max_bytes: int = MAX_BODY_BYTES,
    max_plain_bytes: int = MAX_PLAIN_BYTES,
    what: str = "a batch",
) -> bytes:
    """The body, unpacked where it is compressed by gzip.

    Args:
        request: the request.
        max_bytes: the most that is read.
        max_plain_bytes: the most that it may unpack to.
        what: what to call it.

    Raises:
        BodyError: when it is longer, comes too slowly, is cut off, or is compressed otherwise.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise BodyError(415, f"expected a plain body or gzip, got {encoding[:40]!r}")
    taken = await read_limited(request, most=max_bytes, within_s=_READ_S, what=what)
    return _unpacked(taken, max_plain_bytes) if encoding == "gzip" else taken


def _unpacked(packed: bytes, max_plain_bytes: int) -> bytes:
    unpack = zlib.decompressobj(_GZIP)
    try:
        plain = unpack.decompress(packed, max_plain_bytes + 1)
    except zlib.error:
        raise BodyError(400, "expected a gzip body, as the header says, got something else") from None
    if len(plain) > max_plain_bytes:
        raise BodyError(413, f"unpacked it may have at most {max_plain_bytes:,} bytes")
    if not unpack.eof or unpack.unused_data:
        raise BodyError(400, "expected one complete gzip member; it is cut off, or more data follows")
    return plain
