"""Rendered files become files to install: values take the places of references, in memory, then on disk."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from zonewright.model.secret import Reference, SecretError, references_in, resolved

_OWNER_ONLY, _FOLDER_MODE = 0o600, 0o700


def read_files(source: Path) -> dict[str, bytes]:
    """One file, or all files below a folder, by path below it; links are not followed.

    Raises:
        SecretError: when there is none, or one of them is a link.
    """
    if not source.exists():
        raise SecretError(f"{source}: there is no such file or folder; zonewright render --out makes one")
    if source.is_file():
        return {source.name: source.read_bytes()}
    paths = sorted(path for path in source.rglob("*") if path.is_symlink() or path.is_file())
    links = [path for path in paths if path.is_symlink()]
    if links:
        raise SecretError(*(f"{link} is a link; only plain files are installed; delete it" for link in links))
    return {path.relative_to(source).as_posix(): path.read_bytes() for path in paths}


def references_of(files: Mapping[str, bytes]) -> tuple[Reference, ...]:
    """All references of some files, each once, in order."""
    return tuple(sorted({one for data in files.values() for one in references_in(data)}))


def filled(files: Mapping[str, bytes], resolve: Callable[[Reference], str]) -> dict[str, bytes]:
    """Files with values in the places of references: all of them, or none.

    Args:
        files: rendered files by path.
        resolve: gives the value of a reference.

    Raises:
        SecretError: one sentence for each fault, with the first file that has it.
    """
    found: dict[str, bytes] = {}
    sentences: dict[str, str] = {}
    for path, data in sorted(files.items()):
        try:
            found[path] = resolved(data, resolve)
        except SecretError as error:
            for sentence in error.sentences:
                sentences.setdefault(sentence, path)
    if sentences:
        raise SecretError(*(f"{path}: {sentence}" for sentence, path in sentences.items()))
    return found


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a new or empty folder, readable by this user only.

    Raises:
        SecretError: when the folder has something in it, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
        if any(folder.iterdir()):
            raise SecretError(f"{folder} is not empty; name a new folder")
        for path, data in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
            with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "wb") as opened:
                opened.write(data)
    except OSError as error:
        raise SecretError(f"{folder}: cannot be written: {(error.strerror or 'unknown').lower()}") from None
