"""``zonewright drain``: who must move where so that racks are empty, and who has."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli.options import add_format

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from zonewright.place.draining import DrainPlan, DrainStep, DrainStuck

PLAN = "plan.json"


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``drain``."""
    parser = commands.add_parser(
        "drain",
        help="find how racks are emptied, and track it",
        description=(
            "Find who must move where so that racks, rows or rooms are empty, or that nobody needs a feed, in changes "
            "of which every state is admissible. With --output, write the declaration that each party commits; with "
            "--track, show which moves are done. Nothing is changed."
        ),
    )
    parser.add_argument("subjects", nargs="*", metavar="WHAT", help="racks, rows, rooms, feeds or panels, as in outage")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write plan.json and a file for each change")
    parser.add_argument("--track", type=Path, metavar="FOLDER", help="compare a plan that was written with what stands")
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("--zone", type=Path, metavar="ZONE", help="ask a zone's folder instead of a ledger")
    asked.add_argument("--ledger", metavar="URL", help="the ledger's URL (default: the file of this checkout)")
    add_format(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import MISUSE, StoppedError

    if (arguments.track is None) == (not arguments.subjects):
        raise StoppedError("expected what is to be drained, or --track FOLDER of an earlier plan", code=MISUSE)
    if arguments.track is not None and arguments.output is not None:
        raise StoppedError("--output goes with a new plan; --track only reads", code=MISUSE)
    return _track(arguments) if arguments.track is not None else _plan(arguments)


def _plan(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from zonewright.cli.output import GOOD, REFUSED, print_json

    plan = _of_folder(arguments) if arguments.zone else _of_ledger(arguments)
    if plan is None:
        return REFUSED
    if arguments.output is not None:
        _write(plan, arguments.output)
    if arguments.format == "json":
        print_json(asdict(plan))
    else:
        for line in _plan_lines(plan, arguments.output):
            print(line)
    return REFUSED if plan.stuck else GOOD


def _of_folder(arguments: argparse.Namespace) -> "DrainPlan | None":
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.cli.zone import judged_folder, loaded_folder
    from zonewright.model.demand import demand_of
    from zonewright.model.rack_position import RackPosition
    from zonewright.own_rules import evaluate_trusted
    from zonewright.place.draining import StandingStack, drain
    from zonewright.rules.lost import UnknownSubjectError, to_drain

    declaration = loaded_folder(arguments.zone)
    judged = judged_folder(arguments.zone) if declaration is not None else None
    if judged is None or declaration is None:
        return None
    seats: dict[str, dict[str, RackPosition]] = {owner: {} for owner in declaration.owners}
    for item in judged.world.occupants:
        if item.standing == "wanted":
            seats[item.party][item.name] = RackPosition(item.rack, item.position, item.face)
    stacks = [
        StandingStack(party=owner, stack="", demand=demand_of(declaration, owner), seats=found)
        for owner, found in seats.items()
        if found
    ]
    try:
        return drain(judged.world, stacks, to_drain(judged.world, arguments.subjects), judge=evaluate_trusted)
    except UnknownSubjectError as error:
        raise StoppedError(str(error), code=MISUSE) from None


def _of_ledger(arguments: argparse.Namespace) -> "DrainPlan":
    from zonewright.cli.connection import open_ledger
    from zonewright.cli.ledger import DEFAULT
    from zonewright.declare.stack_file import project_root
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.outage_messages import DrainRequest

    with open_ledger(arguments.ledger or DEFAULT, project_root(Path.cwd()), create=False) as client:
        return client.call(verbs.DRAIN, DrainRequest(subjects=arguments.subjects)).plan


def _write(plan: "DrainPlan", folder: Path) -> None:
    import json
    from dataclasses import asdict

    from zonewright.cli.output import MISUSE, ending_with
    from zonewright.place.draining import step_text

    with ending_with(MISUSE):
        folder.mkdir(parents=True, exist_ok=True)
        for number, step in enumerate(plan.steps, start=1):
            text = "".join(f"{line}\n" for line in step_text(step))
            (folder / f"{number:02}-{step.party}.yaml").write_text(text, encoding="utf-8")
        document = json.dumps({"version": 1, **asdict(plan)}, indent=2) + "\n"
        (folder / PLAN).write_text(document, encoding="utf-8")


def _plan_lines(plan: "DrainPlan", folder: Path | None) -> "Iterator[str]":
    from zonewright.rules.words import count_of

    for label in plan.drained:
        yield f"drain: {label}"
    for number, step in enumerate(plan.steps, start=1):
        yield ""
        file = f", {folder / f'{number:02}-{step.party}.yaml'}" if folder is not None else ""
        yield from _wrapped(f"{number}. {step.party}: {count_of(len(step.moves), 'node')}{file}", "")
        for move in step.moves:
            yield from _wrapped(f"{move.node}: {move.old} -> {move.new}", "   ")
    if plan.stuck:
        yield ""
        yield f"{len(plan.stuck):,} cannot be moved:"
        for line in _stuck_lines(plan.stuck):
            yield from _wrapped(line, "   ")
    yield ""
    moves = sum(len(step.moves) for step in plan.steps)
    if not (moves or plan.stuck or plan.hidden):
        yield "nobody has to move"
        return
    hidden = f", and {plan.hidden:,} of others" if plan.hidden else ""
    judged = f"{count_of(plan.states, 'state')} judged"
    yield f"{count_of(moves, 'move')} in {count_of(len(plan.steps), 'change')}{hidden}; {judged}"


def _stuck_lines(stuck: "Sequence[DrainStuck]") -> "Iterator[str]":
    """What cannot be moved; who cannot for the same reason is told together."""
    from zonewright.rules.words import count_of, listed

    alike: dict[tuple[str, str], list[DrainStuck]] = {}
    for one in stuck:
        alike.setdefault((one.party, one.why), []).append(one)
    for (party, why), group in alike.items():
        if len(group) == 1:
            yield f"{group[0].place} {party} {group[0].node}: {why}"
        else:
            names = listed([f"{one.node} at {one.place}" for one in group])
            yield f"{count_of(len(group), 'node')} of {party}, {names}: {why}"


def _wrapped(text: str, indent: str) -> "list[str]":
    import textwrap

    from zonewright.cli.output import width

    return textwrap.wrap(
        text, width(), initial_indent=indent, subsequent_indent=f"{indent}    ", break_on_hyphens=False
    )


def _track(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import GOOD, REFUSED, print_json
    from zonewright.rules.words import count_of, listed

    steps = _read(arguments.track / PLAN)
    racks = {place.rack for step in steps for move in step.moves for place in (move.old, move.new)}
    stands = _standing_in_folder(arguments.zone) if arguments.zone else _standing(arguments, sorted(racks))
    rows = []
    for number, step in enumerate(steps, start=1):
        found: dict[str, list[str]] = {"done": [], "waiting": [], "elsewhere": []}
        for move in step.moves:
            present = stands.get((step.party, move.node), set())
            state = "waiting" if move.old.rack in present else "elsewhere"
            found["done" if present == {move.new.rack} else state].append(move.node)
        rows.append((number, step.party, found))
    left = sum(len(found["waiting"]) for _, _, found in rows)
    if arguments.format == "json":
        print_json({"changes": [{"change": number, "party": party, **found} for number, party, found in rows]})
        return REFUSED if left else GOOD
    for number, party, found in rows:
        parts = [f"{len(names)} {state}" for state, names in found.items() if names]
        who = f" ({listed(found['waiting'])})" if found["waiting"] else ""
        for line in _wrapped(f"{number}. {party}: {', '.join(parts)}{who}", ""):
            print(line)
    print(f"\n{count_of(left, 'node')} left" if left else "\nall have moved")
    return REFUSED if left else GOOD


def _read(path: Path) -> "tuple[DrainStep, ...]":
    import json

    from pydantic import TypeAdapter

    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.errors import reason_of
    from zonewright.place.draining import DrainPlan

    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        data.pop("version", None)
        return TypeAdapter(DrainPlan).validate_json(json.dumps(data)).steps
    except OSError as error:
        raise StoppedError(f"{path}: {reason_of(error)}", code=MISUSE) from None
    except (ValueError, AttributeError, TypeError):
        raise StoppedError(f"{path}: expected plan.json of: zonewright drain --output FOLDER", code=MISUSE) from None


def _standing_in_folder(folder: Path) -> "Mapping[tuple[str, str], set[str]]":
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.cli.zone import judged_folder

    judged = judged_folder(folder)
    if judged is None:
        raise StoppedError(f"{folder} has faults; see zonewright check {folder}", code=MISUSE)
    found: dict[tuple[str, str], set[str]] = {}
    for item in judged.world.occupants:
        found.setdefault((item.party, item.name), set()).add(item.rack)
    return found


def _standing(arguments: argparse.Namespace, racks: "list[str]") -> "Mapping[tuple[str, str], set[str]]":
    from zonewright.cli.connection import open_ledger
    from zonewright.cli.ledger import DEFAULT
    from zonewright.declare.stack_file import project_root
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.who_messages import WhoRequest

    found: dict[tuple[str, str], set[str]] = {}
    with open_ledger(arguments.ledger or DEFAULT, project_root(Path.cwd()), create=False) as client:
        for rack in racks:
            for one in client.call(verbs.WHO, WhoRequest(subject=rack)).found:
                if one.kind == "node":
                    found.setdefault((one.party, one.name), set()).add(rack)
    return found
