"""What of the ledger a party may read: texts by digest, entries of the journal, figures of findings.

A party reads what its own stacks wrote, and the files that are deployed at sites which it operates, now or by an
earlier step, because it brings them to hosts. The facts of others that a decision looked at it never reads.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, or_, select

from zonewright.ledger.deciding.party_facts import SNAPSHOT
from zonewright.ledger.protocol.journal_messages import WITHHELD
from zonewright.ledger.protocol.rights import Caller
from zonewright.ledger.protocol.rollout_messages import ROLLED_OUT
from zonewright.ledger.store.named_texts import REGISTERED
from zonewright.ledger.store.tables import admission, asset, change, deployed, enrolment, journal
from zonewright.ledger.store.texts import behind, get_content
from zonewright.rules.finding import Finding
from zonewright.rules.masking import without_sums

_VERDICTS = frozenset({"approved", "rejected"})
"""Entries that have the signer's party, and are about the plan of another."""
_BEFORE = "before.json"


def readable_digests(connection: Connection, caller: Caller, wanted: set[str]) -> set[str]:
    """Those of some digests whose texts a caller may read; the search ends when all are found.

    Args:
        connection: a transaction.
        caller: who asks.
        wanted: the digests.
    """
    if caller.sees_all:
        return wanted
    found: set[str] = set()
    for digests in _own(connection, caller):
        found |= digests & wanted
        if len(found) == len(wanted):
            break
    return found


def own_stacks(connection: Connection, caller: Caller) -> frozenset[str]:
    """The stacks of the caller's party, of those that it may touch: enrolled now, planned or admitted at any time."""
    columns = (
        select(enrolment.c.stack_id).where(enrolment.c.party == caller.party),
        select(change.c.stack_id).where(change.c.party == caller.party),
        select(admission.c.stack_id).where(admission.c.party == caller.party),
    )
    names = {name for query in columns for name in connection.execute(query.distinct()).scalars()}
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


def _own(connection: Connection, caller: Caller) -> Iterator[set[str]]:
    """Digests that a party may read, in the order in which it asks for them most."""
    stacks, sites = own_stacks(connection, caller), operated_sites(connection, caller)
    there = select(deployed).where(or_(deployed.c.stack_id.in_(stacks), deployed.c.site.in_(sites)))
    guests = set()
    for row in connection.execute(there).all():
        yield set(json.loads(row.files).values())
        guests |= {row.stack_id} - stacks
    newest = admission.c.admitted_at.desc()
    columns = (admission.c.stack_id, admission.c.party, admission.c.demand_digest, admission.c.rendered_digest)
    chosen = select(*columns).where(admission.c.stack_id.in_(stacks | guests)).order_by(newest)
    for one in connection.execute(chosen).all():
        if one.stack_id not in stacks:
            yield _files_at(connection, one.rendered_digest, sites)
        elif one.party == caller.party:  # a stack's id may have been another party's before
            yield {one.demand_digest, *behind(connection, one.rendered_digest)}
    plans = select(change.c.document).where(change.c.stack_id.in_(stacks), change.c.party == caller.party)
    for document in connection.execute(plans.order_by(change.c.number.desc())).scalars().all():
        yield _of_plan(connection, json.loads(document))
    runs = select(journal.c.payload).where(
        journal.c.kind == ROLLED_OUT, journal.c.stack_id.in_(stacks), journal.c.party == caller.party
    )
    for payload in connection.execute(runs.order_by(journal.c.sequence.desc())).scalars().all():
        yield {json.loads(payload)["record"]}


def _files_at(connection: Connection, manifest: str, sites: frozenset[str]) -> set[str]:
    files: dict[str, str] = json.loads(get_content(connection, manifest) or "{}")
    return {digest for path, digest in files.items() if path.split("/")[1:2][0] in sites}


def _of_plan(connection: Connection, plan: Mapping[str, Any]) -> set[str]:
    """What a plan names, but for the index of its snapshot, with the files before and after it."""
    files: dict[str, str] = plan["files"]
    named = {digest for path, digest in files.items() if path != SNAPSHOT} - {plan["snapshot"]}
    before = behind(connection, files.get(_BEFORE, ""))
    return named | {plan["demand_digest"]} | before | behind(connection, plan["rendered_digest"])


def entry_for(entry: dict[str, Any], caller: Caller, stacks: frozenset[str]) -> dict[str, Any]:
    """An entry of the journal as a caller may read it: of others' entries number and hashes only, so that it counts.

    Args:
        entry: the entry's fields.
        caller: who asks.
        stacks: the caller's own, see :func:`own_stacks`.
    """
    is_its_stacks = entry["stack_id"] in stacks if entry["stack_id"] else not caller.stacks
    is_its = is_its_stacks and (entry["party"] == caller.party or entry["kind"] in _VERDICTS)
    if caller.sees_all or is_its or entry["kind"] == REGISTERED:
        return entry
    kept = {name: entry[name] for name in ("sequence", "previous", "hash")}
    return {**kept, "at": "", "kind": WITHHELD, "stack_id": "", "party": "", "payload": {}}
