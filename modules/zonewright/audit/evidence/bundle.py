"""A bundle: the evidence of one change, as files by path with a manifest of their digests.

A bundle is a folder or a canonical archive of it; both hold the same files. The format is documented in
``docs/reference/bundle.md``.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from zonewright.audit.evidence.archive import MAX_BYTES, MAX_FILE_BYTES, require_name, require_sizes, unpack
from zonewright.audit.evidence.layout import MANIFEST, OBJECTS, object_path
from zonewright.changes.errors import BundleError
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.seal import SealError
from zonewright.seal.strict import strict_json

FORMAT = 1
_DIGEST_CHARACTERS = 71


def changes_folder(root: Path, stack: str) -> Path:
    """Where the changes of a stack lie in its project."""
    return root / ".zonewright" / "changes" / stack


def with_manifest(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of a bundle together with their manifest, in order of path."""
    digests = {require_name(path): digest_of(content) for path, content in files.items() if path != MANIFEST}
    manifest = canonical_json({"format": FORMAT, "files": digests}) + "\n"
    return dict(sorted({**files, MANIFEST: manifest.encode()}.items()))


def manifest_faults(files: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """What of a bundle is not as its manifest says: path and sentence."""
    try:
        digests = _manifest(files)
    except BundleError as error:
        yield MANIFEST, str(error)
        return
    present = files.keys() - {MANIFEST}
    for path in sorted(digests.keys() | present):
        if path not in present:
            yield path, "is missing; the manifest names it"
        elif path not in digests:
            yield path, "is not in the manifest"
        elif digest_of(files[path]) != digests[path]:
            yield path, "was altered: its digest differs from the one in the manifest"
        elif path.startswith(f"{OBJECTS}/") and object_path(digests[path]) != path:
            yield path, "does not have the digest that its name says"


def _manifest(files: Mapping[str, bytes]) -> dict[str, str]:
    if MANIFEST not in files:
        raise BundleError("is missing, so this is not a zonewright bundle")
    try:
        data = strict_json(files[MANIFEST].decode("utf-8"))
    except (SealError, UnicodeDecodeError) as error:
        raise BundleError(f"cannot be read: {error}") from None
    digests = data.get("files")
    if data.keys() != {"format", "files"} or data["format"] != FORMAT or not isinstance(digests, dict):
        raise BundleError(f"does not have format {FORMAT}")
    if canonical_json(data) + "\n" != files[MANIFEST].decode("utf-8"):
        raise BundleError("is not in its canonical form")
    for path, digest in digests.items():
        require_name(path)
        if not isinstance(digest, str) or len(digest) != _DIGEST_CHARACTERS:
            raise BundleError(f"has no digest of {path}")
    return digests


def read_bundle(path: Path) -> dict[str, bytes]:
    """The files of a bundle, from its folder or its archive.

    Raises:
        BundleError: when it is neither, or one that must not be opened.
    """
    if path.is_dir() and not path.is_symlink():
        return _read_folder(path)
    if not path.is_file():
        raise BundleError(f"{path} is neither a folder nor an archive of a bundle")
    if path.stat().st_size > 2 * MAX_BYTES:
        raise BundleError(f"{path} is too large for a bundle")
    return unpack(path.read_bytes())


def _read_folder(root: Path) -> dict[str, bytes]:
    sizes: dict[str, int] = {}
    folders = [""]
    while folders:
        folder = folders.pop()
        # A bundle has thousands of files: what scandir knows of them costs no look at each.
        with os.scandir(root / folder) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                relative = f"{folder}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{relative}/")
                elif entry.is_file(follow_symlinks=False):
                    sizes[require_name(relative)] = entry.stat(follow_symlinks=False).st_size
                else:
                    raise BundleError(f"{relative} is a link or a device; a bundle has only plain files")
        require_sizes(sizes)
    return {name: _read(root / name) for name in sorted(sizes)}


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1)


def write_folder(root: Path, files: Mapping[str, bytes]) -> None:
    """Write a bundle as a folder; what it held before and the bundle does not is deleted.

    Args:
        root: the folder, made when it is missing.
        files: the bundle, with its manifest.
    """
    root.mkdir(parents=True, exist_ok=True)
    held = _read_folder(root)
    for path in held.keys() - files.keys():
        (root / path).unlink()
    for path, content in files.items():
        if held.get(path) != content:
            target = root / require_name(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f"{target.name}.new")
            temporary.write_bytes(content)
            temporary.replace(target)
    for folder, _names, _files in os.walk(root, topdown=False):
        if folder != str(root) and not os.listdir(folder):  # noqa: PTH208 - os.walk gives text
            Path(folder).rmdir()
