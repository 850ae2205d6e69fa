"""A demo estate for a NetBox, written for these tests: two sites, twelve racks, some sixty devices, and each odd case.

References are by name, as NetBox's API takes them; cables are made at the end, when their ends have numbers.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Objects = list[dict[str, Any]]
Create = Callable[[str, Objects], list[Mapping[str, Any]]]
Read = Callable[[str], list[Mapping[str, Any]]]

ACORN = {"slug": "acorn"}
NORTH, SOUTH = {"slug": "north"}, {"slug": "south"}
LAGOON, KITE, HARBOUR = {"slug": "lagoon-bank"}, {"slug": "kite-studios"}, {"slug": "harbour-hosting"}


def _named(*names: str) -> Objects:
    return [{"name": name, "slug": name.lower().replace(" ", "-")} for name in names]


def _type(model: str, u_height: float, **more: Any) -> dict[str, Any]:
    slug = f"acorn-{model.lower().replace(' ', '-').replace('.', '-')}"
    return {"manufacturer": ACORN, "model": model, "slug": slug, "u_height": u_height, **more}


def _rack(name: str, site: Mapping[str, str], location: str | None, **more: Any) -> dict[str, Any]:
    where = {} if location is None else {"location": {"slug": location, "site": site}}
    return {"name": name, "site": site, **where, "status": "active", "max_weight": 900, "weight_unit": "kg", **more}


def _feed(rack: str, name: str, panel: str, kind: str, **more: Any) -> dict[str, Any]:
    base = {"status": "active", "supply": "ac", "phase": "single-phase", "voltage": 230, "amperage": 32}
    return {"name": name, "rack": {"name": rack}, "power_panel": {"name": panel}, "type": kind, **base, **more}


def _device(
    name: str | None, model: str, role: str, site: Mapping[str, str], rack: str | None, **more: Any
) -> dict[str, Any]:
    slug = f"acorn-{model.lower().replace(' ', '-').replace('.', '-')}"
    placed = {} if rack is None else {"rack": {"name": rack}}
    status = {"status": "active"}
    return {
        "name": name,
        "device_type": {"slug": slug},
        "role": {"slug": role},
        "site": site,
        **placed,
        **status,
        **more,
    }


def _at(position: float, face: str = "front", **more: Any) -> dict[str, Any]:
    return {"position": position, "face": face, **more}


def _racks() -> Objects:
    return [
        _rack("N101", NORTH, "hall-1"),
        _rack("N102", NORTH, "hall-1", desc_units=True),
        _rack("N103", NORTH, "hall-1", starting_unit=5),
        _rack("N104", NORTH, "hall-1", max_weight=None, weight_unit=None),
        _rack("N201", NORTH, "hall-2"),
        _rack("N202", NORTH, "hall-2", tenant=LAGOON),
        _rack("N203", NORTH, "cage", max_weight=150, u_height=48),
        _rack("S1", SOUTH, None),
        _rack("S2", SOUTH, None),
        _rack("S3", SOUTH, None, status="deprecated"),
        _rack("S4", SOUTH, None),
        _rack("S5", SOUTH, None, status="reserved"),
    ]


def _feeds() -> Objects:
    found: Objects = []
    for rack in ("N101", "N102", "N103", "N203"):
        found += [_feed(rack, f"{rack}-A", "Panel A", "primary"), _feed(rack, f"{rack}-B", "Panel B", "redundant")]
    found += [
        _feed("N104", "N104-A", "Panel A", "primary"),
        _feed("N104", "N104-B", "Panel B", "redundant", status="planned"),
        _feed("N201", "N201-A", "Panel A", "primary", phase="three-phase", voltage=400, amperage=16),
        _feed("N201", "N201-B", "Panel B", "redundant", phase="three-phase", voltage=400, amperage=16),
        _feed("N202", "left", "Panel A", "primary", amperage=16),
        _feed("N202", "right", "Panel B", "redundant", amperage=16),
        _feed("S1", "S1-A", "Panel S", "primary"),
        _feed("S1", "S1-B", "Panel S", "redundant", status="failed"),
        _feed("S2", "S2-A1", "Panel S", "primary", amperage=16, max_utilization=90),
        _feed("S2", "S2-A2", "Panel S", "primary", amperage=16, max_utilization=90),
        _feed("S3", "S3-A", "Panel S", "primary", amperage=4),
        _feed("S5", "S5-A", "Panel S", "primary", status="offline"),
    ]
    return found


def _devices() -> Objects:
    found: Objects = []
    for index in range(6):  # ordinary racks, and one whose units run from the top
        found.append(
            _device(f"db-{index + 1:03}", "Oak 2U", "server", NORTH, "N101", tenant=LAGOON, **_at(1 + 2 * index))
        )
        found.append(
            _device(f"db-{index + 7:03}", "Oak 2U", "server", NORTH, "N102", tenant=LAGOON, **_at(1 + 2 * index))
        )
    for index in range(8):  # numbers that begin at 5
        found.append(_device(f"web{index + 1}", "Elm 1U", "server", NORTH, "N103", tenant=KITE, **_at(5 + index)))
    for index in range(6):
        found.append(_device(f"Render_{index + 1}", "Elm 1U", "server", NORTH, "N201", tenant=KITE, **_at(3 + index)))
    for index in range(4):
        found.append(_device(f"cache-{index + 1}", "Elm 1U", "server", SOUTH, "S1", tenant=KITE, **_at(10 + index)))
    for index in range(5):  # more than the rack may carry
        found.append(
            _device(f"vault-{index + 1}", "Ash 4U", "server", NORTH, "N203", tenant=LAGOON, **_at(1 + 4 * index))
        )
    for index in range(3):  # more than the feed may carry, in a rack that is going
        found.append(_device(f"mail-{index + 1}", "Elm 1U", "server", SOUTH, "S3", tenant=KITE, **_at(1 + index)))
    found += [
        _device("N101-sw1", "Reed 48", "switch", NORTH, "N101", **_at(42, "rear")),
        _device("N101-pp1", "Patch 24", "patch-panel", NORTH, "N101", **_at(42)),
        _device("N102-sw1", "Reed 48", "switch", NORTH, "N102", **_at(42, "rear")),
        _device("N201-sw1", "Reed 48", "switch", NORTH, "N201", tenant=HARBOUR, **_at(42, "rear")),
        _device("N101-pdu-a", "Strip 24", "power-strip", NORTH, "N101"),
        _device("N101-pdu-b", "Strip 24", "power-strip", NORTH, "N101"),
        _device("N202-pdu-a", "Strip 24", "power-strip", NORTH, "N202"),
        _device("probe-1", "Twig 0.5U", "server", NORTH, "N104", **_at(10)),
        _device("probe-2", "Twig 0.5U", "server", NORTH, "N104", tenant=KITE, **_at(10.5)),
        _device("probe-3", "Twig 0.5U", "server", NORTH, "N104", **_at(20.5)),
        _device("bridge-1", "Bark 1.5U", "server", NORTH, "N104", **_at(30)),
        _device("blades-1", "Grove 6U", "chassis", NORTH, "N202", **_at(10)),
        _device("blade-1", "Leaf", "server", NORTH, "N202"),
        _device("blade-2", "Leaf", "server", NORTH, "N202", tenant=KITE),
        _device("spare-1", "Elm 1U", "server", NORTH, None, status="inventory"),
        _device("next-1", "Elm 1U", "server", NORTH, "N104", status="planned", **_at(1)),
        _device("lost-1", "Elm 1U", "server", NORTH, "N104"),
        _device("desk-1", "Elm 1U", "server", SOUTH, None),
        _device("north-gw", "Reed 48", "router", NORTH, None),
        _device(None, "Elm 1U", "server", SOUTH, "S2", **_at(4)),
        _device("lone.south.example", "Elm 1U", "server", SOUTH, "S2", tenant=LAGOON, **_at(6)),
        _device("old-1", "Elm 1U", "server", SOUTH, "S4", **_at(1)),
        _device("store-1", "Oak 2U", "server", SOUTH, "S2", **_at(8)),
    ]
    return found


def _templates() -> Iterator[tuple[str, Objects]]:
    def of(model: str, *names: str, **more: Any) -> Objects:
        slug = f"acorn-{model.lower().replace(' ', '-').replace('.', '-')}"
        return [{"device_type": {"slug": slug}, "name": name, **more} for name in names]

    yield (
        "dcim/power-port-templates",
        [
            *of("Elm 1U", "PSU1", "PSU2", maximum_draw=500, allocated_draw=180, type="iec-60320-c14"),
            *of("Oak 2U", "PSU1", "PSU2", type="iec-60320-c14"),
            *of("Ash 4U", "PSU1", "PSU2", maximum_draw=1200, type="iec-60320-c14"),
            *of("Reed 48", "PSU1", maximum_draw=150, allocated_draw=90),
            *of("Twig 0.5U", "PSU1", maximum_draw=40),
            *of("Bark 1.5U", "PSU1", "PSU2", maximum_draw=400),
            *of("Strip 24", "inlet"),
        ],
    )
    yield (
        "dcim/power-outlet-templates",
        of("Strip 24", *(f"outlet {number}" for number in range(1, 13)), power_port={"name": "inlet"}),
    )
    yield "dcim/module-bay-templates", of("Grove 6U", *(f"PSU{number}" for number in range(1, 5)))
    yield "dcim/device-bay-templates", of("Grove 6U", *(f"bay {number}" for number in range(1, 5)))
    yield "dcim/interface-templates", of("Elm 1U", "eno1", type="25gbase-x-sfp28")
    yield "dcim/interface-templates", of("Oak 2U", "eno1", type="25gbase-x-sfp28")


def fill(create: Create, read: Read, change: Create) -> None:
    """Fill an empty NetBox.

    Args:
        create: makes objects of an endpoint.
        read: gives all objects of an endpoint.
        change: changes objects of an endpoint.
    """
    create("dcim/regions", _named("Bay"))
    create("tenancy/tenants", _named("Harbour Hosting", "Lagoon Bank", "Kite Studios"))
    create("ipam/rirs", _named("Private"))
    numbers = create("ipam/asns", [{"asn": 4_200_000_010, "rir": {"slug": "private"}}])
    create(
        "dcim/sites",
        [
            {
                "name": "North",
                "slug": "north",
                "tenant": HARBOUR,
                "region": {"slug": "bay"},
                "time_zone": "Europe/Berlin",
                "asns": [one["id"] for one in numbers],
            },
            {"name": "South", "slug": "south"},
        ],
    )
    halls = [{"name": f"Hall {number}", "slug": f"hall-{number}", "site": NORTH} for number in (1, 2)]
    create("dcim/locations", halls)
    create(
        "dcim/locations", [{"name": "Cage", "slug": "cage", "site": NORTH, "parent": {"slug": "hall-2", "site": NORTH}}]
    )
    create("dcim/racks", _racks())
    panels = [
        {"name": "Panel A", "site": NORTH},
        {"name": "Panel B", "site": NORTH},
        {"name": "Panel S", "site": SOUTH},
    ]
    create("dcim/power-panels", panels)
    create("dcim/power-feeds", _feeds())
    create("dcim/manufacturers", _named("Acorn"))
    roles = [
        {**one, "color": "9e9e9e"}
        for one in _named("server", "switch", "Patch panel", "power strip", "chassis", "router")
    ]
    create("dcim/device-roles", roles)
    create(
        "dcim/device-types",
        [
            _type("Elm 1U", 1, weight=18, weight_unit="kg"),
            _type("Oak 2U", 2),
            _type("Ash 4U", 4, weight=80, weight_unit="lb"),
            _type("Reed 48", 1, is_full_depth=False, weight=8, weight_unit="kg"),
            _type("Patch 24", 1, is_full_depth=False),
            _type("Strip 24", 0, is_full_depth=False, weight=6, weight_unit="kg"),
            _type("Twig 0.5U", 0.5, weight=3000, weight_unit="g"),
            _type("Bark 1.5U", 1.5, weight=20, weight_unit="kg"),
            _type("Grove 6U", 6, subdevice_role="parent", weight=60, weight_unit="kg"),
            _type("Leaf", 0, subdevice_role="child", weight=7, weight_unit="kg"),
        ],
    )
    for endpoint, objects in _templates():
        create(endpoint, objects)
    create("dcim/devices", _devices())
    _fill_bays(read, change)
    _networks(create, read, change)
    _cables(create, read)
    user = {"username": "tests"}
    reserved = [
        {"rack": {"name": "S2"}, "units": [20, 21, 22, 30], "user": user, "tenant": KITE, "description": "growth"},
        {"rack": {"name": "N101"}, "units": [3, 4], "user": user, "description": "db, taken by now"},
    ]
    create("dcim/rack-reservations", reserved)


def _fill_bays(read: Read, change: Create) -> None:
    devices = {one["name"]: one["id"] for one in read("dcim/devices")}
    bays = {one["name"]: one["id"] for one in read("dcim/device-bays")}
    pairs = (("bay 1", "blade-1"), ("bay 2", "blade-2"))
    change("dcim/device-bays", [{"id": bays[bay], "installed_device": devices[name]} for bay, name in pairs])


def _networks(create: Create, read: Read, change: Create) -> None:
    create(
        "ipam/vlans",
        [
            {"vid": 120, "name": "Servers", "site": NORTH},
            {"vid": 110, "name": "Bank servers", "site": NORTH, "tenant": LAGOON},
            {"vid": 130, "name": "South servers", "site": SOUTH, "tenant": KITE},
        ],
    )
    create("ipam/roles", _named("Management", "Production"))
    sites = {one["slug"]: one["id"] for one in read("dcim/sites")}
    of_north = {"scope_type": "dcim.site", "scope_id": sites["north"]}
    of_south = {"scope_type": "dcim.site", "scope_id": sites["south"]}
    create(
        "ipam/prefixes",
        [
            {"prefix": "10.20.0.0/16", "status": "container", **of_north},
            {"prefix": "10.20.1.0/24", "vlan": {"vid": 120}, "role": {"slug": "production"}, **of_north},
            {"prefix": "10.20.2.0/24", "vlan": {"vid": 110}, "tenant": LAGOON, **of_north},
            {"prefix": "10.20.9.0/26", "role": {"slug": "management"}, **of_north},
            {"prefix": "10.20.7.0/24", **of_north},
            {"prefix": "10.30.1.0/25", "vlan": {"vid": 130}, **of_south},
            {"prefix": "192.0.2.0/24"},
        ],
    )
    devices = {one["id"]: one for one in read("dcim/devices")}
    ports = {one["device"]["id"]: one["id"] for one in read("dcim/interfaces")}
    gateway = next(number for number, one in devices.items() if one["name"] == "north-gw")
    port = {"device": gateway, "name": "lan0.110", "type": "virtual"}
    end = {"assigned_object_type": "dcim.interface", "assigned_object_id": create("dcim/interfaces", [port])[0]["id"]}
    addresses: Objects = [{"address": "10.20.1.1/24", "description": "gateway"}, {"address": "10.20.1.200/24"}]
    addresses.append({"address": "10.20.2.1/24", "description": "gateway", **end})
    counts = {"north": 10, "south": 10}
    primary: dict[str, int] = {}
    for number, device in sorted(devices.items()):
        if (
            device["tenant"]
            and device["position"]
            and number in ports
            and device["tenant"]["slug"] != "harbour-hosting"
        ):
            site = device["site"]["slug"]
            counts[site] += 1
            network = 2 if device["tenant"]["slug"] == "lagoon-bank" else 1
            address = f"10.20.{network}.{counts[site]}/24" if site == "north" else f"10.30.1.{counts[site]}/25"
            primary[address] = number
            end = {"assigned_object_type": "dcim.interface", "assigned_object_id": ports[number]}
            addresses.append({"address": address, **end})
    made = create("ipam/ip-addresses", addresses)
    changes = [{"id": primary[one["address"]], "primary_ip4": one["id"]} for one in made if one["address"] in primary]
    change("dcim/devices", changes)


def _cables(create: Create, read: Read) -> None:
    ports = {(one["device"]["name"], one["name"]): one["id"] for one in read("dcim/power-ports")}
    outlets = {(one["device"]["name"], one["name"]): one["id"] for one in read("dcim/power-outlets")}
    feeds = {one["name"]: one["id"] for one in read("dcim/power-feeds")}

    def cable(port: tuple[str, str], kind: str, end: int) -> dict[str, Any]:
        return {
            "type": "power",
            "a_terminations": [{"object_type": "dcim.powerport", "object_id": ports[port]}],
            "b_terminations": [{"object_type": kind, "object_id": end}],
        }

    found = [cable((f"N101-pdu-{one}", "inlet"), "dcim.powerfeed", feeds[f"N101-{one.upper()}"]) for one in "ab"]
    for index in range(4):  # the fifth is not recorded, both cords of the sixth are in strip A
        found.append(
            cable((f"db-{index + 1:03}", "PSU1"), "dcim.poweroutlet", outlets["N101-pdu-a", f"outlet {index + 1}"])
        )
        found.append(
            cable((f"db-{index + 1:03}", "PSU2"), "dcim.poweroutlet", outlets["N101-pdu-b", f"outlet {index + 1}"])
        )
    both = ((f"PSU{index}", outlets["N101-pdu-a", f"outlet {10 + index}"]) for index in (1, 2))
    found += [cable(("db-006", port), "dcim.poweroutlet", outlet) for port, outlet in both]
    found.append(cable(("N101-sw1", "PSU1"), "dcim.poweroutlet", outlets["N101-pdu-b", "outlet 12"]))
    found.append(cable(("N202-pdu-a", "inlet"), "dcim.powerfeed", feeds["left"]))
    create("dcim/cables", found)
