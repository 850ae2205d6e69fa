"""What of the ledger a party may read: texts by digest, entries of the journal, figures of findings.

A party reads what its own stacks wrote, and the files that are deployed at sites which it operates, now or by an
earlier step, because it brings them to hosts. The facts of others that a decision looked at it never reads.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, exists, or_, select

from zonewright.ledger.deciding.party_facts import SNAPSHOT
from zonewright.ledger.protocol.change_messages import Plan
from zonewright.ledger.protocol.journal_messages import WITHHELD
from zonewright.ledger.protocol.rights import Caller
from zonewright.ledger.protocol.rollout_messages import ROLLED_OUT
from zonewright.ledger.store.brought import brought_by, of_party
from zonewright.ledger.store.named_texts import REGISTERED
from zonewright.ledger.store.tables import admission, asset, change, deployed, enrolment, journal, verdict
from zonewright.ledger.store.texts import behind, files_at, files_of, get_content
from zonewright.rules.finding import Finding
from zonewright.rules.masking import without_sums

_VERDICTS = frozenset({"approved", "rejected"})
"""Entries that have the signer's party, and are about the plan of another."""
_BEFORE = "before.json"
NEWEST = 300
"""Admissions of each stack, plans and roll-outs that are looked through for a text; a plan that is named always is."""


def readable_digests(connection: Connection, caller: Caller, wanted: set[str], *, plan: str = "") -> set[str]:
    """Those of some digests whose texts a caller may read; the search ends when all are found.

    Args:
        connection: a transaction.
        caller: who asks.
        wanted: the digests.
        plan: digest of a plan of its own that names them, if that is known: then it is looked at first.
    """
    if caller.sees_all:
        return wanted
    found: set[str] = set()
    for digests in _own(connection, caller, plan):
        found |= digests & wanted
        if len(found) == len(wanted):
            break
    return found


def foreign(connection: Connection, caller: Caller, named: Collection[str], *, now: str) -> set[str]:
    """Those of some digests that a caller may not name in a change: it has not brought them, and may not read them.

    Whether the ledger has them makes no difference, so that nobody finds out by asking.

    Args:
        connection: a transaction.
        caller: who asks.
        named: digests of texts.
        now: the moment, as the tables hold it.
    """
    if caller.sees_all:
        return set()
    open_ = set(named) - brought_by(connection, named, of_party(caller.party), now=now)
    return open_ - readable_digests(connection, caller, open_) if open_ else set()


def own_stacks(connection: Connection, caller: Caller) -> frozenset[str]:
    """The stacks of the caller's party that are enrolled now, of those that it may touch."""
    query = select(enrolment.c.stack_id).where(enrolment.c.party == caller.party)
    names = set(connection.execute(query).scalars())
    return frozenset(names & caller.stacks if caller.stacks else names)


def operated_sites(connection: Connection, caller: Caller) -> frozenset[str]:
    """The sites that the caller's party operates; none for a principal of some stacks, who brings nothing to hosts."""
    if caller.stacks:
        return frozenset()
    sites = select(asset.c.name).where(asset.c.kind == "site", asset.c.party == caller.party)
    return frozenset(connection.execute(sites).scalars())


@dataclass(frozen=True, slots=True, kw_only=True)
class SumsFor:
    """Whose claims a reader may know the sum of.

    Attributes:
        party: its own; empty for one who may know all.
        operated: ids of the sites at which it may know all.
    """

    party: str = ""
    operated: frozenset[str] = frozenset()

    def is_known(self, site: str, party: str) -> bool:
        """Whether what a party has at a site is known to the reader."""
        return self.party in ("", party) or site in self.operated


def sums_for(connection: Connection, caller: Caller) -> SumsFor:
    """Whose claims a caller may know the sum of."""
    if caller.sees_all:
        return SumsFor()
    return SumsFor(party=caller.party, operated=operated_sites(connection, caller))


def findings_for(connection: Connection, caller: Caller, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings without the sums of racks that are shared; who operates the rack, or oversees, gets exact figures.

    Args:
        connection: a transaction.
        caller: who asks.
        findings: as the acting party may read them.
    """
    if caller.sees_all:
        return tuple(findings)
    operated = operated_sites(connection, caller)
    return tuple(one if one.subject.partition("/")[0] in operated else without_sums(one) for one in findings)


def of_caller(table: Table, caller: Caller) -> ColumnElement[bool]:
    """The condition that a row of a party's and stack's is the caller's: an id may have been another party's before.

    Args:
        table: one with the columns ``party`` and ``stack_id``.
        caller: who asks.
    """
    own = table.c.party == caller.party
    return and_(own, table.c.stack_id.in_(sorted(caller.stacks))) if caller.stacks else own


def _own(connection: Connection, caller: Caller, plan: str) -> Iterator[set[str]]:
    """Digests that a party may read, in the order in which it asks for them most."""
    sites = operated_sites(connection, caller)
    if plan:
        mine = select(change.c.document).where(change.c.plan == plan, of_caller(change, caller))
        for document in connection.execute(mine).scalars():
            yield _of_plan(connection, json.loads(document))
    stacks = own_stacks(connection, caller)
    there = select(deployed).where(or_(deployed.c.stack_id.in_(stacks), deployed.c.site.in_(sites)))
    guests = set()
    for row in connection.execute(there).all():
        yield set(json.loads(row.files).values())
        guests |= {row.stack_id} - stacks
    columns = (admission.c.demand_digest, admission.c.rendered_digest)
    newest = select(*columns).order_by(admission.c.admitted_at.desc()).limit(NEWEST)
    its = of_caller(admission, caller)
    for name in connection.execute(select(admission.c.stack_id).where(its).distinct()).scalars().all():
        for one in connection.execute(newest.where(its, admission.c.stack_id == name)).all():
            yield {one.demand_digest, *behind(connection, one.rendered_digest)}
    for name in sorted(guests):
        for one in connection.execute(newest.where(admission.c.stack_id == name)).all():
            yield set(files_at(files_of(get_content(connection, one.rendered_digest)), sites).values())
    plans = select(change.c.document).where(of_caller(change, caller)).order_by(change.c.number.desc()).limit(NEWEST)
    for document in connection.execute(plans).scalars().all():
        yield _of_plan(connection, json.loads(document))
    runs = select(journal.c.payload).where(journal.c.kind == ROLLED_OUT, of_caller(journal, caller))
    for payload in connection.execute(runs.order_by(journal.c.sequence.desc()).limit(NEWEST)).scalars().all():
        yield {json.loads(payload)["record"]}


def _of_plan(connection: Connection, plan: Mapping[str, Any]) -> set[str]:
    """What a plan names, but for the index of its snapshot, with the files before and after it."""
    files: dict[str, str] = plan["files"]
    named = {digest for path, digest in files.items() if path != SNAPSHOT} - {plan["snapshot"]}
    before = behind(connection, files.get(_BEFORE, ""))
    return named | {plan["demand_digest"]} | before | behind(connection, plan["rendered_digest"])


def foreign_in(connection: Connection, caller: Caller, plan: Plan, *, now: str) -> set[str]:
    """What a plan names and its party may not. A manifest that is foreign is not opened: nothing of it is told.

    Args:
        connection: a transaction.
        caller: who asks.
        plan: the plan.
        now: the moment, as the tables hold it.
    """
    named = {digest for path, digest in plan.files.items() if path != SNAPSHOT} - {plan.snapshot}
    named |= {plan.demand_digest, plan.rendered_digest}
    found = foreign(connection, caller, named, now=now)
    return found or foreign(connection, caller, _of_plan(connection, plan.model_dump()), now=now)


def own_entries(caller: Caller) -> ColumnElement[bool]:
    """The condition that an entry of the journal is told to a caller in full."""
    its_plan = and_(change.c.plan == verdict.c.plan, change.c.stack_id == journal.c.stack_id, of_caller(change, caller))
    on_own_plan = exists().where(its_plan, verdict.c.received_at == journal.c.at)
    verdicts = and_(journal.c.kind.in_(_VERDICTS), on_own_plan)
    return or_(journal.c.kind == REGISTERED, of_caller(journal, caller), verdicts)


def withheld(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry about another party, as its reader gets it: number and hashes only, so that it can follow the chain.

    Args:
        entry: the entry's fields.
    """
    kept = {name: entry[name] for name in ("sequence", "previous", "hash")}
    return {**kept, "at": "", "kind": WITHHELD, "stack_id": "", "party": "", "payload": {}}
