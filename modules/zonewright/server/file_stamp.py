"""Whether a file or a report is still the one that was read."""

import hashlib
from pathlib import Path

FileStamp = tuple[int, int, int]


def stamp_of(path: Path) -> FileStamp | None:
    """What changes when a file is written or replaced; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def tag_of(report: bytes) -> str:
    """What tells a report from others: the entity tag of its exact bytes."""
    return f'"{hashlib.sha256(report).hexdigest()}"'
