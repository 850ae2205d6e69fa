"""Readings from a file as a building exports it, by a map that says how to read it. Pure: text in, readings out."""

from zonewright.pue.mapped.taking import Taken, take

__all__ = ["Taken", "take"]
