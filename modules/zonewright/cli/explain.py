"""``zonewright explain``: why a node stands where it stands, and what stops it elsewhere."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli.options import add_format

if TYPE_CHECKING:
    from zonewright.place.explaining import Explanation


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``explain``."""
    parser = commands.add_parser(
        "explain",
        help="say why a node stands where it does",
        description=("Say why a node stands where it does, and which rule prevents each other rack of its site."),
    )
    parser.add_argument("node", metavar="NODE", help="name of the node, such as core-007")
    parser.add_argument("--stack", metavar="NAME", help=("take the node from this stack, and ask its ledger"))
    parser.add_argument("--zone", type=Path, metavar="FOLDER", help=("take the node from a zone's folder"))
    parser.add_argument(
        "--owner", metavar="PARTY", help=("the node's party, if several parties of the folder have one of this name")
    )
    add_format(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import GOOD, MISUSE, StoppedError, print_json

    if (arguments.zone is None) == (arguments.stack is None):
        raise StoppedError("give either --stack NAME or --zone FOLDER", code=MISUSE)
    if arguments.stack is not None and arguments.owner is not None:
        raise StoppedError("--owner goes with --zone; a stack has one owner", code=MISUSE)
    if arguments.zone is not None:
        found = _of_folder(arguments.zone, arguments.node, arguments.owner)
    else:
        found = _of_stack(arguments.stack, arguments.node)
    if arguments.format == "json":
        print_json(found.to_data())
    else:
        _print(found)
    return GOOD


def _of_folder(folder: Path, node: str, owner: str | None) -> "Explanation":
    from dataclasses import replace

    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.cli.zone import judged_folder, loaded_folder
    from zonewright.model.demand import demand_of
    from zonewright.model.rack_position import RackPosition
    from zonewright.place.explaining import explain, find_node

    judged, declaration = judged_folder(folder), loaded_folder(folder)
    if judged is None or declaration is None:
        raise StoppedError(f"{folder} has faults; see zonewright check {folder}", code=MISUSE)
    demands = {party: demand_of(declaration, party) for party in declaration.owners if owner in (None, party)}
    holders = [party for party, demand in demands.items() if find_node(demand, node) is not None]
    if len(holders) != 1:
        what = (
            f"{', '.join(holders)} have a node of this name; choose one with --owner"
            if holders
            else "no owner has a node of this name"
        )
        raise StoppedError(f"no single node {node} in {folder}: {what}", code=MISUSE)
    own = [item for item in judged.world.occupants if item.party == holders[0] and item.standing == "wanted"]
    seats = {item.name: RackPosition(item.rack, item.position, item.face) for item in own}
    others = tuple(item for item in judged.world.occupants if item.party != holders[0] or item.standing != "wanted")
    world = replace(judged.world, occupants=others, clusters=())
    found = explain(world, demands[holders[0]], seats, node, stack="")
    if found is None:
        raise StoppedError(f"no node {node} in {folder}", code=MISUSE)
    return found


def _of_stack(name: str, node: str) -> "Explanation":
    from zonewright.cli.connection import stack_and_ledger
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.declare.load import load_stack
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.capacity_messages import ExplainRequest
    from zonewright.model.demand import demand_of

    root, stack, ledger = stack_and_ledger(name, None)
    with ledger:
        loaded = load_stack(root / stack.declaration)
        if loaded.declaration is None or loaded.problems:
            raise StoppedError(f"{stack.declaration} has faults; see zonewright check --stack {name}", code=MISUSE)
        owner = next(iter(loaded.declaration.owners))
        demand = demand_of(loaded.declaration, owner)
        request = ExplainRequest(stack_id=stack.stack_id, party=owner, demand=demand, node=node)
        answer = ledger.call(verbs.EXPLAIN, request)
    if answer.explanation is None:
        raise StoppedError(f"stack {name} declares no node {node}", code=MISUSE)
    return answer.explanation


def _print(found: "Explanation") -> None:
    import textwrap

    from zonewright.cli.output import width
    from zonewright.rules.words import count_of

    place = f"is in {found.place}" if found.place else "has no place"
    print(textwrap.fill(f"{found.node} {place}: {found.why}.", width()))
    print("\nOther racks of its site:")
    for one in found.alternatives:
        line = f"{one.room}: {count_of(one.racks, 'rack')}, {one.reason}"
        print(textwrap.fill(line, width(), initial_indent="  ", subsequent_indent="      "))
        if one.nearest:
            text = f"nearest {one.nearest}"
            print(textwrap.fill(text, width(), initial_indent="      ", subsequent_indent="        "))
