"""``zonewright ledger find``, ``found`` and ``reconcile``: machines and states beside what the ledger has."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from zonewright.changes.reconciling import Mismatch
    from zonewright.ledger.protocol.found_messages import FoundRecord
    from zonewright.ledger.transport.client import LedgerClient

    Open = Callable[[argparse.Namespace], LedgerClient]


def add_verbs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", default: str, opened: "Open") -> None:
    """Add the verbs.

    Args:
        verbs: those of ``zonewright ledger``.
        default: the ledger's URL where none is given.
        opened: opens the ledger that the arguments name.
    """
    find = _verb(verbs, "find", "show where a host or an address stands, and what operators found of it", default)
    find.add_argument("subject", metavar="SUBJECT", help="name of a node, or an address")
    _add_format(find)
    find.set_defaults(run=lambda arguments: _find(arguments, opened))
    found = _verb(
        verbs,
        "found",
        "record that a machine was found where the ledger does not have it, or list such records",
        default,
    )
    found.add_argument("subject", nargs="?", metavar="SUBJECT", help="name, address, or what is written on the machine")
    found.add_argument("--party", help="the facility operator whose rack it is")
    found.add_argument("--rack", metavar="RACK", help="where it was found, such as dc1/a/01/02")
    found.add_argument("--unit", type=int, default=0, metavar="U", help="its lowest rack unit")
    found.add_argument("--why", metavar="TEXT", help="how it was found, or how the record was settled")
    found.add_argument("--contact", metavar="TEXT", help="who can say more")
    found.add_argument("--settle", type=int, default=0, metavar="NUMBER", help="say that this record is settled")
    found.add_argument("--list", action="store_true", dest="is_list", help="list the records that you may see")
    _add_format(found)
    found.set_defaults(run=lambda arguments: _found(arguments, opened))
    reconcile = _verb(
        verbs,
        "reconcile",
        "compare exported states of stacks with the ledger, and print the repair of each difference",
        default,
    )
    reconcile.add_argument(
        "--state", action="append", required=True, metavar="FILE", help="output of pulumi stack export; may be repeated"
    )
    _add_format(reconcile)
    reconcile.set_defaults(run=lambda arguments: _reconcile(arguments, opened))


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str, default: str
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    verb.add_argument("--ledger", default=default, metavar="URL", help=f"the ledger's URL (default: {default})")
    return verb


def _add_format(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--format", choices=("text", "json"), default="text", help="how to print")


def _find(arguments: argparse.Namespace, opened: "Open") -> int:
    from zonewright.cli.output import print_json
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.found_messages import FindRequest

    with opened(arguments) as client:
        answer = client.call(verbs.FIND, FindRequest(subject=arguments.subject))
    if arguments.format == "json":
        print_json(answer.model_dump())
        return 0
    for one in answer.stands:
        where = f" at {one.place}" if one.place and one.place != one.name else ""
        print(f"{one.kind} {one.name}{where}: {one.party}, stack {one.stack_id}, {one.state}")
    for record in answer.found:
        print(_line(record))
    if not (answer.stands or answer.found):
        print(f"nothing that you may see in the ledger is {arguments.subject}")
    return 0


def _line(one: "FoundRecord") -> str:
    """A record in one line."""
    settled = f"; settled {one.settled_at[:16]}Z: {one.settled_why}" if one.settled_at else ""
    claim = f", claim {one.claim} of stack {one.stack_id}" if one.claim else ""
    return (
        f"record {one.number}: {one.party} found {one.subject} at {one.rack} U{one.position} on {one.at[:16]}Z{claim}: "
        f"{one.why} ({one.contact}){settled}"
    )


def _found(arguments: argparse.Namespace, opened: "Open") -> int:
    from zonewright.cli.output import MISUSE, StoppedError, print_json
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.found_messages import FindRequest, FoundRequest

    if arguments.is_list:
        with opened(arguments) as client:
            records = client.call(verbs.FIND, FindRequest()).found
    else:
        needed = ("party", "why") if arguments.settle else ("subject", "party", "rack", "unit", "why", "contact")
        missing = [name if name == "subject" else f"--{name}" for name in needed if not getattr(arguments, name)]
        if missing:
            raise StoppedError(f"expected {', '.join(missing)}; nothing was recorded", code=MISUSE)
        request = FoundRequest(
            party=arguments.party,
            subject=arguments.subject or "",
            rack=arguments.rack or "",
            position=arguments.unit,
            why=arguments.why,
            contact=arguments.contact or "",
            settles=arguments.settle,
        )
        with opened(arguments) as client:
            records = [client.call(verbs.FOUND, request)]
    if arguments.format == "json":
        print_json({"found": [one.model_dump() for one in records]})
        return 0
    for one in records:
        print(_line(one))
    if not records:
        print("no operator has found anything that the ledger has otherwise")
    return 0


def _reconcile(arguments: argparse.Namespace, opened: "Open") -> int:
    from pathlib import Path

    from zonewright.changes.reconciling import mismatches
    from zonewright.cli.output import print_json
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.stack_messages import ReportRequest

    states = [_read(Path(path)) for path in arguments.state]
    found: list[Mismatch] = []
    with opened(arguments) as client:
        for state in states:
            report = client.call(verbs.REPORT, ReportRequest(stack_id=state.stack_id, data=False))
            found += mismatches(state, report)
    if arguments.format == "json":
        print_json({"stacks": [one.stack_id for one in states], "mismatches": [one.to_data() for one in found]})
        return 1 if found else 0
    for one in found:
        print(one)
    if not found:
        held = sum(len(one.held) for one in states)
        print(f"good: {held:,} claims and assets of {len(states):,} states are as in the ledger")
    return 1 if found else 0


def _read(path: "Path") -> "Any":
    """An exported state.

    Raises:
        StateError: when it cannot be read.
    """
    import json

    from zonewright.changes.reconciling import StateError, read_state
    from zonewright.errors import reason_of

    try:
        return read_state(json.loads(path.read_text(encoding="utf-8")), str(path))
    except OSError as error:
        raise StateError(f"{path}: {reason_of(error)}; nothing was compared") from error
    except ValueError as error:
        if isinstance(error, StateError):
            raise
        raise StateError(f"{path}: expected JSON of: pulumi stack export; nothing was compared") from error
