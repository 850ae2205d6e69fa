"""Readings of meters over time: kept once, summed by hour and by day, and turned into figures of a site."""

from zonewright.telemetry.store import ConflictError, Store

__all__ = ["ConflictError", "Store"]
