"""Batches on disk until the service has acknowledged them: a kill at any moment loses nothing that was acknowledged.

One file for each batch, named by its sequence number, written aside, synced and renamed. Bounded: when it is full, or
the disk is, the oldest batches go, and how many is told with the next ones. Safe for one writer and one reader thread.
"""

from __future__ import annotations

import errno
import os
from array import array
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from threading import Lock

_DIGITS = 20
_LAST, _DROPPED = "last", "dropped"
_BLOCK_BYTES = 4096
"""What the smallest file takes on a disk; counted, so that many small batches do not take more than they may."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Spool:
    """A folder of batches.

    Args:
        folder: where; it is made.
        max_bytes: what all batches together may take on the disk.
        first: number of the first batch in a new folder.
    """

    def __init__(self, folder: str | os.PathLike[str], max_bytes: int, *, first: int = 1) -> None:
        self.folder, self._max_bytes = os.fspath(folder), max_bytes
        self._lock = Lock()
        os.makedirs(folder, exist_ok=True)
        left: list[str] = []
        with os.scandir(folder) as entries:  # one at a time: a full spool has ten thousands of them
            found = array("Q", (int(entry.name) for entry in entries if _is_batch(entry.name, left)))
        for name in left:
            os.unlink(self._path(name))
        self._waiting = deque(sorted(found))
        self._bytes = sum(self._size(sequence) for sequence in self._waiting)
        number, self._mark = self._last_kept()
        self._last = max([number, *list(self._waiting)[-1:]]) or first - 1
        self.dropped = self._number(_DROPPED)
        self._is_dropped_kept = True
        self.lender: Spool | None = None
        """Another spool, whose batches go before those of this one when the disk is full."""

    @property
    def next_sequence(self) -> int:
        """Number of the next batch; never used twice, also not after a restart."""
        return self._last + 1

    @property
    def mark(self) -> str:
        """What the last batch that was put was marked with, also after a restart; empty where nobody knows."""
        return self._mark

    def last_batch(self) -> bytes | None:
        """The last batch that was put, where it still waits."""
        with self._lock:
            if not self._waiting or self._waiting[-1] != self._last:
                return None
            return self._content(_name(self._last))

    def __len__(self) -> int:
        """How many batches wait."""
        return len(self._waiting)

    def put(self, batch: bytes, mark: str = "") -> int:
        """Keep a batch; it is on disk when this returns. Gives its number.

        Args:
            batch: what is kept.
            mark: a word that is remembered of the last batch, when it waits no more.

        Raises:
            OSError: when the disk takes nothing, although the oldest batches made room; it is counted as dropped.
        """
        with self._lock:
            sequence = self.next_sequence
            while True:
                try:
                    self._write(_name(sequence), batch)
                    break
                except OSError as error:
                    if error.errno in _FULL and self.lender is not None and self.lender.give_way():
                        continue
                    if error.errno not in _FULL or not self._waiting:
                        self._count(1)
                        raise
                    self._drop(1)
            self._last, self._mark = sequence, mark
            self._waiting.append(sequence)
            self._bytes += _on_disk(len(batch))
            self._shrink()
            if not self._is_dropped_kept:
                self._count(0)
            return sequence

    def give_way(self) -> bool:
        """Drop the oldest batch, to make room on the disk; whether there was one."""
        with self._lock:
            is_there = bool(self._waiting)
            self._drop(int(is_there))
            return is_there

    def pending(self) -> Iterator[tuple[int, bytes]]:
        """Batches that wait, oldest first; what is put meanwhile comes as well."""
        after = 0
        while (sequence := self._next(after)) is not None:
            after = sequence
            try:
                yield sequence, self._content(_name(sequence))
            except FileNotFoundError:  # dropped meanwhile, because the spool was full
                continue

    def acknowledge(self, sequence: int) -> None:
        """Forget a batch; the number stays used.

        Raises:
            OSError: when the disk takes nothing; the batch stays, and is sent again.
        """
        with self._lock:
            if sequence >= self._last:
                self._write(
                    _LAST, f"{self._last} {self._mark}".strip().encode()
                )  # on a full disk the batch stays, and keeps its number
            with suppress(ValueError):
                self._waiting.remove(sequence)
                self._remove(sequence)  # not synced: what comes back after a loss of power is sent again, and known

    def refuse(self, sequence: int) -> None:
        """Drop a batch that the service will never take; it is counted."""
        with self._lock:
            self._count(1)
        self.acknowledge(sequence)

    def _next(self, after: int) -> int | None:
        with self._lock:
            return next((sequence for sequence in self._waiting if sequence > after), None)

    def _shrink(self) -> None:
        gone = 0
        bytes_left = self._bytes
        for sequence in self._waiting:
            if bytes_left <= self._max_bytes or gone == len(self._waiting) - 1:  # the newest one always stays
                break
            bytes_left -= self._size(sequence)
            gone += 1
        self._drop(gone)

    def _drop(self, count: int) -> None:
        """Drop the oldest batches; counted first, so that a kill in between counts too many rather than too few."""
        if count:
            self._count(count)
            for _ in range(count):
                self._remove(self._waiting.popleft())
            self._sync_folder()

    def _count(self, count: int) -> None:
        self.dropped += count
        self._is_dropped_kept = False
        with suppress(OSError):  # on a full disk it is written with the next batch that fits
            self._write(_DROPPED, str(self.dropped).encode())
            self._is_dropped_kept = True

    def _remove(self, sequence: int) -> None:
        self._bytes -= self._size(sequence)
        with suppress(FileNotFoundError):
            os.unlink(self._path(_name(sequence)))

    def _size(self, sequence: int) -> int:
        try:
            return _on_disk(os.stat(self._path(_name(sequence))).st_size)
        except FileNotFoundError:
            return 0

    def _number(self, name: str) -> int:
        try:
            text = self._content(name)
        except FileNotFoundError:
            return 0
        return int(text) if text.isdigit() else 0

    def _last_kept(self) -> tuple[int, str]:
        """Number and mark of the last batch that was acknowledged with none after it."""
        try:
            number, _, mark = self._content(_LAST).decode("ascii", "replace").partition(" ")
        except FileNotFoundError:
            return 0, ""
        return (int(number), mark) if number.isdigit() else (0, "")

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _content(self, name: str) -> bytes:
        with open(self._path(name), "rb") as file:
            return file.read()

    def _write(self, name: str, content: bytes) -> None:
        temporary = self._path(f"{name}.new")
        try:
            with open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        os.replace(temporary, self._path(name))
        self._sync_folder()

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _name(sequence: int) -> str:
    return f"{sequence:0{_DIGITS}}"


def _is_batch(name: str, left: list[str]) -> bool:
    """Whether this is a batch; what a kill left half written is noted."""
    if name.endswith(".new"):
        left.append(name)
    return len(name) == _DIGITS and name.isdigit()


def _on_disk(size: int) -> int:
    return -(-max(size, 1) // _BLOCK_BYTES) * _BLOCK_BYTES
