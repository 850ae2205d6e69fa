"""What the rules say of the resources of a stack: asked of the ledger, or by what the resources alone show."""

from collections.abc import Iterator, Sequence

from zonewright.ledger.deciding.authority import RULE as APPROVAL_RULE
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import EvaluateRequest
from zonewright.ledger.protocol.change import parse_place
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model.demand import Demand
from zonewright.model.expand import baseline_of_row, nodes_of, racks_of_row, with_supply
from zonewright.model.rack import Rack
from zonewright.model.rack_position import RackPosition
from zonewright.model.world import Occupant, World
from zonewright.place import change_world
from zonewright.policy.stack_resources import ADMITTED, ReadStack, StackResource, Violation
from zonewright.rules import RULES, evaluate, feeds, neighbours, phases, rooms, spread, supply, units
from zonewright.rules.finding import Finding

ALONE = frozenset(
    {
        rule.id
        for rule in (
            units.UNIT_RANGE,
            units.UNIT_OVERLAP,
            feeds.RACK_WEIGHT,
            feeds.FEED_CAPACITY,
            feeds.FEED_FAILOVER,
            phases.PHASE_LOAD,
            spread.SPREAD,
            neighbours.APART,
            neighbours.TOGETHER,
            supply.SINGLE_LOSS,
            supply.SUPPLY_RATING,
            rooms.ROOM_COOLING,
        )
    }
)
"""Rules of which a breach is one whatever others hold: what they hold only adds to it."""
BEYOND = tuple(rule.id for rule in RULES if rule.id not in ALONE)
"""All other rules: they need what only the ledger has."""
_DISTRICTS = "districts"  # which site is in which district, only the ledger knows


def refuses(finding: Finding) -> bool:
    """Whether a finding stands against the stack. What only lacks an approval is previewed, to be approved."""
    return finding.refuses and finding.rule != APPROVAL_RULE


def by_ledger(admission: StackResource, ledger: LedgerClient) -> tuple[Finding, ...]:
    """What the ledger finds on the change that an Admission stands for: the same as its preview. Nothing is written.

    Raises:
        LedgerError: what the ledger says.
        ValueError: when the Admission's places cannot be read.
    """
    inputs = admission.properties
    places = {name: parse_place(str(text)) for name, text in inputs["places"].items()}
    lineage = inputs.get("lineage")
    request = EvaluateRequest(
        stack_id=inputs["stackId"],
        party=inputs["party"],
        lineage=lineage if isinstance(lineage, str) else "",
        demand_digest=inputs["demandDigest"],
        seats={name: seat for name, (seat, _) in places.items()},
        addresses={name: addresses for name, (_, addresses) in places.items()},
        rendered_digest=inputs["renderedDigest"],
    )
    return tuple(ledger.call(verbs.EVALUATE, request).findings)


def by_resources(stack: ReadStack, *, party: str, stack_id: str) -> tuple[Finding, ...]:
    """What the rules find among the racks and nodes of the stack itself, without anything of others.

    Args:
        stack: what the resources show.
        party: whose stack it is.
        stack_id: its id.
    """
    racks: dict[str, Rack] = {}
    baseline: list[Occupant] = []
    for path, asset in stack.rows.items():
        site, room, row = path.split("/")
        racks |= {rack.id: rack for rack in racks_of_row(path, asset.row, owner=party, room=asset.room, accepts=True)}
        where = f"sites.{site}.rooms.{room}.rows.{row}"
        baseline += baseline_of_row(path, asset.row, owner=party, path=where)
    racks = with_supply(racks, {name: asset.site for name, asset in stack.sites.items()})
    demand = Demand(zone="unknown", zone_digest="", party=party, clusters=stack.clusters)
    world = change_world(
        World(racks=racks, occupants=tuple(baseline), clusters=()), demand, stack.seats, stack=stack_id
    )
    return tuple(one for one in evaluate(world) if one.rule in ALONE and one.unit != _DISTRICTS)


def placed(stack: ReadStack) -> dict[str, RackPosition]:
    """The places of the nodes whose cluster the stack shows: of the others nobody knows height, weight and draw."""
    names = {node.name for name, wanted in stack.clusters.items() for node in nodes_of(name, wanted.cluster)}
    return {name: seat for name, seat in stack.seats.items() if name in names}


def unadmitted(resources: Sequence[StackResource], stack: ReadStack) -> Iterator[Violation]:
    """Resources that are not part of an admission of the same stack, or stand where it did not admit them."""
    if stack.has_unread_admission:
        return  # a fault that is told already
    for resource in resources:
        if resource.kind not in ADMITTED:
            continue
        stack_id = resource.properties.get("stackId")
        admission = stack.admissions.get(stack_id) if isinstance(stack_id, str) else None
        if admission is None:
            yield Violation(
                urn=resource.urn,
                text=f"{resource.kind} {resource.name} has no Admission in this stack, so nothing has judged it; "
                "declare it with zonewright.deploy() or zonewright.Stack",
            )
        elif resource.kind == "Node":
            yield from _misplaced(resource, admission, stack)


def _misplaced(resource: StackResource, admission: StackResource, stack: ReadStack) -> Iterator[Violation]:
    name = resource.properties.get("claim")
    seat = stack.seats.get(name) if isinstance(name, str) else None
    if seat is None:
        return  # a fault that is told already
    if "places" not in admission.properties:
        return  # this run of the engine leaves the Admission out
    text = admission.properties["places"].get(name)
    admitted = None if text is None else parse_place(str(text))[0]
    if admitted != seat:
        where = "has no place of it" if admitted is None else f"has it at {admitted}"
        yield Violation(
            urn=resource.urn,
            text=f"node {name} would stand at {seat}, but the Admission of this stack {where}; declare it with "
            "zonewright.deploy() or zonewright.Stack",
        )
