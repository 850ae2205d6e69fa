"""Texts handed to the ledger: as many at once as a request may hold, however many a change has."""

from collections.abc import Iterable, Iterator

from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.transport.client import LedgerClient

_BATCH, _BATCH_CHARACTERS = 10_000, 8_000_000
"""A request has at most so many texts and characters, so that it stays below its limits also with every one escaped."""


def store_texts(ledger: LedgerClient, texts: Iterable[str]) -> None:
    """Have texts kept for a day, or as long as something names them; equal ones are sent once.

    Args:
        ledger: where.
        texts: manifests, files and records.

    Raises:
        LedgerUnavailableError: when the ledger could not be asked; what was stored before that ends by itself.
    """
    for batch in _batches(dict.fromkeys(texts)):
        ledger.call(verbs.STORE, ContentRequest(texts=batch))


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for text in texts:
        if batch and (len(batch) == _BATCH or characters + len(text) > _BATCH_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(text)
        characters += len(text)
    if batch:
        yield batch
