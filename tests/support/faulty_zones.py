"""Random zones of three tenants that are good, and then are not: nodes upon others, too high, too many in a rack.

Each began as a plan that the rules accept, so that a repair of places exists.
"""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zonewright.model import Declaration, OwnerFile, Place, Zone
from zonewright.place import judge_declaration

ON = "2026-07-01"
Data = dict[str, Any]
_TENANTS = ("tenant-a", "tenant-b", "tenant-c")
_HEIGHT = 20
_FAULTS = ("upon another", "one rack", "one rack, any unit", "too high", "of another level", "beside whom it leaves")


def _kind(u_height: int, watts: int, weight_kg: int, supplies: int = 2) -> Data:
    return {
        "manufacturer": "M", "model": "X", "u_height": u_height, "weight_kg": weight_kg,
        "maximum_draw": 2 * watts, "allocated_draw": watts, "power_supplies": supplies,
    }  # fmt: skip


def _zone() -> Data:
    pack = {"title": "P", "valid_from": "2026-01-01", "valid_until": "2030-12-31"}
    limits = {"separated-protection-level": {"value": 3, "source": "a clause"}}
    roles = {"operator": "facility-operator", **dict.fromkeys(_TENANTS, "tenant")}
    return {
        "zone": "faulty",
        "title": "Faulty",
        "districts": {"north": {"title": "North"}},
        "parties": {name: {"title": name, "roles": [role]} for name, role in roles.items()},
        "node_types": {
            "small": _kind(1, 200, 15), "single": _kind(1, 150, 15, supplies=1),
            "large": _kind(2, 400, 30), "heavy": _kind(4, 600, 90),
        },
        "rule_packs": {"p": {**pack, "limits": limits}},
        "rule_pack": "p",
    }  # fmt: skip


def _operator(number: random.Random) -> Data:
    def row() -> Data:
        rated_w = number.choice([3000, 4000])
        feeds = {name: {"power_panel": f"p{name.lower()}", "rated_w": rated_w} for name in "AB"}
        weight = number.choice([400, 600])
        return {"racks": number.randint(4, 6), "u_height": _HEIGHT, "max_weight_kg": weight, "feeds": feeds}

    panels = {"pa": {"substation": "s1"}, "pb": {"substation": "s2"}}
    rooms = {room: {"rows": {f"{n:02}": row() for n in (1, 2)}} for room in "ab"}
    return {"title": "DC", "district": "north", "power_panels": panels, "rooms": rooms}


def _clusters(number: random.Random) -> dict[str, Data]:
    found: dict[str, Data] = {}
    for name in ("core", "web", "store")[: number.randint(2, 3)]:
        one: Data = {"site": "dc", "count": number.randint(3, 8)}
        one["node_type"] = number.choice(["small", "single", "large", "heavy"])
        if number.random() < 0.4:
            one["spread"] = {"scope": "rack", "at_least": number.randint(2, 3)}
            if number.random() < 0.5:
                one["spread"]["max_per_domain"] = number.randint(2, 4)
        if number.random() < 0.3:
            one["protection_level"] = 3
        if found and number.random() < 0.4:
            one["apart_from"] = [{"cluster": number.choice(list(found)), "scope": "rack"}]
        if number.random() < 0.2:
            one["survives"] = {"scope": "rack", "keeps_percent": 50}
        found[name] = one
    return found


def faulty_zone(seed: int) -> Declaration | None:
    """A zone whose nodes had places that the rules accept, until some were given others; None if there was no plan.

    Args:
        seed: of its random numbers.
    """
    number = random.Random(seed)
    files = [OwnerFile.model_validate({"owner": "operator", "sites": {"dc": _operator(number)}})]
    files += [OwnerFile.model_validate({"owner": one, "clusters": _clusters(number)}) for one in _TENANTS]
    plan = Declaration(zone=Zone.model_validate(_zone()), owners={one.owner: one for one in files})
    judged = judge_declaration(plan, on=ON)
    if any(one.refuses for one in judged.findings):
        return None
    seats = {
        (item.party, item.cluster or "", item.name.rpartition("-")[2]): (item.rack, item.position)
        for item in judged.world.occupants
        if item.standing == "wanted"
    }
    return _with_faults(plan, seats, number)


def _with_faults(plan: Declaration, seats: Mapping[Any, tuple[str, int]], number: random.Random) -> Declaration:
    chosen: dict[Any, tuple[str, int | None]] = {
        key: seat for key, seat in sorted(seats.items()) if number.random() < 0.7
    }
    keys, racks = sorted(chosen), sorted({rack for rack, _ in seats.values()})
    crowded = number.choice(racks)
    for key in number.sample(keys, min(len(keys), number.randint(2, 8))):
        fault = number.choice(_FAULTS)
        there = number.choice(sorted(seats.values()))
        chosen[key] = {
            "upon another": there,
            "one rack": (crowded, number.randint(1, _HEIGHT - 4)),
            "one rack, any unit": (crowded, None),
            "too high": (there[0], _HEIGHT),
            "of another level": (there[0], None),
            "beside whom it leaves": (chosen[number.choice(keys)][0], None),
        }[fault]
    owners = dict(plan.owners)
    for (owner, cluster, node), (rack, position) in chosen.items():
        one = owners[owner].clusters[cluster]
        places = {**one.places, node: Place(rack=rack, position=position)}
        clusters = {**owners[owner].clusters, cluster: one.model_copy(update={"places": places})}
        owners[owner] = owners[owner].model_copy(update={"clusters": clusters})
    return replace(plan, owners=owners)
