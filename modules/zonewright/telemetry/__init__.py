"""Readings of meters over time: kept once, summed by hour and by day, and turned into figures of a site."""

from zonewright.telemetry.interface import Appended, ConflictError, ReadingStore
from zonewright.telemetry.store import Store

__all__ = ["Appended", "ConflictError", "ReadingStore", "Store"]
