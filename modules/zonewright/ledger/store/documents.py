"""Texts that rows hold, as the types of the model: parsed once for each text."""

from functools import lru_cache

from pydantic import TypeAdapter

from zonewright.model import Zone
from zonewright.model.demand import (
    AnyAsset,
    Asset,
)

_ASSETS: TypeAdapter[Asset] = TypeAdapter(Asset)


@lru_cache(maxsize=16_384)
def parse_asset(text: str) -> AnyAsset:
    """An asset from its canonical JSON."""
    return _ASSETS.validate_json(text)


@lru_cache(maxsize=8)
def parse_zone(document: str) -> Zone:
    """The administrator's file from its canonical JSON."""
    return Zone.model_validate_json(document)
