"""Small estates as an inventory answers them, made for one test each."""

from typing import Any

from zonewright.estate.adopting import Adopted, adopt
from zonewright.estate.reading import read_estate
from zonewright.estate.work import AdoptionWork, KnownIds
from zonewright.model.assumption import Assumptions

Answers = dict[str, list[dict[str, Any]]]


def small_estate() -> Answers:
    """Two sites with a rack each, two types, no devices; tests add what they are about."""
    return {
        "tenancy/tenants": [{"id": 1, "name": "Op", "slug": "op"}, {"id": 2, "name": "Bank", "slug": "bank"}],
        "dcim/sites": [
            {"id": 1, "name": "North", "slug": "north", "tenant": {"id": 1}},
            {"id": 2, "name": "South", "slug": "south", "tenant": {"id": 1}},
        ],
        "dcim/racks": [
            {
                "id": 1,
                "name": "R1",
                "site": {"id": 1},
                "u_height": 42,
                "max_weight": 500,
                "weight_unit": {"value": "kg"},
            },
            {
                "id": 2,
                "name": "R2",
                "site": {"id": 2},
                "u_height": 42,
                "max_weight": 500,
                "weight_unit": {"value": "kg"},
            },
        ],
        "dcim/power-panels": [{"id": 1, "name": "P A", "site": {"id": 1}}, {"id": 2, "name": "P B", "site": {"id": 1}}],
        "dcim/power-feeds": [_feed(1, "R1-A", 1), _feed(2, "R1-B", 2)],
        "dcim/device-types": [
            {"id": 1, "manufacturer": {"id": 1, "name": "Acorn"}, "model": "Oak", "slug": "oak", "u_height": 2.0}
            | {"weight": 30, "weight_unit": {"value": "kg"}},
            {"id": 2, "manufacturer": {"id": 1, "name": "Acorn"}, "model": "Twig", "slug": "twig", "u_height": 0.5}
            | {"weight": 2, "weight_unit": {"value": "kg"}},
        ],
        "dcim/power-port-templates": [
            {"id": number, "device_type": {"id": kind}, "name": f"PSU{number}", "maximum_draw": 400}
            for number, kind in ((1, 1), (2, 1), (3, 2), (4, 2))
        ],
        "dcim/devices": [],
    }


def _feed(number: int, name: str, panel: int) -> dict[str, Any]:
    return {"id": number, "name": name, "power_panel": {"id": panel}, "rack": {"id": 1}, "voltage": 230, "amperage": 32}


def device(
    number: int, position: float | None, *, kind: int = 1, site: int = 1, rack: int | None = 1
) -> dict[str, Any]:
    """A device of the operator; tests change what they are about."""
    return {
        "id": number,
        "name": f"d-{number}",
        "device_type": {"id": kind},
        "site": {"id": site},
        "rack": None if rack is None else {"id": rack},
        "position": position,
        "face": {"value": "front"},
        "status": {"value": "active"},
    }


def adopted(answers: Answers, known: KnownIds | None = None, told: Assumptions | None = None) -> Adopted:
    """The declarations of an estate without faults in its answers."""
    estate, faults = read_estate(answers)
    assert faults == ()
    work = AdoptionWork(
        estate=estate,
        assumptions=told or Assumptions(),
        known=known or KnownIds(),
        operators={},
        today="2026-07-01",
    )
    return adopt(work, "zone")


def row_of(found: Adopted, rack: str = "r1", site: str = "north") -> dict[str, Any]:
    """The row that a rack became."""
    row: dict[str, Any] = found.owners["op"]["sites"][site]["rooms"]["main"]["rows"][rack]
    return row


def told(found: Adopted) -> str:
    """All notes of an adoption as text."""
    return "\n".join(f"{'FAULT ' if one.is_fault else ''}{one.kind}: {one.subject} {one.text}" for one in found.notes)
