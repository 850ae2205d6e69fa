"""Finds places and addresses for a demand under the rules. Pure: no I/O, no clock, no randomness."""

from zonewright.place.addresses import Addresses, assign_addresses
from zonewright.place.change import change_world, touched
from zonewright.place.placing import Placement, place
from zonewright.place.precondition import Precondition
from zonewright.place.read_set import failed, read_set
from zonewright.place.unplaced import short_findings, unplaced_findings
from zonewright.place.zone_placement import JudgedZone, judge_declaration, placing_order

__all__ = [
    "Addresses",
    "JudgedZone",
    "Placement",
    "Precondition",
    "assign_addresses",
    "change_world",
    "failed",
    "judge_declaration",
    "place",
    "placing_order",
    "read_set",
    "short_findings",
    "touched",
    "unplaced_findings",
]
