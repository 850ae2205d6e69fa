"""Case files of the rules: a small world in YAML, and the findings that it must give.

A file holds one or more documents. ``racks``: u_height (42), max_weight_kg (1200), A and B (watts, 6000 each; 0 for
none), cooling, accepts, may_open, failed_feeds, has_failed, cooling_w, row_cooling_w, cage, at_m, panels; ``legs``
are the units of each phase of both feeds. ``racks_before`` are those of rows that the change alters.
``occupants``: name, rack, at, u (1), w (0), kg (0), standing (wanted), party (t1),
stack (s1), and the fields of ``Occupant`` and ``Draw``. ``clusters``: name, site (dc), and what it asks for.
``limits``, ``districts``, ``quotas``, ``rings``, ``key_areas``, ``sites``, ``ducts``, ``links`` and ``rooms`` make the
zone as a whole; ``rooms`` gives [design kW, contracted kW] where they are not summed up from racks, ``before`` the same
without the change; ``links_before`` are those that the change removes, ``was`` has sites and ducts that it removed.
``acting`` is the party whose change it is; a site or duct that it removes is ``leaving``.
``offers`` are what op offers at site dc; a duct has its own. ``on`` is the day of leases (2026-07-01).
``names`` are fields of ``NameFacts`` (stack: that of the party), ``reserved`` what parties have reserved, ``sizes``
those of parties.
A site is ``at`` a point; ducts have ``points``.
``node_types`` are those of zone.yaml, each with u, w and kg.
``findings``: rule, subject, value, limit, excess, and any other field that is to be compared; ``says`` is a part of
message and fix, ``says_not`` is none of them; ``participants`` are names, ``parties`` whose they are.
"""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from zonewright.declare.yaml_text.compose import FAST_LOADER
from zonewright.model import (
    Connection,
    District,
    Duct,
    Limit,
    Link,
    NodeType,
    Party,
    Relation,
    Ring,
    RulePack,
    Site,
    Spread,
    Survival,
    Zone,
)
from zonewright.model.cluster import Distance
from zonewright.model.coverage import KeyArea
from zonewright.model.expand import with_supply
from zonewright.model.offer import Offer
from zonewright.model.offered import with_offers
from zonewright.model.power import Draw
from zonewright.model.rack import Feed, Rack
from zonewright.model.totals import room_totals, usage_of
from zonewright.model.world import (
    ClusterFacts,
    DuctFacts,
    LinkFacts,
    NameFacts,
    Occupant,
    RoomTotals,
    SiteFacts,
    World,
    ZoneFacts,
)
from zonewright.model.zone import Quota, ReservedNames
from zonewright.rules import Finding, evaluate

CASES = Path(__file__).resolve().parents[1] / "cases" / "rules"
FILES = sorted(CASES.glob("*/*.yaml"))
PLACES = {"dc": [31.0, 120.8], "ds": [31.0, 120.9], "dt": [31.0, 120.8]}
"""Where sites are that do not say it with ``at``; ``at: null`` is nowhere. A duct lies between the first two."""
_DAY = "2026-07-01"
_OF_ZONE = {
    "limits",
    "districts",
    "rings",
    "sites",
    "ducts",
    "links",
    "rooms",
    "names",
    "quotas",
    "key_areas",
    "node_types",
}


def rack(rack_id: str, data: dict[str, Any] | None) -> Rack:
    """A rack from its short form."""
    given = {"u_height": 42, "max_weight_kg": 1200, "A": 6000, "B": 6000, **(data or {})}
    panels = given.pop("panels", ["panel-a", "panel-b"])
    legs = tuple((leg, sum(1 << unit for unit in units)) for leg, units in sorted(given.pop("legs", {}).items()))
    feeds = {
        name: Feed(available_w=given.pop(name), power_panel=panel, legs=legs)
        for name, panel in zip("AB", panels, strict=True)
    }
    given["feeds"] = {name: feed for name, feed in feeds.items() if feed.available_w}
    given["may_open"] = frozenset(given.get("may_open", ()))
    given["at_m"] = tuple(given["at_m"]) if "at_m" in given else None
    given["failed_feeds"] = frozenset(given.get("failed_feeds", ()))
    return Rack(id=rack_id, owner="op", **given)


def occupant(data: dict[str, Any]) -> Occupant:
    """An occupant from its short form."""
    fields = {"supplies", "required", "worst_share_thousandths", "single_feed", "supply_w"}
    rest = {key: value for key, value in data.items() if key not in fields | {"at", "u", "w", "kg"}}
    baseline = data.get("standing") == "baseline"
    stated = {
        "party": "op" if baseline else "t1",
        "stack": "" if baseline else "s1",
        "standing": "wanted",
        "path": f"clusters.{data['name'].rpartition('-')[0]}" if data.get("party", "t1") == "t1" else "",
    }
    return Occupant(
        **{**stated, **rest},
        position=data["at"],
        u_height=data.get("u", 1),
        weight_kg=data.get("kg", 0.0),
        draw=Draw(allocated_w=data.get("w", 0), **{key: data[key] for key in fields & data.keys()}),
    )


def node_type(given: dict[str, Any]) -> NodeType:
    """A node type from its short form: u, w and kg."""
    return NodeType(
        manufacturer="M",
        model="X",
        u_height=given["u"],
        weight_kg=given["kg"],
        maximum_draw=given["w"],
        allocated_draw=given["w"],
    )


def cluster(data: dict[str, Any]) -> ClusterFacts:
    """A cluster from its short form."""
    return ClusterFacts(
        party="t1",
        stack="s1",
        name=data["name"],
        site=data.get("site", "dc"),
        spread=Spread(**data["spread"]) if "spread" in data else None,
        survives=Survival(**data["survives"]) if "survives" in data else None,
        apart_from=tuple(Relation(**item) for item in data.get("apart_from", ())),
        together_with=tuple(Relation(**item) for item in data.get("together_with", ())),
        distances=tuple(Distance(**item) for item in data.get("distances", ())),
        exclusive=data.get("exclusive"),
        connections={name: Connection(**item) for name, item in data.get("connections", {}).items()},
        needs_dual_power=data.get("power") == "dual",
        path=f"clusters.{data['name']}",
    )


def zone(data: dict[str, Any], racks: dict[str, Rack], occupants: tuple[Occupant, ...]) -> ZoneFacts | None:
    """The zone as a whole, or None where the case says nothing of it."""
    if not _OF_ZONE & data.keys():
        return None
    limits = {
        name: Limit(**(given if isinstance(given, dict) else {"value": given}), source="a clause")
        for name, given in data.get("limits", {}).items()
    }
    pack = RulePack(title="Pack", valid_from="2026-01-01", valid_until="2030-12-31", limits=limits)
    rooms = {name: RoomTotals(kw[0] * 1000, kw[1] * 1000) for name, kw in data.get("rooms", {}).items()}
    return ZoneFacts(
        zone=Zone(
            zone="z",
            title="Zone",
            districts={name: District(title=name, **given) for name, given in data.get("districts", {}).items()},
            parties={
                name: Party(
                    title=name,
                    roles=("tenant",),
                    names=ReservedNames(**data.get("reserved", {}).get(name, {})),
                    size=data.get("sizes", {}).get(name),
                )
                for name in {**data.get("reserved", {}), **data.get("sizes", {})}
            },
            rule_packs={"pack": pack},
            rule_pack="pack",
            quotas={name: Quota(**given) for name, given in data.get("quotas", {}).items()},
            node_types={name: node_type(given) for name, given in data.get("node_types", {}).items()},
            key_areas={name: KeyArea(**given) for name, given in data.get("key_areas", {}).items()},
            rings={name: Ring(**given) for name, given in data.get("rings", {}).items()},
        ),
        sites={name: _site(name, dict(given or {})) for name, given in data.get("sites", {}).items()},
        rooms=room_totals(racks, occupants) | rooms,
        ducts={name: _duct(dict(given)) for name, given in data.get("ducts", {}).items()},
        links={name: _link(dict(given)) for name, given in data.get("links", {}).items()},
        usage=usage_of(occupants),
        on=data.get("on", _DAY),
        names=tuple(NameFacts(**{"stack": f"stack-of-{given['party']}", **given}) for given in data.get("names", ())),
    )


def _site(name: str, given: dict[str, Any]) -> SiteFacts:
    owner, is_leaving = given.pop("owner", "op"), given.pop("leaving", False)
    at = given.pop("at", PLACES.get(name))
    where = {"location": {"crs": "WGS84", "latitude": at[0], "longitude": at[1]}} if at is not None else {}
    site = Site(**{"title": name, "district": "north", **where, **given})
    return SiteFacts(owner=owner, site=site, is_leaving=is_leaving)


def _duct(given: dict[str, Any]) -> DuctFacts:
    owner, is_leaving = given.pop("owner", "net"), given.pop("leaving", False)
    points = given.pop("points", [PLACES["dc"], PLACES["ds"]])
    offers = {name: Offer(ducts=("it",), **one) for name, one in given.pop("offers", {}).items()}
    duct = {"route": {"crs": "WGS84", "points": points}, "length_m": 10_000, "bores": 8, **given}
    return DuctFacts(owner=owner, duct=Duct(**duct), is_leaving=is_leaving, offers=offers)


def _link(given: dict[str, Any]) -> LinkFacts:
    owner, is_leaving = given.pop("owner", "net"), given.pop("leaving", False)
    offers = {name: Offer(links=("it",), **one) for name, one in given.pop("offers", {}).items()}
    return LinkFacts(owner=owner, link=Link(**{"cores": 96, **given}), is_leaving=is_leaving, offers=offers)


def world(data: dict[str, Any]) -> World:
    """A world from its short form."""
    racks = {rack_id: rack(rack_id, given) for rack_id, given in data.get("racks", {}).items()}
    occupants = tuple(occupant(item) for item in data.get("occupants", ()))
    offers = {name: Offer(site="dc", **given) for name, given in data.get("offers", {}).items()}
    racks, offered = with_offers(racks, {"dc": offers}, on=data.get("on", _DAY))
    sites = {name: _site(name, dict(given or {})).site for name, given in data.get("sites", {}).items()}
    racks = with_supply(racks, sites)
    return World(
        racks=racks,
        offered=offered,
        occupants=occupants,
        clusters=tuple(cluster(item) for item in data.get("clusters", ())),
        zone=zone(data, racks, occupants),
        before=_before(data),
        acting=data.get("acting", ""),
        racks_before={rack_id: rack(rack_id, given) for rack_id, given in data.get("racks_before", {}).items()},
    )


def _before(data: dict[str, Any]) -> ZoneFacts | None:
    """The zone without the change, where the case says what was otherwise."""
    if not {"before", "links_before", "was"} & data.keys():
        return None
    was = data.get("was", {})
    more = {
        "rooms": data.get("before", {}),
        "links": data.get("links", {}) | data.get("links_before", {}),
        "sites": data.get("sites", {}) | was.get("sites", {}),
        "ducts": data.get("ducts", {}) | was.get("ducts", {}),
    }
    return zone(data | more, {}, ())


@cache
def documents(path: Path) -> list[dict[str, Any]]:
    """The documents of a case file."""
    return list(yaml.load_all(path.read_text(encoding="utf-8"), Loader=FAST_LOADER))


def examples() -> dict[str, Finding]:
    """For each rule what it says of its first failing case."""
    found: dict[str, Finding] = {}
    for path in FILES:
        rule = path.parent.name
        if path.stem.startswith("failing") and rule not in found:
            for data in documents(path):
                of_rule = (finding for finding in evaluate(world(data)) if finding.rule == rule)
                found.setdefault(rule, next(of_rule))
    return found
