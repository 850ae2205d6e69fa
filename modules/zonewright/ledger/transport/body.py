"""The body of a request, limited while it is read: neither its length nor its pace can exhaust us."""

import logging
from collections.abc import Callable

import anyio
from starlette.requests import ClientDisconnect, Request

from zonewright.errors import Exit, ZonewrightError

_LOG = logging.getLogger("zonewright.service")


class BodyError(ZonewrightError, ValueError):
    """The body cannot be taken; ``str()`` is a sentence, ``status`` the answer's."""

    exit_code = Exit.MISUSE

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


async def read_limited(
    request: Request, *, most: int, within_s: float, what: str, grown: Callable[[int], None] | None = None
) -> bytes:
    """The body as it came; one that ends before its end is one line of the log.

    Who is refused here has not sent all yet. So the answer must close the connection.

    Args:
        request: the request.
        most: the most bytes that are read.
        within_s: seconds within which it must have come.
        what: what to call it, such as ``a batch``.
        grown: is told how many bytes it has so far, and may raise.

    Raises:
        BodyError: when it is longer, comes too slowly or is cut off.
    """
    too_long = BodyError(413, f"{what} has at most {most:,} bytes")
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > most:
        raise too_long
    taken = bytearray()
    try:
        with anyio.fail_after(within_s):
            async for chunk in request.stream():
                taken += chunk
                if len(taken) > most:
                    raise too_long
                if grown is not None:
                    grown(len(taken))
    except TimeoutError:
        raise BodyError(408, f"{what} did not come within {within_s:g} s") from None
    except ClientDisconnect:
        _LOG.warning("%s: the connection ended within %s; nothing of it was taken", request.url.path[:100], what)
        raise BodyError(400, f"the connection ended within {what}") from None
    return bytes(taken)
