"""The user's cache folder: one engine per version and machine in it, put there whole and by one process at a time.

Must not know how an engine is obtained.
"""

import fcntl
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

SayProgress = Callable[[str], None]
"""Takes one line of progress."""

_UNFINISHED = "unfinished-"
_WAIT_POLL_S = 0.2
_WAIT_LINE_S = 15.0


def folder(environment: Mapping[str, str]) -> Path:
    """Give the cache folder: `ZONEWRIGHT_CACHE`, else zonewright's in `XDG_CACHE_HOME`, else in `~/.cache`."""
    own = environment.get("ZONEWRIGHT_CACHE")
    if own:
        return Path(own).expanduser().absolute()
    base = environment.get("XDG_CACHE_HOME")
    # The XDG specification says to ignore a relative path.
    if base and Path(base).is_absolute():
        return Path(base) / "zonewright"
    return Path(environment.get("HOME") or Path.home()) / ".cache" / "zonewright"


def machine() -> str:
    """Name the system and processor, so that machines with one home folder do not share a binary."""
    return f"{platform.system()}-{platform.machine()}".lower()


@contextmanager
def lock(cache: Path, say: SayProgress) -> Iterator[None]:
    """Hold the cache folder alone; a second caller waits and says so.

    The lock ends with its process, so a killed one leaves nothing to clear by hand.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "engine.lock").open("a+") as file:
        _acquire(file, say)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _acquire(file: IO[str], say: SayProgress) -> None:
    """Take the lock, with a line at first and one every `_WAIT_LINE_S` while another process has it."""
    started = time.monotonic()
    said = None
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = time.monotonic() - started
            if said is None or waited - said >= _WAIT_LINE_S:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                say(f"waiting for another zonewright (process {holder}), which is getting the engine: {waited:.0f} s")
                said = waited
            time.sleep(_WAIT_POLL_S)
        else:
            return


@contextmanager
def new_folder(cache: Path, name: str) -> Iterator[Path]:
    """Give an empty folder that becomes `cache/name`, whole, when the block ends without an error.

    Call it under `lock`: what a killed process has left unfinished is removed first.
    """
    for left in cache.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(left, ignore_errors=True)
    unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=cache))
    try:
        yield unfinished
        unfinished.chmod(0o755)
        final = cache / name
        # A folder of that name that did not pass inspection: rename cannot replace it.
        shutil.rmtree(final, ignore_errors=True)
        unfinished.rename(final)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
