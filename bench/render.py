"""Rendering of 5,000 hosts x 4 files, beside a bare Jinja2 loop over the same templates and contexts, and pyavd."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from operator import methodcaller
from pathlib import Path
from statistics import median

from jinja2 import Environment, PackageLoader

from bench.figures import Figure
from bench.pyavd_environment import PYAVD, pyavd_python
from zonewright.model import Site
from zonewright.model.surroundings import Routing, Surroundings
from zonewright.render import NodeContext, node_context, render_all
from zonewright.render.contexts.node_view import fellows_of, site_view
from zonewright.render.formats.format_set import BUILT_IN
from zonewright.render.quoting import FILTERS
from zonewright.render.validators.validate import validate_all

HOSTS, NODES = 5000, 300
_CHILD = "import bench.render as r; r.child()"
_SITE = {
    "title": "Data centre",
    "district": "d",
    "name_servers": ["10.0.0.2", "2001:db8::2"],
    "time_servers": ["10.0.0.3"],
    "management": ["10.255.0.0/26"],
    "address_pools": {
        "v4": {"prefix": "10.0.0.0/16", "gateway": "10.0.0.1"},
        "v6": {"prefix": "2001:db8::/48", "gateway": "2001:db8::1"},
    },
}


def contexts(hosts: int = HOSTS) -> list[NodeContext]:
    """The hosts of one stack at one site of a zone with twelve."""
    addresses = {
        f"core-{number:05}": {
            "v4": f"10.0.{number // 250}.{number % 250 + 4}/16",
            "v6": f"2001:db8::{number + 16:x}/48",
        }
        for number in range(hosts)
    }
    routing = {
        f"s{one}": Routing(as_number=65000 + one, networks=(f"10.{one}.0.0/16", f"2001:db8:{one:x}::/48"))
        for one in range(1, 13)
    }
    around = Surroundings(service="https://service.example", service_addresses=("10.255.1.1",), routing=routing)
    view = site_view(
        site_id="dc1",
        site=Site.model_validate(_SITE),
        party="tenant-a",
        fellows=fellows_of(addresses.values()),
        around=around,
    )
    return [
        node_context(
            name=name,
            view=view,
            rack=f"dc1/a/{index // 400 + 1:02}/{index // 10 % 40 + 1:02}",
            position=index % 10 + 1,
            addresses=of_node,
            power_max_w=800,
        )
        for index, (name, of_node) in enumerate(addresses.items())
    ]


def bare(made: Sequence[NodeContext]) -> dict[str, str]:
    """The same templates by Jinja2 alone: no sandbox, no check, filters that only print."""
    environment = Environment(
        loader=PackageLoader("zonewright_templates", package_path=""),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - configurations, as in what it is compared with
    )
    environment.filters.update(dict.fromkeys(FILTERS, str))
    files = [file for one in BUILT_IN.of(made[0]) for file in one.files]
    templates = [(file.path, environment.get_template(file.template)) for file in files]
    return {
        f"nodes/dc1/{node.name}/{path}": template.render({"node": node})
        for node in made
        for path, template in templates
    }


def child() -> None:
    """One run in a process of its own: seconds of both, in turn, and the memory."""
    made = contexts()
    times: dict[str, list[float]] = {"bare": [], "ours": []}
    for _ in range(5):
        start_s = time.perf_counter()
        plain = bare(made)
        times["bare"].append(time.perf_counter() - start_s)
        for quote in FILTERS.values():  # as in a process that has quoted nothing yet
            methodcaller("cache_clear")(quote)
        start_s = time.perf_counter()
        ours = render_all(made)
        times["ours"].append(time.perf_counter() - start_s)
        if len(ours) != 4 * HOSTS or ours.keys() != plain.keys():
            raise SystemExit("the two do not render the same files")
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ratio = median(ours_s / bare_s for ours_s, bare_s in zip(times["ours"], times["bare"], strict=True))
    found = {"bare": median(times["bare"]), "ours": median(times["ours"]), "ratio": ratio, "memory_mb": memory_mb}
    print(json.dumps(found))


def figures(_runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Times, the ratio, memory; and pyavd's fabric where its environment can be had."""
    done = subprocess.run([sys.executable, "-c", _CHILD], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    return [
        Figure(f"render {HOSTS:,} hosts x 4 files, bare Jinja2", found["bare"], "s"),
        Figure(f"render {HOSTS:,} hosts x 4 files", found["ours"], "s", 10),
        Figure("of it, times the bare loop", found["ratio"], "times", 1.5),
        Figure("memory of both", found["memory_mb"], "MB", 1024),
        *_validated(),
        *_pyavd(found["ours"]),
    ]


def _validated() -> list[Figure]:
    """Verdicts on all files of 300 nodes, by the native programs themselves and from no cache."""
    files = render_all(contexts(NODES))
    cpu_s, start_s = _cpu_s(), time.perf_counter()
    judged = validate_all(files)
    passed = time.perf_counter() - start_s
    return [
        Figure(f"validate {NODES} nodes, {len(files):,} files", passed, "s", 20),
        Figure("of it, CPU time", _cpu_s() - cpu_s, "s"),
        Figure("of it, files that no program judged", sum(one.verdict.status == "not-run" for one in judged), ""),
    ]


def _cpu_s() -> float:
    """CPU seconds of this process and of all its children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _pyavd(ours_s: float) -> list[Figure]:
    """A fabric of 100 devices by pyavd, in an environment of its own in the cache."""
    python = pyavd_python()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "fabric.py"
        script.write_text(_FABRIC, encoding="utf-8")
        done = subprocess.run([str(python), str(script)], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    per_device_ms = 1000 * found["seconds"] / found["devices"]
    return [
        Figure(f"pyavd {PYAVD}, {found['devices']} devices, each", per_device_ms, "ms"),
        Figure("ours, each host with 4 files", 1000 * ours_s / HOSTS, "ms", per_device_ms),
    ]


_FABRIC = """
import json, time
import pyavd

SPINES, LEAVES = 4, 96

def nodes(kind, count, net):
    numbers = range(1, count + 1)
    return [{"name": f"{kind}{n:03}", "id": n, "mgmt_ip": f"172.16.{net}.{n}/24"} for n in numbers]

def leaf(one):
    uplinks = [f"Ethernet{one['id']}"] * SPINES
    node = {**one, "uplink_switch_interfaces": uplinks}
    return {"group": one["name"], "bgp_as": str(65100 + one["id"]), "nodes": [node]}

def inputs(name):
    return {
        "fabric_name": "F",
        "type": "spine" if name.startswith("spine") else "l3leaf",
        "mgmt_gateway": "172.16.0.1",
        "spine": {
            "defaults": {"platform": "vEOS-lab", "loopback_ipv4_pool": "192.168.255.0/24", "bgp_as": "65000"},
            "nodes": nodes("spine", SPINES, 0),
        },
        "l3leaf": {
            "defaults": {
                "platform": "vEOS-lab",
                "loopback_ipv4_pool": "192.168.0.0/16",
                "loopback_ipv4_offset": 4,
                "vtep_loopback_ipv4_pool": "192.169.0.0/16",
                "uplink_ipv4_pool": "172.31.0.0/16",
                "uplink_interfaces": [f"Ethernet{n}" for n in range(1, SPINES + 1)],
                "uplink_switches": [f"spine{n:03}" for n in range(1, SPINES + 1)],
                "mlag": False,
                "virtual_router_mac_address": "00:1c:73:00:00:99",
            },
            "node_groups": [leaf(one) for one in nodes("leaf", LEAVES, 1)],
        },
    }

names = [one["name"] for one in (*nodes("spine", SPINES, 0), *nodes("leaf", LEAVES, 1))]
start = time.perf_counter()
every = {}
for name in names:
    result = pyavd.validate_inputs(inputs(name))
    assert result.validated_data is not None, str(result)[:500]
    every[name] = result.validated_data
facts = pyavd.get_avd_facts(every)
total = 0
for name, one in every.items():
    total += len(pyavd.get_device_config(pyavd.get_device_structured_config(name, one, facts)))
print(json.dumps({"seconds": time.perf_counter() - start, "devices": len(names), "characters": total}))
"""
