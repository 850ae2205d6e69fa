"""Archives that are the same on every machine: members of tar, without times or owners."""

import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

MANIFEST = "MANIFEST"
BLOCK = 512
"""Bytes of a record of tar; an archive ends with two that are empty."""


def tar_members(files: Mapping[str, bytes]) -> bytes:
    """Members of a tar archive without its end, so that more can follow: the same bytes for the same files."""
    parts: list[bytes] = []
    for path in (*_folders(files), *sorted(files)):
        entry = tarfile.TarInfo(path)
        content = files.get(path)
        entry.mode = 0o755 if content is None or path.rpartition("/")[2] == "run" else 0o644
        entry.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
        entry.size = 0 if content is None else len(content)
        parts += [entry.tobuf(tarfile.USTAR_FORMAT), content or b"", bytes(-entry.size % BLOCK)]
    return b"".join(parts)


def _folders(files: Iterable[str]) -> list[str]:
    return sorted({str(parent) for path in files for parent in Path(path).parents if str(parent) != "."})
