"""A consumer's program: what a user's code says of our types must hold under `mypy --strict`, without our settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, assert_type

import pulumi

import zonewright
import zonewright_templates
from zonewright.declare.load import Loaded, load_zone
from zonewright.declare.problem import Problem
from zonewright.ledger import LedgerError, LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.journal_messages import HistoryAnswer, HistoryRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Cluster, Declaration, District, OwnerFile, Party, Zone
from zonewright.program import deploy
from zonewright.rules import RULES, Finding, Rule
from zonewright_agent import health

assert_type(zonewright.__version__, str)
assert_type(zonewright_templates.__name__, str)


def declared() -> Declaration:
    """A zone in Python, as a stack's program makes it."""
    zone = Zone(
        zone="small",
        title="A small zone",
        districts={"north": District(title="North")},
        parties={"tenant": Party(title="Tenant", roles=("tenant",))},
    )
    cluster = Cluster(site="dc1", node_type="one-u", count=2)
    owner = OwnerFile(owner="tenant", clusters={"web": cluster})
    assert_type(cluster.count, int)
    return Declaration(zone=zone, owners={"tenant": owner})


def loaded(folder: Path) -> Declaration | None:
    """A zone of files, with its faults."""
    made = load_zone(folder)
    assert_type(made, Loaded)
    assert_type(made.problems, tuple[Problem, ...])
    return made.declaration


def history(url: str) -> int:
    """What a ledger tells; every refusal has findings."""
    try:
        with LedgerClient(url) as client:
            answer = client.call(verbs.HISTORY, HistoryRequest(limit=10))
            assert_type(answer, HistoryAnswer)
            return len(answer.entries)
    except LedgerRefusedError as error:
        assert_type(error.findings, tuple[Finding, ...])
        raise
    except LedgerError as error:
        raise SystemExit(str(error)) from error


def wrong(folder: Path) -> object:
    """What must be an error is one: a comment that is not needed is told by `--strict`."""
    Cluster(count="2")  # type: ignore[call-arg, arg-type]
    deploy("zone.yaml")  # type: ignore[arg-type]
    return load_zone(folder).declared  # type: ignore[attr-defined]


def placed() -> None:
    """What a program makes other resources from."""
    web = zonewright.Cluster(site="dc1", node_type="one-u", count=2)
    stack = zonewright.Stack("shop", party="tenant", clusters={"web": web})
    assert_type(stack.clusters["web"].nodes, Mapping[str, zonewright.PlacedNode])
    node = stack.nodes["web-001"]
    assert_type(node.name, str)
    assert_type(node.feeds, tuple[Literal["A", "B"], ...])
    assert_type(node.host_name, pulumi.Output[str])
    assert_type(node.position, pulumi.Output[int])
    assert_type(node.addresses["v4"], pulumi.Output[str])
    assert_type(node.ipv4, pulumi.Output[list[str]])
    assert_type(node.generation, pulumi.Output[int])
    assert_type(stack.sites["dc1"].free, pulumi.Output[zonewright.FreeSite])
    pulumi.ResourceOptions(depends_on=[node.resource, stack.admission, stack.deployment.completion])


def asked() -> float:
    """What a program asks the ledger."""
    assert_type(zonewright.get_node("web-001").addresses, Mapping[str, str])
    assert_type(zonewright.get_site("dc1").free, zonewright.FreeSite)
    assert_type(zonewright.find(watts=400), tuple[zonewright.FoundRoom, ...])
    return zonewright.get_capacity("dc1")["dc1"].rooms["a"].free_kg


def wrong_values() -> None:
    """Arguments of a stack are plain values, and sites have no places of nodes."""
    zonewright.Cluster(site="dc1", node_type="one-u", count=pulumi.Output.from_input(2))  # type: ignore[arg-type]
    zonewright.find(watts=400, cooling="water")  # type: ignore[arg-type]


rules: tuple[Rule, ...] = RULES
report: Mapping[str, object] = health.document(agent="a", version="1", boot_id="b", faults={})
assert_type(deploy(declared()), zonewright.Deployment)
