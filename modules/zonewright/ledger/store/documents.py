"""Texts that rows hold, as the types of the model: parsed once for each text."""

import json
from functools import lru_cache

from pydantic import TypeAdapter
from sqlalchemy import Connection

from zonewright.ledger.store.asking import first
from zonewright.ledger.store.prepared import ZONE_ROW
from zonewright.model import Zone
from zonewright.model.asset import AnyAsset, Asset
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.former_names import FormerNames

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
    registered = first(connection, ZONE_ROW)
    if registered is None:
        raise LookupError("no zone is registered")
    return digest_of(registered.document)


@lru_cache(maxsize=64)
def parse_former(text: str | None) -> FormerNames:
    """Names that are other names now, as the zone's row has them."""
    return FormerNames(**json.loads(text)) if text else FormerNames()


def former_text(former: FormerNames) -> str | None:
    """The same as the zone's row has it; None where nothing is to be said."""
    said = {"now": dict(former.now), "readings": dict(former.readings)}
    return canonical_json(said) if former.now or former.readings else None


@lru_cache(maxsize=8)
def parse_zone(document: str) -> Zone:
    """The administrator's file from its canonical JSON."""
    return Zone.model_validate_json(document)
