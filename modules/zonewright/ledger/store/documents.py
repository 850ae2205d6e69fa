"""Texts that rows hold, as the types of the model: parsed once for each text."""

from functools import lru_cache

from pydantic import TypeAdapter
from sqlalchemy import Connection, select

from zonewright.ledger.store.tables import zone
from zonewright.model import Zone
from zonewright.model.canonical import digest_of
from zonewright.model.demand import (
    AnyAsset,
    Asset,
)

_ASSETS: TypeAdapter[Asset] = TypeAdapter(Asset)


@lru_cache(maxsize=16_384)
def parse_asset(text: str) -> AnyAsset:
    """An asset from its canonical JSON."""
    return _ASSETS.validate_json(text)


def zone_in_force(connection: Connection) -> str:
    """Digest of the text that decisions go by now: of the text itself, whatever the row says of it.

    Args:
        connection: the transaction that decides.
    """
    return digest_of(connection.execute(select(zone.c.document)).scalar_one())


@lru_cache(maxsize=8)
def parse_zone(document: str) -> Zone:
    """The administrator's file from its canonical JSON."""
    return Zone.model_validate_json(document)
