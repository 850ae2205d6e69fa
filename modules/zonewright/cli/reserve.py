"""``zonewright reserve``: hold places for days, before the change that needs them is ready."""

import argparse
import re
from typing import TYPE_CHECKING

from zonewright.cli.options import add_format

if TYPE_CHECKING:
    from zonewright.ledger.protocol.reservation_messages import RackWish, ReservationRecord
    from zonewright.ledger.transport.client import LedgerClient

_DAYS = re.compile(r"^([1-9][0-9]{0,2})(d|w)$")
_KILO = 1000


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``reserve``."""
    parser = commands.add_parser(
        "reserve",
        help="hold places for days, before the change that needs them is ready",
        description=(
            "Hold places for a stack until a day: those that its declaration needs, or whole empty racks. The "
            "admission of exactly that change converts them. Else they end by themselves."
        ),
    )
    _add_stack(parser, is_required=False)
    _add_end(parser, is_required=False)
    parser.add_argument("--racks", type=int, metavar="N", help="hold so many empty racks, not what is declared")
    parser.add_argument("--kw", type=float, metavar="KW", help="with --racks: IT power of all of them together")
    parser.add_argument("--site", metavar="SITE", help="with --racks: the site")
    parser.add_argument(
        "--room", action="append", default=[], metavar="ROOM", help="with --racks: only this room; may be repeated"
    )
    parser.add_argument(
        "--cooling",
        choices=("air", "liquid", "hybrid", "immersion"),
        default="air",
        help="with --racks: how they are cooled (default: air)",
    )
    add_format(parser)
    parser.set_defaults(run=_reserve)
    verbs = parser.add_subparsers(metavar="VERB")
    show = _verb(verbs, "list", "show what is reserved for days, and until when")
    _add_stack(show, is_required=False)
    add_format(show)
    show.set_defaults(run=_list)
    renew = _verb(verbs, "renew", "give a stack's reservation another end, counted from now")
    _add_stack(renew)
    _add_end(renew)
    renew.set_defaults(run=_renew)
    free = _verb(verbs, "free", "give up a stack's reservation")
    _add_stack(free, is_required=False)
    free.add_argument("--stack-id", metavar="ID", help="instead of --stack: the id of a stack of another checkout")
    free.add_argument("--why", metavar="TEXT", required=True, help="the reason, for the journal")
    free.set_defaults(run=_free)


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    return verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")


def _add_stack(parser: argparse.ArgumentParser, *, is_required: bool = True) -> None:
    parser.add_argument("--stack", metavar="NAME", required=is_required, help="the stack, as its Pulumi.NAME.yaml says")
    parser.add_argument("--ledger", metavar="URL", help="the ledger's URL (default: that of the stack)")


def _add_end(parser: argparse.ArgumentParser, *, is_required: bool = True) -> None:
    parser.add_argument(
        "--for", dest="days", type=_days, metavar="TIME", required=is_required, help="how long, such as 90d or 12w"
    )
    parser.add_argument("--why", metavar="TEXT", required=is_required, help="the reason, for the journal")


def _days(text: str) -> int:
    """A time as days."""
    match = _DAYS.match(text)
    if match is None:
        message = f"expected a number of days or weeks such as 90d or 12w, got '{text}'"
        raise argparse.ArgumentTypeError(message)
    return int(match[1]) * (7 if match[2] == "w" else 1)


def _open(arguments: argparse.Namespace) -> "LedgerClient":
    """The ledger that is named, that of the stack, or the one of this checkout."""
    from pathlib import Path

    from zonewright.cli.access import DEFAULT
    from zonewright.cli.connection import open_ledger, stack_and_ledger
    from zonewright.declare.stack_file import project_root

    if arguments.stack:
        return stack_and_ledger(arguments.stack, arguments.ledger)[2]
    return open_ledger(arguments.ledger or DEFAULT, project_root(Path.cwd()))


def _require(arguments: argparse.Namespace, *names: str) -> None:
    """Stop where an option is missing that this use needs."""
    from zonewright.cli.output import MISUSE, StoppedError

    missing = [f"--{'for' if name == 'days' else name}" for name in names if getattr(arguments, name) is None]
    if missing:
        raise StoppedError(f"expected {', '.join(missing)}; nothing was reserved", code=MISUSE)


def _reserve(arguments: argparse.Namespace) -> int:
    from zonewright.cli.connection import stack_and_ledger
    from zonewright.cli.output import print_json
    from zonewright.declare.load import load_stack
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.reservation_messages import ReserveRequest
    from zonewright.model.demand import demand_of
    from zonewright.rules.words import count_of

    _require(arguments, "stack", "days", "why")
    wish = _wish(arguments)
    root, stack, client = stack_and_ledger(arguments.stack, arguments.ledger)
    with client:
        loaded = load_stack(root / stack.declaration)
        if loaded.declaration is None or loaded.problems:
            for problem in loaded.problems:
                print(problem)
            return 1
        owner = next(iter(loaded.declaration.owners))
        request = ReserveRequest(
            stack_id=stack.stack_id,
            party=owner,
            days=arguments.days,
            why=arguments.why,
            demand=None if wish is not None else demand_of(loaded.declaration, owner),
            racks=wish,
            sources=loaded.declaration.sources_of(owner),
        )
        answer = client.call(verbs.RESERVE, request)
    if arguments.format == "json":
        print_json(answer.model_dump(mode="json"))
        return 0
    held = f"{answer.units:,} U and {answer.watts / _KILO:,.1f} kW in {count_of(len(answer.racks), 'rack')}"
    if answer.links:
        held = f"{held}, bores and cores for {count_of(len(answer.links), 'link')}"
    print(f"reserved until {answer.until[:16]}Z: {held}")
    for finding in answer.findings:
        print(f"note: {finding.rule}: {finding.message}")
    return 0


def _wish(arguments: argparse.Namespace) -> "RackWish | None":
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.ledger.protocol.reservation_messages import RackWish

    if arguments.racks is None:
        if arguments.kw is not None or arguments.site is not None or arguments.room:
            raise StoppedError("--kw, --site and --room need --racks; nothing was reserved", code=MISUSE)
        return None
    _require(arguments, "kw", "site")
    if not 1 <= arguments.racks <= 1000 or not 0 < arguments.kw <= 200 * arguments.racks:  # noqa: PLR2004 - in the text
        text = f"expected 1 to 1000 racks with up to 200 kW each, got {arguments.racks} with {arguments.kw:g} kW"
        raise StoppedError(f"{text}; nothing was reserved", code=MISUSE)
    return RackWish(
        site=arguments.site,
        racks=arguments.racks,
        watts=max(1, round(arguments.kw * _KILO)),
        rooms=arguments.room,
        cooling=arguments.cooling,
    )


def _renew(arguments: argparse.Namespace) -> int:
    from zonewright.cli.connection import stack_and_ledger
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.reservation_messages import RenewRequest

    _, stack, client = stack_and_ledger(arguments.stack, arguments.ledger)
    with client:
        request = RenewRequest(stack_id=stack.stack_id, days=arguments.days, why=arguments.why)
        answer = client.call(verbs.RENEW, request)
    print(f"reserved until {answer.until[:16]}Z")
    return 0


def _free(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.declare.stack_file import project_root, read_stack_file
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.reservation_messages import FreeRequest

    if (arguments.stack is None) == (arguments.stack_id is None):
        raise StoppedError("expected --stack or --stack-id, and not both; nothing was freed", code=MISUSE)
    stack_id = arguments.stack_id or read_stack_file(project_root(Path.cwd()), arguments.stack).stack_id
    with _open(arguments) as client:
        client.call(verbs.FREE, FreeRequest(stack_id=stack_id, why=arguments.why))
    print(f"stack {stack_id} has nothing reserved any more")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import print_json
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.reservation_messages import ReservationsRequest

    with _open(arguments) as client:
        answer = client.call(verbs.RESERVATIONS, ReservationsRequest())
    if arguments.format == "json":
        print_json(answer.model_dump(mode="json"))
        return 0
    for one in answer.reservations:
        print(_line(one))
    if not answer.reservations:
        print("nothing is reserved for days")
    return 0


def _line(one: "ReservationRecord") -> str:
    """A reservation in one line, as far as its reader may see it."""
    until = f"until {one.until[:16]}Z"
    if not one.party:
        return f"{one.site}: reserved for another party {until}"
    what = "in whole racks" if one.is_of_racks else "in racks"
    held = f"{one.units or 0:,} U and {(one.watts or 0) / _KILO:,.1f} kW {what} {', '.join(one.racks)}"
    if not one.racks:
        held = f"bores and cores for {', '.join(one.links)}" if one.links else "names of what will be built"
    whose = f"{one.party} ({one.contact})" if one.contact else one.party
    told = f", stack {one.stack_id}: {one.why}" if one.stack_id else ""
    return f"{one.site}: {held}, {until}, {whose}{told}"
