"""A rule's case as a zone's folder: the files that its operator, carriers and tenants would write, in two steps.

Most cases of ``tests/cases/rules`` are states that declarations can make. Those that cannot be made by them are told
apart by a reason, so that a test can count them.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from support.rule_cases import FILES, PLACES, documents, node_type
from zonewright.model import Declaration, NodeType, OwnerFile, Zone

Data = dict[str, Any]
_KNOWN = {
    "racks", "occupants", "clusters", "findings", "limits", "districts", "quotas", "sites", "ducts", "links", "rings",
    "offers", "rooms", "racks_before", "key_areas", "node_types",
}  # fmt: skip
_CARRIERS = ("net", "other", "third", "fourth")
_ROLES = {"op": "facility-operator", **dict.fromkeys(_CARRIERS, "network-operator")}
_OWN = {"u", "w", "kg", "required", "supplies", "supply_w", "worst_share_thousandths", "cooling", "is_full_depth"}
_OF_RACK = {
    "A", "B", "u_height", "max_weight_kg", "cooling", "accepts", "may_open", "legs", "failed_feeds", "has_failed",
    "cooling_w", "row_cooling_w", "cage", "at_m",
}  # fmt: skip
_HEAT = {"cooling_w": "rack_cooling_kw", "row_cooling_w": "cooling_kw"}
_OF_CLUSTER = {"face", "exclusive", "protection_level", "single_feed"}
_MOST_W, _MOST_BASELINE_W = 1_000_000, 200_000
_BASELINE_POWER = {"supplies": "power_supplies", "required": "power_supplies_required", "single_feed": "feed"}
_SAID = {"name", "rack", "at", "standing", "party", "stack", "cluster", "path"}


class NotDeclarableError(ValueError):
    """The case is no state that declarations can make; ``str()`` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseZone:
    """A case as declarations.

    Attributes:
        before: what stood there.
        after: the same with what the case judges; node types of all cases, so that equal zones are equal.
        is_of_operator: whether the operator's file is what changes, under what others have there.
    """

    before: Declaration
    after: Declaration
    is_of_operator: bool = False


@cache
def all_cases() -> Mapping[Path, Sequence[CaseZone | str]]:
    """For each case file its documents as declarations, or why there are none; all zones have all node types."""
    found: dict[Path, list[CaseZone | str]] = {}
    for path in FILES:
        found[path] = []
        for data in documents(path):
            try:
                found[path].append(case_zone(data))
            except NotDeclarableError as error:
                found[path].append(str(error))
    cases = [one for group in found.values() for one in group if isinstance(one, CaseZone)]
    types = {name: kind for one in cases for name, kind in one.after.zone.node_types.items()}
    return {
        path: [one if isinstance(one, str) else _with_types(one, types) for one in group]
        for path, group in found.items()
    }


def _with_types(case: CaseZone, types: Mapping[str, NodeType]) -> CaseZone:
    zone = case.after.zone.model_copy(update={"node_types": dict(sorted(types.items()))})
    return replace(case, before=replace(case.before, zone=zone), after=replace(case.after, zone=zone))


def case_zone(data: Data) -> CaseZone:
    """The declarations of a case.

    Raises:
        NotDeclarableError: where there are none that make it.
    """
    unknown = sorted(data.keys() - _KNOWN, key=str)
    if unknown:
        raise NotDeclarableError(f"it states {', '.join(map(str, unknown))}, which no file declares")
    occupants = data.get("occupants", [])
    odd = {one["standing"] for one in occupants if "standing" in one} - {"active", "baseline", "wanted"}
    if odd:
        raise NotDeclarableError(f"something in it is {', '.join(sorted(odd))}")
    standing = [one for one in occupants if one.get("standing") == "active"]
    judged = [one for one in occupants if one.get("standing") != "baseline"]
    racks = {**data.get("racks", {}), **data.get("racks_before", {})}
    try:
        return CaseZone(
            before=_declared({**data, "racks": racks}, standing, early=True),
            after=_declared(data, judged, early=False),
            is_of_operator="racks_before" in data,
        )
    except ValueError as error:
        if isinstance(error, NotDeclarableError):
            raise
        raise NotDeclarableError("its declaration has a fault") from None


def _declared(data: Data, nodes: list[Data], *, early: bool) -> Declaration:
    types: dict[str, Data] = {
        name: node_type(given).model_dump(mode="json") for name, given in data.get("node_types", {}).items()
    }
    offers = {name: {"site": "dc", **given} for name, given in data.get("offers", {}).items()}
    owners: dict[str, Data] = {"op": {"sites": _sites(data), "offers": offers}}
    for kind in ("ducts", "links"):
        for name, one in data.get(kind, {}).items():
            given = dict(one or {})
            owner = given.pop("owner", "net")
            for offer, fields in given.pop("offers", {}).items():
                owners.setdefault(owner, {}).setdefault("offers", {})[offer] = {"ducts": [name], **fields}
            owners.setdefault(owner, {}).setdefault(kind, {})[name] = _of_network(kind, given)
    for party, theirs in _by_party(nodes).items():
        owners.setdefault(party, {})["clusters"] = _clusters(theirs, types)
    if not early:
        for one in data.get("clusters", ()):
            own = owners.setdefault("t1", {}).setdefault("clusters", {})
            asked = {key: value for key, value in one.items() if key not in {"name", "site"}}
            if one["name"] not in own:
                own |= _clusters([_lone(one, owners["op"]["sites"])], types)
            own[one["name"]] |= asked
    zone = _zone(data, owners, types)
    files = {name: OwnerFile.model_validate({"owner": name, **fields}) for name, fields in sorted(owners.items())}
    return Declaration(zone=zone, owners={name: files[name] for name in files if name != "t1" or not early or nodes})


def _zone(data: Data, owners: Mapping[str, Data], types: Data) -> Zone:
    limits = {
        name: {**(given if isinstance(given, dict) else {"value": given}), "source": "a clause"}
        for name, given in data.get("limits", {}).items()
    }
    pack = {"title": "P", "valid_from": "2026-01-01", "valid_until": "2030-12-31", "limits": limits}
    return Zone.model_validate(
        {
            "zone": "z",
            "title": "Zone",
            "districts": {
                name: {"title": name, **given} for name, given in data.get("districts", {"north": {}}).items()
            },
            "parties": {
                name: {"title": name, "roles": [_ROLES.get(name, "tenant")]}
                for name in sorted({*owners, *_ROLES, "t1", "t2"})
            },
            "node_types": types,
            "rule_packs": {"pack": pack},
            "rule_pack": "pack",
            "quotas": data.get("quotas", {}),
            "rings": data.get("rings", {}),
            "key_areas": data.get("key_areas", {}),
        }
    )


def _sites(data: Data) -> Data:
    found: Data = {}
    for name, given in {**dict.fromkeys(data.get("sites", {"dc": None})), **data.get("sites", {})}.items():
        fields = dict(given or {})
        if "leaving" in fields:
            raise NotDeclarableError("something in it is leaving")
        at = fields.pop("at", PLACES.get(name))
        where = {"location": {"crs": "WGS84", "latitude": at[0], "longitude": at[1]}} if at is not None else {}
        found[name] = {"title": name, "district": "north", **where, **fields, "rooms": dict(fields.get("rooms", {}))}
    rows: dict[str, dict[str, Data]] = defaultdict(dict)
    for rack_id, rack in data.get("racks", {}).items():
        rows[rack_id.rpartition("/")[0]][rack_id.rpartition("/")[2]] = rack or {}
    baseline = [one for one in data.get("occupants", ()) if one.get("standing") == "baseline"]
    for row_id, racks in rows.items():
        _add_row(found, row_id, racks, [one for one in baseline if one["rack"].rpartition("/")[0] == row_id])
    for room_id, (design_kw, used_kw) in data.get("rooms", {}).items():
        _add_room(found, room_id, round(design_kw * 1000), round(used_kw * 1000))
    return found


def _add_room(sites: Data, room_id: str, design_w: int, used_w: int) -> None:
    """Racks of a megawatt at most that make a room's sums, with baseline of 200 kW at most that uses them."""
    count = -(-design_w // _MOST_W)
    if not count or design_w % count:
        raise NotDeclarableError("a room of it has a power that no equal racks have")
    each = design_w // count
    baseline: Data = {}
    for number in range(1, count + 1):
        free, position = each, 1
        while free and used_w:
            draw = min(free, used_w, _MOST_BASELINE_W)
            baseline[f"b{number}-{position}"] = {"rack": f"{number:02}", "at": position, "w": draw}
            free, used_w, position = free - draw, used_w - draw, position + 1
    _add_row(
        sites,
        f"{room_id}/1",
        {f"{number:02}": {"A": each, "B": each} for number in range(1, count + 1)},
        baseline.values(),
    )


def _lone(cluster: Data, sites: Data) -> Data:
    """A node that a cluster without any needs to be declared, in a rack of its own."""
    site = cluster.get("site", "dc")
    _add_row(sites, f"{site}/lone/1", {"01": {}}, ())
    return {"name": f"{cluster['name']}-001", "rack": f"{site}/lone/1/01", "at": 1}


def _add_row(sites: Data, row_id: str, racks: Mapping[str, Data], baseline: Iterable[Data]) -> None:
    site, room, row = row_id.split("/")
    if sorted(racks) != [f"{number:02}" for number in range(1, len(racks) + 1)]:
        raise NotDeclarableError("its racks are not numbered from 01")
    failed = [number for number, one in racks.items() if one.get("has_failed")]
    alike = [
        {key: one[key] for key in one.keys() - {"failed_feeds", "has_failed"}} if one.get("has_failed") else one
        for one in racks.values()
    ]
    kind = alike[0]
    if any(one != kind for one in alike):
        raise NotDeclarableError("racks of a row differ")
    odd = sorted(kind.keys() - _OF_RACK)
    if odd:
        raise NotDeclarableError(f"a rack in it has {', '.join(odd)}")
    of_room: Data = {key: kind[key] for key in ("cooling", "may_open") if key in kind}
    of_room |= {"status": "planned"} if "may_open" in kind else {}
    panels = {f"panel-{name.lower()}": {"substation": f"s-{name.lower()}"} for name in ("A", "B")}
    feeds = {
        name: {
            "power_panel": f"panel-{name.lower()}",
            "rated_w": kind.get(name, 6000),
            "max_utilization": 1.0,
            "status": "failed" if name in kind.get("failed_feeds", ()) else "active",
            "legs": {leg: ",".join(map(str, units)) for leg, units in kind.get("legs", {}).items()},
        }
        for name in ("A", "B")
        if kind.get(name, 6000)
    }
    here = sites.setdefault(site, {"title": site, "district": "north", "rooms": {}})
    here.setdefault("power_panels", panels)
    held = here["rooms"].setdefault(room, {"rows": {}})
    held.setdefault("rows", {})
    held |= of_room
    held["rows"][row] = {
        "racks": len(racks),
        "u_height": kind.get("u_height", 42),
        "max_weight_kg": kind.get("max_weight_kg", 1200),
        "feeds": feeds,
        **{field: kind[key] / 1000 for key, field in _HEAT.items() if key in kind},
        **({"cage": kind["cage"]} if "cage" in kind else {}),
        **({"place": dict(zip(("x_m", "y_m", "z_m"), kind["at_m"], strict=True))} if "at_m" in kind else {}),
        "failed_racks": ",".join(failed),
        "status": "active" if kind.get("accepts", True) or "may_open" in kind else "decommissioning",
        "baseline": {f"b{number}": _baseline(one) for number, one in enumerate(baseline)},
    }


def _baseline(one: Data) -> Data:
    if one.keys() & {"exclusive", "cooling", "supply_w", "worst_share_thousandths"}:
        raise NotDeclarableError("baseline in it has what no baseline declares")
    return {
        "racks": one["rack"].rpartition("/")[2],
        "position": one["at"],
        "u_height": one.get("u", 1),
        "allocated_draw": one.get("w", 0),
        "weight_kg": one.get("kg", 0),
        **{key: one[key] for key in ("face", "is_full_depth", "protection_level", "leg") if key in one},
        **{_BASELINE_POWER[key]: one[key] for key in _BASELINE_POWER if key in one},
    }


def _of_network(kind: str, given: Data) -> Data:
    if "leaving" in given or "blocks_units" in given:
        raise NotDeclarableError("something in it is leaving")
    if kind == "links":
        return {"cores": 96, **given}
    points = given.pop("points", [PLACES["dc"], PLACES["ds"]])
    return {"route": {"crs": "WGS84", "points": points}, "length_m": 10_000, "bores": 8, **given}


def _by_party(nodes: Iterable[Data]) -> Mapping[str, list[Data]]:
    found: dict[str, list[Data]] = defaultdict(list)
    for one in nodes:
        if one.get("party", "t1") not in {"t1", "t2"} or not one.get("blocks_units", True):
            raise NotDeclarableError("a node in it is of the operator, or at both ends of a move")
        if one.get("stack", "s1") != {"t1": "s1", "t2": "s2"}[one.get("party", "t1")]:
            raise NotDeclarableError("a party in it has several stacks")
        found[one.get("party", "t1")].append(one)
    return found


def _clusters(nodes: Iterable[Data], types: Data) -> Data:
    found: Data = {}
    for one in nodes:
        match = re.fullmatch(r"(.+)-([0-9]{3})", one["name"])
        if match is None:
            raise NotDeclarableError("a name in it is none of a node")
        if one["rack"].count("/") != 3 or one["at"] < 1:
            raise NotDeclarableError("a place in it is none that a declaration may name")
        cluster, number = match[1], match[2]
        kind, name = _kind(one)
        types[name] = kind
        more = {key: one[key] for key in _OF_CLUSTER - {"single_feed"} if key in one}
        more |= {"feed": one["single_feed"]} if "single_feed" in one else {}
        fields = {"site": one["rack"].partition("/")[0], "node_type": name, **more}
        held = found.setdefault(cluster, {**fields, "count": 0, "places": {}})
        if {key: value for key, value in held.items() if key not in {"count", "places"}} != fields:
            if one.get("cluster") is not None:
                raise NotDeclarableError("nodes of a cluster differ")
            held = found.setdefault(f"{cluster}-{number}", {**fields, "count": 0, "places": {}})  # one of its own
            number = "001"
        if number in held["places"]:
            raise NotDeclarableError("a node in it is at both ends of a move")
        held["places"][number] = {"rack": one["rack"], "position": one["at"]}
    for held in found.values():
        highest = max(map(int, held["places"]))
        every = [f"{number:03}" for number in range(1, highest + 1)]
        held |= {"count": highest, "without": [one for one in every if one not in held["places"]]}
    return found


def _kind(one: Data) -> tuple[Data, str]:
    odd = sorted(one.keys() - _OWN - _OF_CLUSTER - _SAID - {"blocks_units"})
    if odd:
        raise NotDeclarableError(f"a node in it has {', '.join(odd)}")
    if not one.get("w"):
        one = {**one, "w": 1}
    kind = {
        "manufacturer": "M",
        "model": "X",
        "u_height": one.get("u", 1),
        "is_full_depth": one.get("is_full_depth", True),
        "weight_kg": one.get("kg") or 0.001,
        "cooling": one.get("cooling", "air"),
        "maximum_draw": one["w"],
        "allocated_draw": one["w"],
        "power_supplies": one.get("supplies", 2),
        "power_supplies_required": one.get("required", 1),
        "power_supply_worst_share": one.get("worst_share_thousandths", 600) / 1000,
        "power_supply_w": one.get("supply_w") or None,
    }
    return kind, "k-" + "-".join(re.sub(r"[^a-z0-9]", "x", str(value)) for value in list(kind.values())[2:]).lower()
