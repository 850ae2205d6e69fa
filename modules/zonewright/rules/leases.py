"""Leases of offers: who stands in one whose term ends soon, or is over."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from zonewright.model.lease import WARNED_DAYS, Term
from zonewright.model.world import Occupant
from zonewright.rules.finding import Participant
from zonewright.rules.offered import users_of
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View, participants_of
from zonewright.rules.words import count_of


def lease_term(view: View) -> Iterator[Breach]:
    """No node stands in an offer whose lease is over or ends soon."""
    due: dict[str, tuple[str, tuple[Term, ...]]] = {}
    for rack_id in view.in_rack:
        rack = view.racks.get(rack_id)
        for one in (rack.offers or ()) if rack is not None else ():
            if rack is not None and one.terms:
                due[one.key] = rack.owner, one.terms
    for key, (owner, terms) in sorted(due.items()):
        standing: dict[str, list[Occupant]] = defaultdict(list)
        for item in users_of(view.world, key):
            if item.standing not in {"releasing", "reserved"}:
                standing[item.party].append(item)
        for term in terms:
            if term.party in standing:
                yield _due(key, owner, term, standing[term.party])


LEASE_TERM = Rule(
    id="lease-term",
    title="No node stands in an offer whose lease is over, or ends within 30 days.",
    level="advisory",
    description=(
        "Nothing is freed by a date: a node that stands in an offer when its party's lease ends stays. The party and "
        "the operator are told from 30 days before, until the nodes have left or there is a next term. After the last "
        "day, offered-place refuses new nodes. Terms that follow each other without a gap are one. Value is the days "
        "that are left, negative after the end; the day is the ledger's, in UTC."
    ),
    unit="days",
    reference="the operator's offers, `leases` of an offer in its file",
    function=lease_term,
)


def _due(key: str, owner: str, term: Term, items: Sequence[Occupant]) -> Breach:
    nodes = participants_of(items)
    count = count_of(len(nodes), "node")
    verb = "stands" if len(nodes) == 1 else "stand"
    gap = f"; the next term begins on {term.next_begins}" if term.next_begins else ""
    wanted = "agree on a term that closes the gap" if gap else "agree on a next term"
    if term.is_over:
        said = (
            f"the lease of offer {key} ended on {term.ends}, {count_of(-term.days_left, 'day')} ago; {count} still "
            f"{verb} in it{gap}"
        )
        fix = f"move the {count} out of it, or {wanted}, which its operator adds to its leases"
    else:
        when = "today" if term.days_left == 0 else f"in {count_of(term.days_left, 'day')}"
        said = f"the lease of offer {key} ends on {term.ends}, {when}; {count} {verb} in it{gap}"
        fix = f"{wanted}, which its operator adds to its leases, or move the {count} until then"
    return Breach(
        subject=key,
        where=next((item.path for item in items if item.path), ""),
        message=said,
        value=term.days_left,
        limit=max(WARNED_DAYS),
        unit="days",
        excess=max(WARNED_DAYS) - term.days_left,
        participants=(*nodes, Participant(party=owner, name=key)),
        fix=fix,
    )
