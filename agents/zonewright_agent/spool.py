"""Batches on disk until the service has acknowledged them: a kill at any moment loses nothing that was acknowledged.

One file for each batch, named by its sequence number, written aside, synced and renamed. Bounded: when it is full the
oldest batches go, and how many is told with the next ones.
"""

import os
from collections.abc import Iterator
from pathlib import Path

_DIGITS = 20
_LAST, _DROPPED = "last", "dropped"


class Spool:
    """A folder of batches.

    Args:
        folder: where; it is made.
        max_bytes: what all batches together may take.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("*.new"):
            left.unlink()
        waiting = self._waiting()
        self._last = max([self._number(_LAST), *(sequence for sequence, _ in waiting)])
        self.dropped = self._number(_DROPPED)

    @property
    def next_sequence(self) -> int:
        """Number of the next batch; never used twice, also not after a restart."""
        return self._last + 1

    def put(self, batch: bytes) -> int:
        """Keep a batch; it is on disk when this returns. Gives its number."""
        sequence = self.next_sequence
        self._write(f"{sequence:0{_DIGITS}}", batch)
        self._last = sequence
        self._shrink()
        return sequence

    def pending(self) -> Iterator[tuple[int, bytes]]:
        """Batches that wait, oldest first."""
        for sequence, path in self._waiting():
            try:
                yield sequence, path.read_bytes()
            except FileNotFoundError:  # dropped meanwhile, because the spool was full
                continue

    def acknowledge(self, sequence: int) -> None:
        """Forget a batch; the number stays used."""
        if sequence >= self._last:
            self._write(_LAST, str(self._last).encode())
        (self._folder / f"{sequence:0{_DIGITS}}").unlink(missing_ok=True)
        self._sync_folder()

    def _shrink(self) -> None:
        waiting = self._waiting()
        size = sum(path.stat().st_size for _, path in waiting)
        gone = 0
        for _, path in waiting[:-1]:  # the newest one always stays
            if size <= self._max_bytes:
                break
            size -= path.stat().st_size
            path.unlink()
            gone += 1
        if gone:
            self.dropped += gone
            self._write(_DROPPED, str(self.dropped).encode())

    def _waiting(self) -> list[tuple[int, Path]]:
        names = (path for path in self._folder.iterdir() if path.name.isdigit() and len(path.name) == _DIGITS)
        return sorted((int(path.name), path) for path in names)

    def _number(self, name: str) -> int:
        path = self._folder / name
        text = path.read_text(encoding="ascii") if path.exists() else ""
        return int(text) if text.isdigit() else 0

    def _write(self, name: str, content: bytes) -> None:
        temporary = self._folder / f"{name}.new"
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._folder / name)
        self._sync_folder()

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
