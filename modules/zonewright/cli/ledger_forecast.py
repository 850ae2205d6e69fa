"""``zonewright ledger forecast``: when power, energy, rack units and land of each district run out."""

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zonewright.ledger.protocol.exhaustion_messages import ExhaustionAnswer, ResourceForecast
    from zonewright.ledger.transport.client import LedgerClient

    Open = Callable[[argparse.Namespace], LedgerClient]


def add_verb(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", default: str, opened: "Open") -> None:
    """Add the verb.

    Args:
        verbs: those of ``zonewright ledger``.
        default: the ledger's URL where none is given.
        opened: opens the ledger that the arguments name.
    """
    verb = verbs.add_parser(
        "forecast",
        help="when power, energy, rack units and land of districts run out",
        description=(
            "Print what each district has, what is taken of it, and when it runs out: by the trend of the last year, "
            "with its interval, and by leases that begin later."
        ),
        epilog=(
            "Exit codes: 0 good, 1 something may run out within --within days, 2 misuse, 3 not decided, because "
            "nothing is known to run out by then and something has no trend yet."
        ),
    )
    verb.add_argument("districts", nargs="*", metavar="DISTRICT", help="only these districts")
    verb.add_argument(
        "--within", type=int, metavar="DAYS", help="exit with 1 if something may run out within so many days"
    )
    verb.add_argument("--ledger", default=default, metavar="URL", help=f"the ledger's URL (default: {default})")
    verb.add_argument("--format", choices=("text", "json"), default="text", help="how to print")
    verb.set_defaults(run=lambda arguments: _run(arguments, opened))


def _run(arguments: argparse.Namespace, opened: "Open") -> int:
    from zonewright.cli.output import GOOD, MISUSE, StoppedError, print_json
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.exhaustion_messages import ExhaustionRequest

    if arguments.within is not None and arguments.within < 0:
        raise StoppedError(f"--within: expected a number of days, 0 or more, got {arguments.within}", code=MISUSE)
    with opened(arguments) as client:
        answer = client.call(verbs.EXHAUSTION, ExhaustionRequest(districts=arguments.districts))
    if arguments.format == "json":
        print_json(answer.model_dump())
    else:
        print("\n".join(_lines(answer)) or "no district of the ledger has anything that could run out")
    return GOOD if arguments.within is None else _told_within(answer, arguments.within)


def _told_within(answer: "ExhaustionAnswer", within: int) -> int:
    """The exit code for what may run out in time; what has no trend yet is not known to last."""
    from zonewright.cli.output import GOOD, NOT_DECIDED, REFUSED

    if any(one.days_least is not None and one.days_least <= within for one in answer.resources):
        return REFUSED
    unknown = [f"{one.resource} of {one.district}" for one in answer.resources if one.growth_a_year is None]
    if not unknown:
        return GOOD
    print(f"not decided, because no trend is known yet: {', '.join(unknown)}", file=sys.stderr)
    return NOT_DECIDED


def _lines(answer: "ExhaustionAnswer") -> "Iterator[str]":
    district = ""
    for one in answer.resources:
        if one.district != district:
            district = one.district
            yield district
        yield f"  {one.resource:<32} {_amount(one.used)} of {_amount(one.limit)} {one.unit}{_growth(one)}"
        yield f"    {_end(one)}"


def _growth(one: "ResourceForecast") -> str:
    later = f", {_amount(one.promised)} {one.unit} by leases that begin later" if one.promised else ""
    if one.growth_a_year is None or one.growth_low is None or one.growth_high is None:
        return later
    between = f"{_amount(one.growth_low)} to {_amount(one.growth_high)}"
    return f", +{_amount(one.growth_a_year)} {one.unit} a year ({between}, by {one.days_known} days){later}"


def _end(one: "ResourceForecast") -> str:
    if one.days_left == 0:
        return "all of it is taken"
    if one.growth_a_year is None:
        first = f"; by leases alone on {one.day_earliest}" if one.day_earliest else ""
        return f"no trend: less than 90 days of history{first}"
    earliest = one.day_earliest or "not within 20 years"
    if not one.day_earliest:
        return "does not run out within 20 years"
    day = one.day or "not within 20 years"
    return f"runs out {day} (earliest {earliest}, latest {one.day_latest or 'not within 20 years'})"


def _amount(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")
