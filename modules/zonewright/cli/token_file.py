"""A token that goes into a file of its owner's, and on no terminal and in no log of one."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from zonewright.cli.output import NOT_DECIDED, REFUSED, StoppedError
from zonewright.errors import reason_of


@contextmanager
def token_file(path: Path, *, replaces: bool) -> Iterator[Callable[[str], None]]:
    """A place for a token, made before anybody gives one: what cannot be written is known before.

    Args:
        path: of the file; it is there whole, or as it was.
        replaces: whether a file that is there is that of an older token.

    Yields:
        What writes the token.

    Raises:
        StoppedError: when the file cannot be made, is there already, or did not take the token.
    """
    if not replaces and os.path.lexists(path):
        raise StoppedError(f"{path} exists; nothing was changed; name a new file", code=REFUSED)
    if path.exists() and not _has_token(path):
        raise StoppedError(f"{path} is no file of a token; nothing was changed; name a new file", code=REFUSED)
    beside = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoppedError(f"{path} cannot be written: {reason_of(error)}; nothing was changed", code=REFUSED) from None

    def write(token: str) -> None:
        try:
            file.write(f"{token}\n".encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
            beside.replace(path)
        except OSError as error:
            raise StoppedError(
                f"{path} did not take the token: {reason_of(error)}; nobody has it; make another one with: zonewright "
                "access rotate",
                code=NOT_DECIDED,
            ) from None

    try:
        with os.fdopen(handle, "wb", buffering=0) as file:
            yield write
    finally:
        with suppress(FileNotFoundError):
            beside.unlink()


def _has_token(path: Path) -> bool:
    """Whether a file may be replaced: it has an older token, or nothing. A device is no file."""
    from zonewright.ledger.store.principals import PREFIX

    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            begin = file.read(len(PREFIX))
    except OSError as error:
        raise StoppedError(f"{path} cannot be read: {reason_of(error)}; nothing was changed", code=REFUSED) from None
    return begin in {b"", PREFIX.encode()}
