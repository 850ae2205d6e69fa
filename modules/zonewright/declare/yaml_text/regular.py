"""Opens what somebody else put into a folder of declarations: only an ordinary file, and only so much of it."""

import os
import stat
from pathlib import Path

from zonewright.errors import Exit, ZonewrightError


class NotAnOrdinaryFileError(ZonewrightError, OSError):
    """A folder, a device, a socket or a pipe where a file of text belongs."""

    exit_code = Exit.MISUSE


def read_regular(path: Path, most: int) -> bytes:
    """At most ``most`` + 1 bytes of an ordinary file, so that the caller sees whether it is too long.

    What is opened is looked at, not its name, and opening never waits: a pipe would wait for a writer, and a device
    may have no end. A link is followed, and what it leads to counts.

    Args:
        path: the file.
        most: bytes that it may have.

    Raises:
        NotAnOrdinaryFileError: when it is another kind of thing.
        OSError: when it cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(handle, "rb", buffering=0) as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise NotAnOrdinaryFileError(f"{path}: expected an ordinary file, got a folder, device, socket or pipe")
        parts, left = [], most + 1
        while left > 0 and (part := stream.read(left)):
            parts.append(part)
            left -= len(part)
    return b"".join(parts)
