"""``zonewright pue signed``: how far the readings of agents are signed, and a file of what one of them signed."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli.options import add_format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zonewright.audit.evidence.signed_file import FiledSeal, SignedBatch, SignedFile
    from zonewright.ledger.protocol.journal_messages import JournalEntry
    from zonewright.ledger.store.context import Context
    from zonewright.telemetry.chains import ChainEvent, Chains, ChainStanding

_LATE_NS = 30 * 60 * 10**9
"""Three heads did not come."""


def add_signed(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", ledger: str) -> None:
    """Add the verb ``signed``; ``ledger`` is the default URL."""
    signed = verbs.add_parser(
        "signed",
        help="show how far the readings of agents are signed",
        description=(
            "Show for each agent until when its batches are signed by the host's own key, since when they are not, and "
            "what was out of the ordinary: gaps, forks, heads that do not count, other keys. With --agent and --out it "
            "writes what one agent signed to a file, which 'zonewright audit telemetry' verifies without a server. Of "
            "entries of the journal that are about other things, the file has the hashes alone."
        ),
        epilog="Exit codes: 0 all are signed, 1 an agent's are not since more than half an hour, 2 misuse.",
    )
    signed.add_argument("--agent", metavar="AGENT", help="this agent alone, with all events that are kept")
    signed.add_argument("--out", type=Path, metavar="FILE", help="write what it signed to this file, such as gw.xz")
    signed.add_argument(
        "--whole-journal",
        action="store_true",
        help="with --out: entries about other things, too, which rule out that one of them revoked the key",
    )
    signed.add_argument("--ledger", default=ledger, metavar="URL", help=f"the ledger (default: {ledger})")
    add_format(signed)
    signed.set_defaults(run=_signed)


def _signed(arguments: argparse.Namespace) -> int:
    from zonewright.cli.connection import measuring_ledger
    from zonewright.cli.output import GOOD, MISUSE, REFUSED, StoppedError
    from zonewright.telemetry.chains import Chains

    if arguments.out is not None and arguments.agent is None:
        raise StoppedError("--out: expected --agent too: a file is of one agent", code=MISUSE)
    if arguments.whole_journal and arguments.out is None:
        raise StoppedError("--whole-journal: it is for --out; add the file, or leave it out", code=MISUSE)
    with measuring_ledger(arguments.ledger) as context:
        if context is None or context.samples is None or not context.samples.is_there():
            raise StoppedError(f"there are no samples beside {arguments.ledger}", code=REFUSED)
        chains = Chains(context.samples)
        standings = [one for one in chains.standings() if arguments.agent in (None, one.agent)]
        if not standings:
            whose = arguments.agent or "any agent"
            raise StoppedError(
                f"no chained batches of {whose} came in: expected an agent with a key_file, of this version or later",
                code=REFUSED,
            )
        _show(standings, chains, arguments)
        if arguments.out is not None:
            _export(context, chains, arguments)
    late = [one for one in standings if one.since_ns is not None and one.newest_ns - one.since_ns > _LATE_NS]
    return REFUSED if late else GOOD


def _show(standings: "list[ChainStanding]", chains: "Chains", arguments: argparse.Namespace) -> None:
    from dataclasses import asdict

    from zonewright.cli.output import print_json

    events = chains.events(arguments.agent)
    if arguments.format == "json":
        print_json({"agents": [asdict(one) for one in standings], "events": [dict(one._asdict()) for one in events]})
        return
    for one in standings:
        until = "never signed" if one.signed_ns is None else f"signed until {_moment(one.signed_ns)}"
        since = (
            "" if one.since_ns is None else f"; authenticated since {_moment(one.since_ns)} ({one.unsigned:,} batches)"
        )
        print(f"{one.agent:<24} {until}{since}")
    shown = events if arguments.agent is not None else _last(events)
    for event in shown:
        print(f"  {_moment(event.received_ns)} {event.agent}: {event.kind}: {event.told}")


def _last(events: "list[ChainEvent]") -> "list[ChainEvent]":
    """The last events that are more than the begin of a chain."""
    return [one for one in events if one.kind != "begun"][-20:]


def _moment(time_ns: int) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(time_ns // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _export(context: "Context", chains: "Chains", arguments: argparse.Namespace) -> None:
    from zonewright.audit.evidence.signed_file import write_signed
    from zonewright.ledger.verbs.sealing import seal_chains

    seal_chains(context, at_once=True)
    held, batches = _held(context, chains, arguments)
    count = write_signed(arguments.out, held, batches)
    print(f"{arguments.out}: {count:,} batches and {len(held.heads):,} heads of {held.agent}")


def _held(
    context: "Context", chains: "Chains", arguments: argparse.Namespace
) -> "tuple[SignedFile, Iterator[SignedBatch]]":
    from zonewright.audit.evidence.gathering import whole_journal
    from zonewright.audit.evidence.signed_file import FiledHead, SignedBatch, SignedFile
    from zonewright.cli.connection import open_ledger
    from zonewright.declare.stack_file import project_root
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.journal_messages import WITHHELD, CheckpointRequest
    from zonewright.ledger.verbs.contents import vouch_for
    from zonewright.ledger.verbs.rollouts import ENROLMENT

    agent = arguments.agent
    with open_ledger(arguments.ledger, project_root(Path.cwd())) as ledger:
        head = ledger.call(verbs.CHECKPOINT, CheckpointRequest())
        journal = [one for one in whole_journal(ledger) if one.sequence <= head.sequence]
    heads = chains.heads(agent)
    held = SignedFile(
        agent=agent,
        node=next((one.node for one in chains.batches(agent)), agent),
        ledger=head.ledger,
        heads=[FiledHead(text=one.head, signature=one.signature, key=one.key, seal=one.seal) for one in heads],
        seals=list(_seals(context, agent)),
        journal=journal,
        checkpoint=head,
    )
    named = (at for at, one in enumerate(journal) if one.kind == ENROLMENT and agent in one.payload.get("agents", ()))
    held.journal = journal[next(named, 0) :]
    if not arguments.whole_journal:
        needed = {seal.entry for seal in held.seals}
        held.journal = [
            one if one.kind == ENROLMENT or one.sequence in needed else _hash_alone(one) for one in held.journal
        ]
        held.vouched = vouch_for(context, [one.sequence for one in held.journal if one.kind != WITHHELD])
    batches = (
        SignedBatch(sequence=one.sequence, received_ns=one.received_ns, body=one.body) for one in chains.batches(agent)
    )
    return held, batches


def _hash_alone(entry: "JournalEntry") -> "JournalEntry":
    """An entry of which its reader sees that it was there, and what came before it."""
    from zonewright.ledger.deciding.readable import withheld

    return type(entry).model_validate(withheld(entry.model_dump()))


def _seals(context: "Context", agent: str) -> "Iterator[FiledSeal]":
    """Where the journal names an agent's heads and events; not where those of others were removed since."""
    import json

    from zonewright.audit.evidence.signed_file import FiledSeal
    from zonewright.telemetry.sealing import seals_of

    if context.samples is not None:
        for number, text, seal in seals_of(context.samples, agent):
            entry = json.loads(text)
            if entry["payload"]["root"] == seal.root:
                index, path = seal.path(agent)
                yield FiledSeal(
                    number=number,
                    entry=int(entry["sequence"]),
                    text=seal.leaves[agent],
                    index=index,
                    count=len(seal.leaves),
                    path=tuple(path),
                )
