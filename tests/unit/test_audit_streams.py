"""A journal of any length is verified in the memory of a page: entries are read as they are asked for, and let go."""

import weakref
from collections.abc import Iterator
from typing import cast

import pytest

from zonewright.audit.evidence.gathering import each_entry
from zonewright.audit.evidence.period import period_of
from zonewright.audit.verify.population import population_checks
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.change_messages import ChangesAnswer
from zonewright.ledger.protocol.journal_messages import HistoryAnswer, HistoryRequest, JournalEntry
from zonewright.ledger.protocol.verbs import Answer, Request, Verb
from zonewright.ledger.store.journal import GENESIS, entry_hash, verify
from zonewright.ledger.transport.client import LedgerClient

PAGES, PAGE = 6, 1_000
NOTHING = ChangesAnswer(changes=[], admissions=0, refusals=0)


class Endless:
    """A ledger with a long journal that is made as it is asked for, and counts what is alive of it.

    Attributes:
        altered: the number of an entry whose content is not the one that was hashed; 0 for none.
        asked: how many pages were asked for.
        most: the most entries that were alive when a page was asked for.
    """

    def __init__(self, altered: int = 0) -> None:
        self.altered, self.asked, self.most = altered, 0, 0
        self._alive: list[weakref.ref[JournalEntry]] = []
        self._previous = GENESIS

    def call(self, verb: Verb[Request, Answer], request: Request) -> Answer:
        """Give the next page."""
        assert verb is verbs.HISTORY
        assert isinstance(request, HistoryRequest)
        self._alive = [one for one in self._alive if one() is not None]
        self.most, self.asked = max(self.most, len(self._alive)), self.asked + 1
        entries = list(self._entries(request.after, request.limit))
        self._alive += map(weakref.ref, entries)
        return cast("Answer", HistoryAnswer(entries=entries))

    def _entries(self, after: int, limit: int) -> Iterator[JournalEntry]:
        for sequence in range(after + 1, min(after + limit, PAGES * PAGE) + 1):
            fields = {"sequence": sequence, "at": "2026-11-24T12:00:00", "kind": "enrolled", "stack_id": "stack-000001",
                      "party": "tenant-a", "payload": {"label": "l"}, "previous": self._previous}  # fmt: skip
            self._previous = entry_hash(fields)
            party = "tenant-b" if sequence == self.altered else "tenant-a"
            yield JournalEntry.model_validate({**fields, "hash": self._previous, "party": party})


def streamed(ledger: Endless) -> Iterator[JournalEntry]:
    """Its entries."""
    return each_entry(cast("LedgerClient", ledger))


def test_a_chain_is_verified_in_the_memory_of_two_pages() -> None:
    """However long the journal is, no more than the page that is looked at and the next one are held."""
    ledger = Endless()
    assert verify(streamed(ledger)) is None
    assert ledger.asked == PAGES + 1
    assert ledger.most <= PAGE + 1


def test_a_fault_ends_the_reading() -> None:
    """After the first entry that is wrong, no further page is asked for."""
    ledger = Endless(altered=PAGE + 7)
    assert (
        verify(streamed(ledger)) == f"entry {PAGE + 7} was altered: its content does not have the hash that it carries"
    )
    assert ledger.asked == 2


@pytest.mark.parametrize("altered", [0, 7])
def test_the_population_is_compared_in_the_memory_of_two_pages(altered: int) -> None:
    """`audit complete` keeps no entry, also where the chain is broken and the other checks go on."""
    ledger = Endless(altered)
    (chain, *others) = population_checks(streamed(ledger), NOTHING)
    assert chain.verdict == ("wrong" if altered else "good")
    assert chain.detail.startswith("entry 7 was altered" if altered else "6,000 entries form one chain")
    assert {check.verdict for check in others} == {"good"}
    assert ledger.asked == PAGES + 1
    assert ledger.most <= PAGE + 1


def test_a_period_keeps_only_its_own_entries() -> None:
    """`audit period` of another day holds no entry of a journal that has none on that day."""
    ledger = Endless()
    page = period_of(streamed(ledger), (), lambda _digests: {}, first="2026-11-25", last="2026-11-25")
    assert page.counts == {}
    assert ledger.most <= PAGE + 1


@pytest.mark.parametrize("until", [0, 1, PAGE, PAGE + 1, PAGES * PAGE + 5])
def test_a_part_of_a_journal_ends_where_it_was_asked_to(until: int) -> None:
    """All entries up to the one that is named, and none after it."""
    found = [entry.sequence for entry in each_entry(cast("LedgerClient", Endless()), until)]
    assert found == list(range(1, min(until, PAGES * PAGE) + 1))
