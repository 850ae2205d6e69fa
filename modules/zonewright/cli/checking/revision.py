"""A zone's folder as it was in an earlier revision of its Git repository."""

import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from zonewright.cli.output import MISUSE, StoppedError


@contextmanager
def folder_at(folder: Path, revision: str) -> Iterator[Path | None]:
    """Give a copy of a folder as it was in a revision, or None where it was no zone's; the checkout is not touched.

    Args:
        folder: in a checkout of a Git repository.
        revision: what Git knows: a branch, a tag, a commit.

    Raises:
        StoppedError: when there is no Git, no repository, or no such revision.
    """
    found = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found.returncode != 0:
        why = found.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        if why.startswith("not a git repository"):
            why = f"{folder} is in no checkout of Git, so it has no revisions; leave out --since, or run git init"
        text = why or f"Git knows no revision '{revision}' in {folder}; in CI, fetch it first (git fetch origin)"
        raise StoppedError(text, code=MISUSE)
    commit = found.stdout.decode().strip()
    if not _git(folder, "ls-tree", "--name-only", commit, "--", "zone.yaml").stdout:
        yield None
        return
    archive = _git(folder, "archive", "--format=tar", commit)
    if archive.returncode != 0:
        text = archive.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise StoppedError(f"revision {revision} of {folder}: {text}", code=MISUSE)
    with TemporaryDirectory(prefix="zonewright-since-") as name:
        try:
            with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
                unpack(files, Path(name).resolve())
        except (tarfile.TarError, OSError) as error:
            text = f"revision {revision} of {folder} cannot be read: {error}; a link must stay within the folder"
            raise StoppedError(text, code=MISUSE) from None
        yield Path(name)


def unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """Write what Git archived: `extractall(filter="data")` came with Python 3.11.4, and Debian 12 has an older one.

    Who sends a change chooses the names in it, and a tree may name one thing twice. So links are made last: nothing is
    written through one.

    Raises:
        tarfile.TarError: when a name or a link leads out of the folder.
        OSError: when one name is two things.
    """
    links: list[tuple[Path, str]] = []
    for member in archive:
        path = folder / member.name
        _require_inside(path.parent, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        if member.isdir():
            path.mkdir(exist_ok=True)
        elif member.issym():
            links.append((path, member.linkname))
        elif (file := archive.extractfile(member)) is not None:
            path.write_bytes(file.read())
    for path, target in links:
        _require_inside(path.parent, folder)
        path.symlink_to(target)
    for path, _ in links:  # where one leads depends on the others
        _require_inside(path, folder)


def _require_inside(path: Path, folder: Path) -> None:
    if not Path(os.path.realpath(path)).is_relative_to(folder):
        raise tarfile.TarError(f"'{path.relative_to(folder)}' leads out of the folder")


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(  # noqa: S603 - a fixed program; a revision comes after --end-of-options
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            check=False,
            env=environment,
        )
    except FileNotFoundError:
        raise StoppedError("--since needs the program git, which is not installed", code=MISUSE) from None
