"""What other resources are made from: nodes, addresses and numbers of a stack that is placed, on the real engine."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from support import light_engine
from support.zone_project import LIMIT_S, PROJECT, REPOSITORY, SmallZone, Stack, cluster
from zonewright.cli import main

pytestmark = pytest.mark.engine
PROGRAM = """\
from pathlib import Path

import pulumi
import zonewright
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

FOLDER = {folder!r}


class Server(ResourceProvider):
    def create(self, props):
        Path(FOLDER, props["name"]).write_text(props["address"])
        return CreateResult(props["name"], props)

    def diff(self, id_, olds, news):
        return DiffResult(changes=olds["address"] != news["address"])

    def update(self, id_, olds, news):
        Path(FOLDER, id_).write_text(news["address"])
        return UpdateResult(news)

    def delete(self, id_, props):
        Path(FOLDER, id_).unlink()


class Record(Resource):
    def __init__(self, name, address):
        super().__init__(Server(), name, {{"name": name, "address": address}})


web = zonewright.Cluster(site="dc1", node_type="one-u", count={count})
stack = zonewright.Stack("shop", party="tenant-a", clusters={{"web": web}})
for node in stack.clusters["web"].nodes.values():
    Record(node.name, node.ipv4[0])
first = stack.nodes["web-001"]
pulumi.export("rack", first.rack)
pulumi.export("position", first.position)
pulumi.export("host", first.host_name)
pulumi.export("addresses", {{name: node.ipv4[0] for name, node in stack.nodes.items()}})
pulumi.export("address", first.addresses["v4"])
pulumi.export("generation", first.generation)
pulumi.export("v6", first.ipv6)
pulumi.export("known", [first.name, first.site, first.cluster, first.node_type, *first.feeds])
pulumi.export("free", stack.sites["dc1"].free.apply(lambda free: [free.free_u, free.free_kw, free.rooms["a"].free_kg]))
"""
READER = """\
import pulumi

other = pulumi.StackReference("organization/{project}/tenant-a")
pulumi.export("resolver", other.get_output("addresses").apply(lambda known: "; ".join(sorted(known.values()))))
"""
FUNCTIONS = """\
import pulumi
import zonewright

site = zonewright.get_site("dc1")
free = zonewright.get_capacity()["dc1"]
rooms = zonewright.find(watts=400, units=2, site="dc1")
node = zonewright.get_node("web-002")
pulumi.export("site", [site.title, site.kind, site.district, site.prefixes["v4"], site.name_servers[0]])
pulumi.export("free", [free.racks, free.free_u, free.free_kw, free.free_kg, free.rooms["a"].free_u, site.free.free_u])
pulumi.export("rooms", [[room.room, room.racks, room.fits] for room in rooms])
pulumi.export("node", [node.rack, node.position, node.face, node.addresses["v4"], node.state, node.generation])
zonewright.deploy()
"""


RECORDS = """\
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class Server(ResourceProvider):
    def create(self, props):
        return CreateResult("record", props)


class Record(Resource):
    def __init__(self, name, value):
        super().__init__(Server(), name, {"value": value})
"""
HOW_TO = REPOSITORY / "docs" / "how-to" / "use-values.md"
IN_PYTHON = HOW_TO.with_name("declare-in-python.md")
ELM = """\
manufacturer: Acorn
model: Elm 1U
slug: acorn-elm-1u
u_height: 1
is_full_depth: true
weight: 18
weight_unit: kg
power-ports:
  - {name: PSU1, maximum_draw: 150, allocated_draw: 100}
  - {name: PSU2, maximum_draw: 150, allocated_draw: 100}
"""


def _records(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def _program(stack: Stack, folder: Path, count: int) -> None:
    folder.mkdir(exist_ok=True)
    stack.program(PROGRAM.format(folder=str(folder), count=count))


def test_records_are_made_from_the_nodes_of_a_stack(operated: SmallZone) -> None:
    """Records of DNS have the addresses that the ledger gave, and go with their nodes; another project reads them.

    What is made from the nodes of a refused change is not made, and what was made before stays as it is.
    """
    tenant, dns = operated.stack("tenant-a"), operated.folder / "dns"
    _program(tenant, dns, 2)
    preview = tenant.run("preview", "--diff").stdout
    assert '"10.80.0.3"' in preview, preview
    tenant.up()
    tenant.settled()
    assert _records(dns) == {"web-001": "10.80.0.3", "web-002": "10.80.0.4"}
    assert tenant.outputs() == {
        "rack": "dc1/a/01/01",
        "position": 1,
        "host": "web-001",
        "addresses": {"web-001": "10.80.0.3", "web-002": "10.80.0.4"},
        "address": "10.80.0.3/20",
        "generation": 1,
        "v6": [],
        "known": ["web-001", "dc1", "web", "one-u", "A", "B"],
        "free": [82, 19.6, 2364],
    }
    tenant.up("--expect-no-changes")
    assert _read_by_another_project(tenant, operated.folder / "reader") == "10.80.0.3; 10.80.0.4"
    _program(tenant, dns, 90)
    assert "have no place" in tenant.refused("up", "--yes", "--skip-preview")
    assert _records(dns) == {"web-001": "10.80.0.3", "web-002": "10.80.0.4"}
    assert sum("dynamic" in item["type"] and item["custom"] for item in tenant.state()["resources"]) == 2
    _program(tenant, dns, 1)
    tenant.up()
    assert _records(dns) == {"web-001": "10.80.0.3"}
    assert tenant.outputs()["free"] == [83, 19.8, 2382]
    tenant.run("destroy", "--yes", "--skip-preview")
    assert _records(dns) == {}
    assert tenant.holdings("active") == []


def _read_by_another_project(tenant: Stack, root: Path) -> str:
    """What a StackReference of a second project, on the same backend, has of the addresses of the nodes."""
    root.mkdir()
    project = yaml.safe_load((tenant.root / "Pulumi.yaml").read_text(encoding="utf-8"))
    backend = {"url": f"file://{tenant.root / '.zonewright'}"}
    document = {"name": "reader", "runtime": project["runtime"], "backend": backend}
    (root / "Pulumi.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    (root / "__main__.py").write_text(READER.format(project=project["name"]), encoding="utf-8")

    def run(*arguments: str) -> str:
        command = ["pulumi", "--non-interactive", "--color", "never", *arguments]
        result = subprocess.run(
            command, cwd=root, env=tenant.environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    run("stack", "init", "readers", "--secrets-provider", light_engine.PROVIDER)
    run("up", "--yes", "--skip-preview", "--stack", "readers")
    return run("stack", "output", "resolver", "--stack", "readers").strip()


def test_a_program_asks_the_ledger(settled: SmallZone) -> None:
    """Functions say what is free, what a site is, where a node stands and which room has space."""
    tenant = settled.opened("tenant-a")
    tenant.program(FUNCTIONS)
    tenant.up()
    found = tenant.outputs()
    assert found["site"] == ["Data centre 1", "data-centre", "north", "10.80.0.0/20", "10.80.0.2"]
    assert found["free"] == [2, 81, 19.4, 2346, 81, 81]
    assert found["rooms"] == [["dc1/a", 1, True]]
    place = tenant.places()["web-002"].split(" U")
    assert found["node"] == [place[0], int(place[1]), "front", "10.80.0.4/20", "active", 1]
    tenant.program('import zonewright\n\nzonewright.get_node("web-009")\n')
    assert "has no node web-009 in the ledger" in tenant.refused("preview")


def test_a_stack_takes_over_what_deploy_had_made(settled: SmallZone) -> None:
    """A program that goes from `deploy()` to a `Stack` changes no node, and no place."""
    tenant, before = settled.opened("tenant-a"), settled.opened("tenant-a").places()
    tenant.program(
        "import zonewright\n\n"
        'web = zonewright.Cluster(site="dc1", node_type="one-u", count=3)\n'
        'zonewright.Stack("shop", party="tenant-a", clusters={"web": web})\n'
    )
    output = tenant.up()
    assert "1 created" in output, output
    assert "deleted" not in output
    assert "replaced" not in output
    tenant.settled()
    assert tenant.places() == before


def test_a_program_has_one_stack(operated: SmallZone) -> None:
    """A second one in the same program is refused in a sentence: a stack has one admission."""
    tenant = operated.stack("tenant-a")
    tenant.declare(clusters={"web": cluster(1)})
    tenant.program('import zonewright\n\nzonewright.deploy()\nzonewright.Stack("two", party="tenant-a")\n')
    assert "zonewright.Stack('two') was called after deploy()" in tenant.refused("up", "--yes", "--skip-preview")


def test_the_programs_of_the_how_to_run(operated: SmallZone) -> None:
    """Each program on the page comes up as it is written, in a zone with other names."""
    blocks = re.findall(r"```python\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)
    names = {"tenant-one": "tenant-a", "server-1u": "one-u", "PROJECT": PROJECT}
    programs = [re.sub("|".join(names), lambda match: names[match[0]], block) for block in blocks]
    tenant = operated.stack("tenant-a")
    (tenant.root / "program" / "records.py").write_text(RECORDS, encoding="utf-8")
    tenant.declare(clusters={"web": cluster(2)})
    by_stack, by_deploy, _, asking = programs
    found = []
    for program in (by_deploy, by_stack, asking):
        tenant.program(program)
        tenant.up()
        found.append(tenant.outputs())
    racks, values, answers = found
    assert values["addresses"] == {"web-001": "10.80.0.3", "web-002": "10.80.0.4"}
    assert (values["position"], values["free kW"]) == (1, 19.6)
    assert racks == {"racks": {"web-001": "dc1/a/01/01", "web-002": "dc1/a/01/01"}}
    assert answers == {"resolvers": ["10.80.0.2"], "free kg": 2364}


def test_the_programs_in_python_run(operated: SmallZone) -> None:
    """Each program of the page comes up, with a date and a device type; a refusal names its own line."""
    text = IN_PYTHON.read_text(encoding="utf-8").replace("tenant-one", "tenant-a")
    looped, refused, tested = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    tenant = operated.stack("tenant-a")
    (tenant.zone_folder / "device-types").mkdir()
    (tenant.zone_folder / "device-types" / "elm.yaml").write_text(ELM, encoding="utf-8")
    assert main(["ledger", "init", str(tenant.zone_folder), "--ledger", operated.ledger_url]) == 0
    tenant.program(refused)
    assert "program/__main__.py:3: [" in tenant.refused("preview")
    tenant.program(looped)
    tenant.up()
    assert tenant.outputs()["racks"].keys() == {"web-001", "web-002", "api-001"}
    tenant.program(tested)
    assert "deleted" in tenant.up()
