"""``zonewright ledger offers``: what is offered, to whom, until when, and what stands in it."""

import argparse
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zonewright.ledger.protocol.offer_messages import OffersAnswer, OfferUse
    from zonewright.ledger.transport.client import LedgerClient

    Open = Callable[[argparse.Namespace], LedgerClient]


def add_verb(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", default: str, opened: "Open") -> None:
    """Add the verb.

    Args:
        verbs: those of ``zonewright ledger``.
        default: the ledger's URL where none is given.
        opened: opens the ledger that the arguments name.
    """
    text = "show what is offered, to whom, until when, and what stands in it"
    verb = verbs.add_parser("offers", help=text, description=text[0].upper() + text[1:] + ".")
    verb.add_argument("sites", nargs="*", metavar="SITE", help="only the offers of racks of these sites")
    verb.add_argument(
        "--ending", type=int, metavar="DAYS", help="only leases that end within so many days, or are over"
    )
    verb.add_argument("--ledger", default=default, metavar="URL", help=f"the ledger's URL (default: {default})")
    verb.add_argument("--format", choices=("text", "json"), default="text", help="how to print")
    verb.set_defaults(run=lambda arguments: _run(arguments, opened))


def _run(arguments: argparse.Namespace, opened: "Open") -> int:
    from zonewright.cli.output import MISUSE, StoppedError, print_json
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.offer_messages import OffersRequest

    if arguments.ending is not None and arguments.ending < 0:
        raise StoppedError(f"--ending: expected a number of days, 0 or more, got {arguments.ending}", code=MISUSE)
    with opened(arguments) as client:
        answer = client.call(verbs.OFFERS, OffersRequest(sites=arguments.sites))
    if arguments.ending is not None:
        answer = _ending(answer, arguments.ending)
    if arguments.format == "json":
        print_json(answer.model_dump())
    else:
        print("\n".join(_lines(answer)) or "the ledger has no such offer that you may see")
    return 0


def _ending(answer: "OffersAnswer", days: int) -> "OffersAnswer":
    """The leases that end within so many days, or are over; offers without one are left out."""
    kept = []
    for one in answer.offers:
        uses = [use for use in one.uses if use.days_left is not None and use.days_left <= days]
        kept += [one.model_copy(update={"uses": uses})] if uses else []
    return answer.model_copy(update={"offers": kept})


def _lines(answer: "OffersAnswer") -> "Iterator[str]":
    for one in answer.offers:
        for_whom = ", for all" if one.is_for_all else ""
        label = f", price class {one.price_class}" if one.price_class else ""
        yield f"{one.offer}: offered by {one.owner}{for_whom}{label}"
        for use in one.uses:
            yield f"  {use.party}: {_term(use, answer.on)}"
            yield f"    {_held(use)}"


def _term(use: "OfferUse", on: str) -> str:
    """How long a party may use an offer, in words."""
    from zonewright.rules.words import count_of

    if use.days_left is None:
        return "without an end" if use.may_use else "no term: it may bring nothing in, and what it has stays"
    more = f"; the next term begins on {use.next_begins}" if use.next_begins else ""
    if use.begins > on:
        return f"from {use.begins} to {use.ends}, not begun"
    if use.days_left < 0:
        return f"ended on {use.ends}, {count_of(-use.days_left, 'day')} ago{more}"
    return f"to {use.ends}, {count_of(use.days_left, 'day')} left{more}"


def _held(use: "OfferUse") -> str:
    """What a party has in an offer, in words."""
    from zonewright.rules.words import amount, count_of

    parts = []
    if use.nodes:
        parts += [count_of(use.nodes, "node"), amount(use.units, "U"), amount(use.draw_w, "W")]
    if use.links:
        parts.append(count_of(use.links, "link"))
    if use.cores:
        parts.append(count_of(use.cores, "core"))
    return ", ".join(parts) or "nothing in it"
