"""Canonical tar archives: the same files are the same bytes, and every byte of an archive has one right value.

Reading refuses what an archive may do to a careless reader: links, devices, ``..``, absolute paths, names twice,
sizes without end. Then the archive is written again and compared, so that nothing hides in headers or padding.
"""

import io
import re
import tarfile
from collections.abc import Iterator, Mapping

from zonewright.changes.errors import BundleError

MAX_FILES = 100_000
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_BYTES = 512 * 1024 * 1024
BLOCK = 512
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+=-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.@+=-]*)*")
_MAX_NAME = 240


def require_name(name: str) -> str:
    """A path within a bundle.

    Raises:
        BundleError: when it could lead out of the bundle, or mean two things.
    """
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise BundleError(f"a bundle has no file {name[:80]!r}: expected a relative path of plain names without '..'")
    return name


def pack(files: Mapping[str, bytes]) -> bytes:
    """The archive of some files, in order of path.

    Args:
        files: content by path.

    Raises:
        BundleError: when a path or a size is not allowed.
    """
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(require_name(name))
            entry.size, entry.mode = len(files[name]), 0o644
            try:
                archive.addfile(entry, io.BytesIO(files[name]))
            except ValueError as error:
                raise BundleError(f"{name} cannot be put into an archive: {error}") from None
    require_sizes({name: len(content) for name, content in files.items()})
    return out.getvalue()


def require_sizes(sizes: Mapping[str, int]) -> None:
    """Refuse what is larger than a bundle may be."""
    if len(sizes) > MAX_FILES:
        raise BundleError(f"a bundle has at most {MAX_FILES:,} files, this one has {len(sizes):,}")
    for name, size in sizes.items():
        if size > MAX_FILE_BYTES:
            raise BundleError(f"{name} has {size:,} bytes; a file of a bundle has at most {MAX_FILE_BYTES:,}")
    if sum(sizes.values()) > MAX_BYTES:
        raise BundleError(f"a bundle has at most {MAX_BYTES:,} bytes")


def unpack(data: bytes) -> dict[str, bytes]:
    """The files of an archive.

    Raises:
        BundleError: when it is no canonical archive; the first thing that is wrong, by name.
    """
    if len(data) > 2 * MAX_BYTES:
        raise BundleError(f"an archive has at most {2 * MAX_BYTES:,} bytes")
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:", errors="strict") as archive:
            for entry in archive:
                content = _content(archive, entry, files)
                require_sizes({entry.name: len(content)})
                files[entry.name] = content
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"the archive is damaged{_after(files)}: {error}") from None
    require_sizes({name: len(content) for name, content in files.items()})
    again = pack(files)
    if again != data:
        raise BundleError(_difference(files, data, again))
    return files


def _after(files: Mapping[str, bytes]) -> str:
    return f" after {list(files)[-1]}" if files else ""


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo, files: Mapping[str, bytes]) -> bytes:
    require_name(entry.name)
    if not entry.isreg():
        raise BundleError(f"{entry.name} is not a plain file; an archive of a bundle has no links, folders or devices")
    if entry.name in files:
        raise BundleError(f"the archive has {entry.name} twice")
    if entry.size > MAX_FILE_BYTES or len(files) >= MAX_FILES:
        raise BundleError(f"{entry.name} has {entry.size:,} bytes, or the archive has one file too many")
    stream = archive.extractfile(entry)
    content = stream.read() if stream is not None else b""
    if len(content) != entry.size:
        raise BundleError(f"the archive ends within {entry.name}")
    return content


def _difference(files: Mapping[str, bytes], data: bytes, again: bytes) -> str:
    """Where the archive is not what writing its files again gives."""
    at, end = 0, min(len(data), len(again))
    for step in (1 << 20, 1 << 14, 1 << 7, 1):  # an archive may have 512 MB
        while at + step <= end and data[at : at + step] == again[at : at + step]:
            at += step
    for name, begin, end in _places(files):
        if begin <= at < end:
            return (
                f"byte {at:,} of the archive, in the header or padding of {name}, differs from what a bundle has there"
            )
    return f"byte {at:,} of the archive, after its last file, differs from what a bundle has there"


def _places(files: Mapping[str, bytes]) -> Iterator[tuple[str, int, int]]:
    at = 0
    for name in sorted(files):
        end = at + BLOCK + -(-len(files[name]) // BLOCK) * BLOCK
        yield name, at, end
        at = end
