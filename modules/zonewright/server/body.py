"""The body of a request, limited while it is read: neither its length, its compression nor its pace can exhaust us."""

import zlib

import anyio
from starlette.requests import ClientDisconnect, Request

from zonewright.errors import Exit, ZonewrightError
from zonewright.model.limits import TELEMETRY_BODY, TELEMETRY_PLAIN

MAX_BODY_BYTES = TELEMETRY_BODY.most
MAX_PLAIN_BYTES = TELEMETRY_PLAIN.most
_READ_S = 30.0
_GZIP = 16 + zlib.MAX_WBITS


class BodyError(ZonewrightError, ValueError):
    """The body cannot be taken; ``str()`` is a sentence, ``status`` the answer's."""

    exit_code = Exit.MISUSE

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


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
        BodyError: when it is longer, comes too slowly, or is compressed otherwise.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise BodyError(415, f"expected a plain body or gzip, got {encoding[:40]!r}")
    too_long = BodyError(413, f"{what} has at most {max_bytes:,} bytes")
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > max_bytes:
        raise too_long
    taken = bytearray()
    try:
        with anyio.fail_after(_READ_S):
            async for chunk in request.stream():
                taken += chunk
                if len(taken) > max_bytes:
                    raise too_long
    except TimeoutError:
        raise BodyError(408, f"the body did not come within {_READ_S:g} s") from None
    except ClientDisconnect:
        raise BodyError(400, "the connection ended within the body") from None
    return _unpacked(bytes(taken), max_plain_bytes) if encoding == "gzip" else bytes(taken)


def _unpacked(packed: bytes, max_plain_bytes: int) -> bytes:
    unpack = zlib.decompressobj(_GZIP)
    try:
        plain = unpack.decompress(packed, max_plain_bytes + 1)
    except zlib.error:
        raise BodyError(400, "expected a gzip body, as the header says, got something else") from None
    if len(plain) > max_plain_bytes:
        raise BodyError(413, f"an unpacked batch may have at most {max_plain_bytes:,} bytes")
    if not unpack.eof or unpack.unused_data:
        raise BodyError(400, "expected one complete gzip member; it is cut off, or more data follows")
    return plain
