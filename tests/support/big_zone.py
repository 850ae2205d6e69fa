"""A generated zone of any size: a ring of data centres with one operator, one carrier and a tenant at each."""

import math
from pathlib import Path
from typing import Any

import yaml

RACKS_PER_ROW, NODES_PER_RACK = 40, 10


def write_big_zone(folder: Path, *, sites: int, nodes: int) -> None:
    """Write the zone's files.

    Args:
        folder: where; it is made.
        sites: data centres, at least 3.
        nodes: nodes in all, the same number at each site.
    """
    folder.mkdir(parents=True)
    names = [f"dc{number:02}" for number in range(1, sites + 1)]
    each = nodes // sites
    tenants = {f"tenant-{name}": {"title": name, "roles": ["tenant"]} for name in names}
    links = [f"l{number:02}" for number in range(1, sites + 1)]
    _write(
        folder / "zone.yaml",
        {
            "zone": "big",
            "title": "A generated zone",
            "districts": {"north": {"title": "North", "connection_capacity_kw": 10_000_000}},
            "parties": {
                "operator": {"title": "Operator", "roles": ["facility-operator"]},
                "carrier": {"title": "Carrier", "roles": ["network-operator"]},
                **tenants,
            },
            "node_types": {
                "one-u": {
                    "manufacturer": "m",
                    "model": "m",
                    "u_height": 1,
                    "weight_kg": 18,
                    "maximum_draw": 600,
                    "allocated_draw": 400,
                }
            },
            "rule_pack": "pack",
            "rule_packs": {
                "pack": {
                    "title": "Pack",
                    "valid_from": "2026-01-01",
                    "valid_until": "2099-12-31",
                    "limits": {
                        "design-pue": {"value": 1.25, "source": "s"},
                        "separated-protection-level": {"value": 3, "source": "s"},
                    },
                }
            },
            "rings": {"ring": {"links": links}},
        },
    )
    places = [_place(index, sites) for index in range(sites)]
    declared = {name: _site(index, places[index], each) for index, name in enumerate(names)}
    _write(folder / "facility-operator.yaml", {"owner": "operator", "sites": declared})
    ducts, lines = {}, {}
    for index, link in enumerate(links):
        after = (index + 1) % sites
        route = {"crs": "WGS84", "points": [list(places[index]), list(places[after])]}
        ducts[f"d{link[1:]}"] = {"route": route, "length_m": 90_000, "bores": 8}
        lines[link] = {"a": names[index], "b": names[after], "ducts": [f"d{link[1:]}"], "cores": 96}
    _write(folder / "network-carrier.yaml", {"owner": "carrier", "ducts": ducts, "links": lines})
    for index, name in enumerate(names):
        connection = {"to": names[(index + 1) % sites], "max_one_way_us": 50_000, "disjoint_paths": 2}
        cluster: dict[str, Any] = {
            "site": name,
            "node_type": "one-u",
            "count": each,
            "spread": {"scope": "rack", "at_least": 3, "max_per_domain": NODES_PER_RACK},
            "connections": {"next": connection},
        }
        _write(folder / f"tenant-{name}.yaml", {"owner": f"tenant-{name}", "clusters": {"web": cluster}})


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def _place(index: int, sites: int) -> tuple[float, float]:
    turn = 2 * math.pi * index / sites
    return (round(31 + 0.5 * math.sin(turn), 4), round(121 + 0.5 * math.cos(turn), 4))


def _site(index: int, place: tuple[float, float], nodes: int) -> dict[str, Any]:
    rows = -(-nodes // (NODES_PER_RACK * RACKS_PER_ROW)) + 1
    feeds = {name: {"power_panel": panel, "rated_w": 6250} for name, panel in (("A", "pa"), ("B", "pb"))}
    return {
        "title": f"Data centre {index + 1}",
        "district": "north",
        "location": {"latitude": place[0], "longitude": place[1], "crs": "WGS84"},
        "commissioned": "2025-01-01",
        "overhead": {"plant_kw": 10, "slope": 0.1},
        "address_pools": {"v4": {"prefix": f"10.{index}.0.0/16", "gateway": f"10.{index}.0.1"}},
        "power_panels": {"pa": {"substation": f"s{index}a"}, "pb": {"substation": f"s{index}b"}},
        "rooms": {"hall": {"rows": {f"01..{rows:02}": {"racks": RACKS_PER_ROW, "feeds": feeds}}}},
    }
