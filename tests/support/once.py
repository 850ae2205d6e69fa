"""What many tests need and nobody changes is made once in a run and copied; in memory where there is room.

Tests that kill processes need no disk: only a loss of power would tell the difference, and none of them cuts it.
"""

import atexit
import fcntl
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

SHARED = "ZONEWRIGHT_TEST_SHARED"
_OWNER = "ZONEWRIGHT_TEST_OWNER"
_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 4 * 2**30
_VALUE = "value"
ValueT = TypeVar("ValueT")


def memory() -> Path | None:
    """A folder in memory with room for the tests, and from which programs may be run; None where there is none."""
    try:
        status = os.statvfs(_MEMORY)
    except OSError:
        return None
    has_room = status.f_bavail * status.f_frsize >= _ROOM_BYTES
    return _MEMORY if has_room and not status.f_flag & os.ST_NOEXEC and os.access(_MEMORY, os.W_OK) else None


def begin() -> bool:
    """Make the run's folder, unless a process above has; gives whether it is this one's to ``end``."""
    if SHARED in os.environ:
        return False
    place = memory()
    os.environ[SHARED] = tempfile.mkdtemp(prefix="zonewright-tests-", dir=place)
    os.environ[_OWNER] = str(os.getpid())
    if place is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(place))  # where pytest's temporary folders go
    return True


def owner() -> int:
    """The process that began the run: what serves all of its test processes ends with this one."""
    return int(os.environ[_OWNER])


def end() -> None:
    """Remove the run's folder."""
    del os.environ[_OWNER]
    shutil.rmtree(os.environ.pop(SHARED), ignore_errors=True)


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """A folder of the run that the first who asks makes, while others wait; who wants to change something copies it.

    Args:
        name: of the folder, unique in the run.
        make: fills the new folder; when it fails, the next one who asks tries again.
    """
    if begin():  # not in a run of pytest: a measurement
        atexit.register(end)
    folder = Path(os.environ[SHARED]) / name
    done = folder.with_name(f"{name}.done")
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


def shared(name: str, compute: Callable[[], ValueT]) -> ValueT:
    """A value that the first process of the run who asks computes, while others wait for it.

    Args:
        name: of the value, unique in the run.
        compute: gives it; what it gives can be pickled.
    """

    def make(folder: Path) -> None:
        (folder / _VALUE).write_bytes(pickle.dumps(compute()))

    value: ValueT = pickle.loads((made_once(name, make) / _VALUE).read_bytes())
    return value
