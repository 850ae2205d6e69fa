"""What a decision asks of the database: each question once, and what is known before in one statement.

To ask costs a service more than to answer costs the database: a statement has its way through two programs, whatever it
asks. So a transaction says what it will ask, and who asks finds the answer there. Who asks for something else, or
outside of such a transaction, asks the database.
"""

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import starmap
from typing import Any, cast

from sqlalchemy import ColumnElement, CompoundSelect, Connection, Row, RowMapping, Select, select

from zonewright.ledger.store.engines.dialect import words_of
from zonewright.ledger.store.engines.holder import ASKED, STAYING

Query = Select[Any] | CompoundSelect[Any]
AnswerRows = Sequence[Row[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A query that is always the same object, with values that are given each time.

    Attributes:
        query: the query.
        stays: it reads only what changes in transactions that are alone in the zone (see ``scopes``), so for one beside
            others the first answer is good until its end.
    """

    query: Query
    stays: bool = False


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question with its values."""

    question: Question
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> "_Key":
        """What answers are kept under."""
        return self.question, tuple(sorted((name, _frozen(value)) for name, value in self.given.items()))


_Key = tuple[Question, tuple[tuple[str, Any], ...]]


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def answers(connection: Connection, question: Question, **given: Any) -> AnswerRows:
    """The rows that answer a question, which nobody may alter.

    Args:
        connection: a transaction.
        question: the question.
        given: its values.
    """
    known = [one for name in (ASKED, STAYING) if (one := connection.info.get(name)) is not None]
    if not known:
        return connection.execute(question.query, given).all()
    asked = AskedQuestion(question, given)
    for one in known:
        if (found := one.get(asked.key)) is not None:
            return cast("AnswerRows", found)
    answer = connection.execute(question.query, given).all()
    _remember(connection, asked, answer)
    return answer


def first(connection: Connection, question: Question, **given: Any) -> Row[Any] | None:
    """The first row that answers a question; None where there is none."""
    return next(iter(answers(connection, question, **given)), None)


def scalar(connection: Connection, question: Question, **given: Any) -> Any:
    """The first value of that row."""
    row = first(connection, question, **given)
    return None if row is None else row[0]


def by_name(row: Row[Any]) -> RowMapping:
    """The values of a row that answers a question, by name."""
    return cast("RowMapping", row._asdict())


def _remember(connection: Connection, asked: AskedQuestion, answer: AnswerRows) -> None:
    name = STAYING if asked.question.stays and STAYING in connection.info else ASKED
    if (known := connection.info.get(name)) is not None:
        known[asked.key] = answer


@contextmanager
def asking_once(connection: Connection, *asked: AskedQuestion) -> Iterator[None]:
    """A part of a transaction in which each question is asked once, and in which nothing is written.

    Args:
        connection: the transaction.
        asked: what will be asked for sure, which is asked now.
    """
    info = connection.info  # at the end a lost connection has none any more
    if ASKED in info:  # within another such part
        ask(connection, *asked)
        yield
        return
    info[ASKED] = {}
    try:
        ask(connection, *asked)
        yield
    finally:
        info.pop(ASKED, None)


def ask(connection: Connection, *asked: AskedQuestion) -> None:
    """Ask questions in one statement, where their answers are kept: within :func:`asking_once`, or what stays."""
    known = [one for name in (ASKED, STAYING) if (one := connection.info.get(name)) is not None]
    new = [one for one in asked if not any(one.key in held for held in known)]
    if not known or not new:
        return
    given: dict[str, Any] = {}
    for one in new:
        for name, value in one.given.items():
            if given.setdefault(name, value) != value:
                raise ValueError(f"two questions have different values by the name '{name}'")
    query, kinds = _together(words_of(connection).json_rows, tuple(one.question for one in new))
    found = connection.execute(query, given).one()
    for one, kind, answer in zip(new, kinds, found, strict=True):
        _remember(connection, one, cast("AnswerRows", list(starmap(kind, answer))))


@lru_cache(maxsize=256)
def _together(
    json_rows: Callable[[Query], ColumnElement[Any]], questions: tuple[Question, ...]
) -> tuple[Select[Any], list[Callable[..., Any]]]:
    """The query that asks all of them, and what makes a row of each one's values."""
    kinds = [_row_of(question.query) for question in questions]
    return select(*(json_rows(question.query).label(f"q{number}") for number, question in enumerate(questions))), kinds


def _row_of(query: Query) -> Callable[..., Any]:
    return namedtuple("Answer", [column.key for column in query.selected_columns], rename=True)  # type: ignore[misc]  # noqa: PYI024 - of names that a query has
