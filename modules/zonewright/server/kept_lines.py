"""Files of lines that only grow: each line is whole on the disk, whatever a kill or a full disk left before it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Be alone with a file or folder: services on one host share it.

    Args:
        path: the file or folder; its own folder is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.with_name(f"{path.name}.lock").open("a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def whole_lines(path: Path) -> list[bytes]:
    """The lines of a file; what has no end was never kept."""
    return path.read_bytes().split(b"\n")[:-1] if path.is_file() else []


def add_line(path: Path, text: str, most_bytes: int | None = None) -> None:
    """Add a whole line to a file that only its owner may read; it is on the disk after that.

    Args:
        path: the file; it is made, and its folder.
        text: without a line's end.
        most_bytes: a file that has more already stays as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(handle, "r+b") as file:
        size = file.read().rfind(b"\n") + 1
        if most_bytes is not None and size > most_bytes:
            return
        file.seek(size)
        file.truncate()
        file.write(f"{text}\n".encode())
        file.flush()
        os.fsync(file.fileno())
