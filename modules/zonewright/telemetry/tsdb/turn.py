"""A turn of writing in which nobody waits for a time-series database: it is asked between two tries, never within."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import TypeVar

from zonewright.telemetry.home import Statements, TelemetryHome, TsdbFaultError
from zonewright.telemetry.tsdb.interface import TimeSeries, Tsdb

_T = TypeVar("_T")
_Question = tuple[tuple[tuple[str, str], ...], int, int]


class _NotAskedError(Exception):
    """Something is wanted that was not asked for yet."""


class _Answers:
    """A database as it answered before the turn.

    Args:
        tsdb: the database.
    """

    def __init__(self, tsdb: Tsdb) -> None:
        self.name = tsdb.name
        self._tsdb = tsdb
        self._known: dict[_Question, list[TimeSeries] | TsdbFaultError] = {}
        self._wanted: list[_Question] = []

    def write(self, series: Sequence[TimeSeries]) -> None:
        """Have the database take samples."""
        self._tsdb.write(series)

    def read(self, labels: Mapping[str, str], start_ms: int, end_ms: int) -> list[TimeSeries]:
        """What it answered; what nobody has asked it yet ends the try."""
        question = (tuple(sorted(labels.items())), start_ms, end_ms)
        if question not in self._known:
            self._wanted.append(question)
            raise _NotAskedError
        found = self._known[question]
        if isinstance(found, TsdbFaultError):
            raise found
        return found

    def require(self) -> None:
        """End the try where a part of it wanted something."""
        if self._wanted:
            raise _NotAskedError

    def ask(self) -> None:
        """Ask for what was wanted."""
        for labels, start_ms, end_ms in self._wanted:
            try:
                self._known[labels, start_ms, end_ms] = self._tsdb.read(dict(labels), start_ms, end_ms)
            except TsdbFaultError as error:
                self._known[labels, start_ms, end_ms] = error
        self._wanted = []


def in_turn(home: TelemetryHome, work: Callable[[Statements], _T]) -> _T:
    """Do some work in the turn of who writes readings; gives what it gives.

    Where it wants an answer of their time-series database that there is none of, all of it is taken back, the database
    is asked while others write, and the work begins again. What an hour must have is still compared within the turn,
    by its digest.

    Args:
        home: the readings.
        work: what is done; it may be begun several times.

    Raises:
        TsdbFaultError: when the database did not give what the work needs; nothing was changed.
    """
    if home.tsdb is None:
        with home.writing("readings") as connection:
            return work(connection)
    answers = _Answers(home.tsdb)
    while True:
        try:
            with home.writing("readings") as connection:
                connection.tsdb = answers
                done = work(connection)
                answers.require()
        except _NotAskedError:
            answers.ask()
        else:
            return done


def going_on() -> AbstractContextManager[None]:
    """A part of such work that may want an answer while the rest goes on: so all questions are known in one try."""
    return suppress(_NotAskedError)
