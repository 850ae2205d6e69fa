"""Notices that the process that started this one has gone, also when it was killed and could not say so.

It lies below all rooms, as the provider and the engine room's language host both need it. Must not end anything itself:
it calls back once, and the server ends in order. The kernel's own way (PR_SET_PDEATHSIG) is not for a child of the
engine: it follows the thread that started the child, and Go ends its threads when it likes.
"""

import asyncio
import os
import stat
from collections.abc import Callable

_POLL_S = 0.5
_STANDARD_INPUT = 0


async def watch(gone: Callable[[], None]) -> None:
    """Call `gone` once the process that started this one has ended.

    The engine holds the other end of our standard input and never writes to it, so its end is felt at once when
    that is a pipe. The parent's number is polled as well, for a parent that gives no pipe.
    """
    if _has_pipe():
        loop = asyncio.get_running_loop()
        loop.add_reader(_STANDARD_INPUT, lambda: None if os.read(_STANDARD_INPUT, 4096) else _end(loop, gone))
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - the kernel sets no event
        await asyncio.sleep(_POLL_S)
    gone()


def _has_pipe() -> bool:
    """Whether standard input is a pipe; it may also be closed."""
    try:
        return stat.S_ISFIFO(os.fstat(_STANDARD_INPUT).st_mode)
    except OSError:
        return False


def _end(loop: asyncio.AbstractEventLoop, gone: Callable[[], None]) -> None:
    """Stop listening to a pipe that has ended (it would be ready for ever) and say so."""
    loop.remove_reader(_STANDARD_INPUT)
    gone()
