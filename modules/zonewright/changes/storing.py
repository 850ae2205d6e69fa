"""Texts handed to the ledger: as many at once as a request may hold, however many a change has."""

from collections.abc import Iterable, Iterator, Sequence

from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.protocol.errors import LedgerMisuseError
from zonewright.ledger.transport.client import LedgerClient

_BATCH, _BATCH_CHARACTERS = 10_000, 8_000_000
"""A request has at most so many texts and characters, so that it stays below its limits also with every one escaped."""
_BATCH_HERE, _CHARACTERS_HERE = 50_000, 32_000_000
"""The same of a ledger in this process, which writes the pages of its index again for each request; few characters
are escaped, and where they are too many, what is refused is handed over in halves."""


def store_texts(ledger: LedgerClient, texts: Iterable[str]) -> None:
    """Have texts kept for a day, or as long as something names them; equal ones are sent once.

    Args:
        ledger: where.
        texts: manifests, files and records.

    Raises:
        LedgerUnavailableError: when the ledger could not be asked; what was stored before that ends by itself.
    """
    limits = (_BATCH_HERE, _CHARACTERS_HERE) if ledger.is_here else (_BATCH, _BATCH_CHARACTERS)
    for batch in _batches(dict.fromkeys(texts), *limits):
        _store(ledger, batch)


def _store(ledger: LedgerClient, batch: Sequence[str]) -> None:
    try:
        ledger.call(verbs.STORE, ContentRequest(texts=batch))
    except LedgerMisuseError:
        if len(batch) == 1:
            raise
        for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
            _store(ledger, half)


def _batches(texts: Iterable[str], most: int, most_characters: int) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for text in texts:
        if batch and (len(batch) == most or characters + len(text) > most_characters):
            yield batch
            batch, characters = [], 0
        batch.append(text)
        characters += len(text)
    if batch:
        yield batch
