"""What is wrong with a zone's file that somebody registers, from whatever it was made: the sentences that files get."""

from dataclasses import replace

from zonewright.declare.checks.references import check, located
from zonewright.declare.load import ZONE_FILE
from zonewright.declare.own_rules import code_faults
from zonewright.declare.problem import Problem
from zonewright.model import Declaration, Zone


def zone_problems(zone: Zone, on: str) -> tuple[Problem, ...]:
    """All problems of an administrator's file by itself; whether its links and sites exist is not asked.

    A message names every field, so it does not tell what the file says. What is registered has no defaults, and that is
    what is looked at.

    Args:
        zone: the file, with the code of its own rules.
        on: the day, as ``2026-07-01``: its rule pack must be in force, else nothing could be admitted.
    """
    zone = Zone.model_validate(zone.model_dump(mode="json", exclude_defaults=True))
    declaration = Declaration(zone=zone, owners={})
    found = (*check(declaration, whole=False, on=on), *(located(declaration, fault) for fault in code_faults(zone)))
    return tuple(replace(one, file=ZONE_FILE) for one in found)
