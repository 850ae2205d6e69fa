"""The versions that were tested, for installs that take only a part of the lock: as constraints of pip."""

import re
from pathlib import Path

_LINE = re.compile(r"^([A-Za-z0-9._-]+==[^ ;\\\n]+(?: ;[^\\\n]*)?)", re.MULTILINE)


def write_constraints(lock: Path, path: Path) -> Path:
    """Write each pinned version of a lock, with its marker and without its hashes; gives the file."""
    path.write_text("\n".join(_LINE.findall(lock.read_text(encoding="utf-8"))) + "\n", encoding="utf-8")
    return path
