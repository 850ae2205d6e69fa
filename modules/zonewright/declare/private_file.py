"""Files that hold claims, readings or state are made for their owner only, whatever the user's mask says."""

import os
from contextlib import suppress
from pathlib import Path


def make_private(path: Path) -> None:
    """Make an empty file that only its owner may read; one that is there stays as it is.

    SQLite gives the files beside a database the same permissions.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
