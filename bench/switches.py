"""Configurations of 100 switches with 48 nodes each, beside pyavd on the same facts: the same lines, and their cost."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.figures import Figure
from bench.pyavd_environment import PYAVD, pyavd_python
from zonewright.model import Site
from zonewright.model.surroundings import Surroundings
from zonewright.render import SiteContext, render_all, site_context
from zonewright.render.contexts.group_context import GroupContext, group_contexts
from zonewright.render.contexts.node_links import BondInUse
from zonewright.render.contexts.switch_sides import CabledNode, SwitchedPort, SwitchSide

LEAVES, PORTS = 100, 48
_UPLINK = BondInUse(
    name="uplink",
    role="data",
    mode="active-backup",
    ports=(),
    primary="",
    mtu=0,
    vid=110,
    addresses=(),
    routes=(),
    own_ways=(),
)
_RENDER = """
import json, sys, time
import pyavd
given = json.load(sys.stdin)
for one in given.values():
    assert not pyavd.validate_structured_config(one).validation_result.violations
pyavd.get_device_config(given[next(iter(given))])
start = time.process_time()
made = {name: pyavd.get_device_config(one) for name, one in given.items()}
print(json.dumps({"seconds": time.process_time() - start, "made": made}))
"""


def _site() -> Site:
    leaves = {
        f"leaf-{number:03}": {
            "role": "leaf",
            "platform": "eos",
            "interfaces": {
                f"Ethernet1..{PORTS}": {"rack": _rack(number), "positions": f"01..{PORTS}"},
                f"Ethernet{PORTS + 1}..{PORTS + 2}": {
                    "switch": "spine-1",
                    "interface": f"Ethernet{2 * number + 1}..{2 * number + 2}",
                    "lag": number,
                },
            },
        }
        for number in range(1, LEAVES + 1)
    }
    document = {
        "title": "Data centre",
        "district": "d",
        "as_number": 65001,
        "name_servers": ["10.0.0.2"],
        "time_servers": ["10.0.0.3"],
        "vlans": {"tenant-a": {"vid": 110, "tenant": "tenant-a"}, "servers": {"vid": 20}},
        "address_pools": {
            "a": {"prefix": "10.1.0.0/16", "gateway": "10.1.0.1", "interface": "lan0", "vlan": "tenant-a"}
        },
        "switches": {
            **leaves,
            "spine-1": {"role": "spine", "platform": "eos", "interfaces": {"Ethernet1": {"router": "lan0"}}},
        },
    }
    return Site.model_validate_json(json.dumps(document))


def _rack(number: int) -> str:
    return f"a/{number // 40 + 1:02}/{number % 40 + 1:02}"


def _contexts(site: Site) -> list[SiteContext | GroupContext]:
    nodes = [
        CabledNode(
            name=f"n-{number:03}-{position:02}", rack=_rack(number), position=position, bonds=(_UPLINK,), vlans=()
        )
        for number in range(1, LEAVES + 1)
        for position in range(1, PORTS + 1)
    ]
    groups = group_contexts(
        party="tenant-a", sites={"dc1": site}, addresses={}, around=Surroundings(), cabled={"dc1": nodes}
    )
    return [site_context(name="dc1", site=site, rows={}, around=Surroundings()), *groups]


def _structured(site: SiteContext, sides: Sequence[SwitchSide]) -> dict[str, Any]:
    """The facts of one switch as pyavd takes them."""
    of_site = sides[0]
    vrf = {"name": "default", "servers": [{"ip_address": one} for one in site.name_servers]}
    return {
        "hostname": of_site.key,
        "spanning_tree": {
            "mode": "mstp",
            **({"mst_instances": [{"id": "0", "priority": 4096}]} if of_site.role == "spine" else {}),
        },
        "switchport_default": {"mode": "routed"},
        "ip_name_server": {"vrfs": [vrf]},
        "dns_domain": site.domain,
        "ntp": {"servers": [{"name": one, "iburst": True} for one in site.time_servers]},
        "vlans": [{"id": one.vid, "name": one.name} for one in of_site.vlans],
        "port_channel_interfaces": [_port(port) for side in sides for port in side.lags],
        "ethernet_interfaces": [
            *(_port(port, is_node=side is not of_site) for side in sides for port in side.ports),
            *(
                {
                    "name": one.name,
                    "description": one.description,
                    "channel_group": {"id": one.number, "mode": "active"},
                }
                for side in sides
                for one in side.lag_members
            ),
        ],
    }


def _port(port: SwitchedPort, *, is_node: bool = False) -> dict[str, Any]:
    trunk = {"mode": "trunk", "trunk": {"allowed_vlan": ",".join(map(str, port.tagged))}}
    return {
        "name": port.name,
        "description": port.description,
        "switchport": {"enabled": True, **({"access_vlan": port.untagged} if port.untagged else trunk)},
        **({"spanning_tree_portfast": "edge"} if port.is_edge else {}),
        **({"spanning_tree_bpduguard": "enabled"} if is_node else {}),
    }


def _lines(text: str) -> frozenset[tuple[str, str]]:
    """Lines with the line that they stand below."""

    def told() -> Iterator[tuple[str, str]]:
        above = ""
        for line in text.splitlines():
            if line.strip() and not line.strip().startswith("!"):
                above = above if line.startswith(" ") else line
                yield (above, line.strip())

    return frozenset(told())


def _same(ours: Mapping[str, str], theirs: Mapping[str, str]) -> None:
    for switch, text in theirs.items():
        own = "".join(held for path, held in sorted(ours.items()) if path.endswith(f"/switches/{switch}.cfg"))
        if _lines(own) != _lines(text):
            raise SystemExit(f"{switch}: not the same lines: {sorted(_lines(own) ^ _lines(text))[:10]}")


def figures(runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """CPU time of both for one switch; they stop if the lines differ."""
    python = pyavd_python()
    site = _site()
    times = []
    for _ in range(runs):
        start_s = time.process_time()
        contexts = _contexts(site)
        ours = {path: text for path, text in render_all(contexts).items() if "/switches/" in path}
        times.append(time.process_time() - start_s)
    whole, group = contexts
    if not isinstance(whole, SiteContext) or not isinstance(group, GroupContext):
        raise SystemExit("expected a site and a group")
    by_switch = {one.key: [one] for one in whole.eos_switches}
    for one in group.eos_switches:
        by_switch[one.key].append(one)
    given = {switch: _structured(whole, sides) for switch, sides in by_switch.items()}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "render.py"
        script.write_text(_RENDER, encoding="utf-8")
        done = subprocess.run(
            [str(python), str(script)], input=json.dumps(given), check=True, stdout=subprocess.PIPE, text=True
        )
    theirs = json.loads(done.stdout)
    _same(ours, theirs["made"])
    lines = sum(len(_lines(text)) for text in theirs["made"].values())
    theirs_ms = 1000 * theirs["seconds"] / len(given)
    print(f"{len(given)} switches, {lines} lines: the same by both", file=sys.stderr)
    return [
        Figure(f"pyavd {PYAVD}, lines of a switch with {PORTS} nodes, CPU", theirs_ms, "ms"),
        Figure("ours, contexts and lines of the same switch, CPU", 1000 * median(times) / len(given), "ms", theirs_ms),
    ]
