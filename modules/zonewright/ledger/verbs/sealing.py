"""What agents signed goes on record: heads of their chains, and what was out of the ordinary with them."""

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

from zonewright.ledger.protocol.errors import LedgerUnavailableError
from zonewright.ledger.store.context import Context
from zonewright.ledger.verbs.noted import record

if TYPE_CHECKING:
    from zonewright.telemetry.noting import JournalNote
    from zonewright.telemetry.sealing import Seal

_FOREVER_NS = 2**62
KIND = "sealed"
"""Of an entry with the ``root`` of a tree over the heads and events of ``agents``, and how many there are of each."""


def seal_chains(context: Context, *, at_once: bool = False) -> None:
    """Record the heads of agents' chains once an hour, and what was out of the ordinary after ten minutes.

    Args:
        context: the ledger and its samples.
        at_once: whether what is there goes on record now.
    """
    from zonewright.telemetry.sealing import tell_seals  # noqa: PLC0415 - most ledgers have no samples beside them

    if context.samples is not None and context.samples.is_there():
        now_ns = _FOREVER_NS if at_once else int(context.clock().timestamp() * 10**6) * 1_000
        tell_seals(context.samples, now_ns, partial(_record, context))


def seal_before_keys(context: Context, agents: Collection[str]) -> None:
    """Record the heads of agents that wait, before their keys change: a key counts until the journal has another.

    Args:
        context: the ledger and its samples.
        agents: whose keys are about to change.

    Raises:
        LedgerUnavailableError: when the samples cannot be read.
    """
    from zonewright.telemetry.home import STORE_FAULTS  # noqa: PLC0415 - most ledgers have no samples beside them
    from zonewright.telemetry.sealing import waiting_agents  # noqa: PLC0415 - the same

    if context.samples is None or not context.samples.is_there():
        return
    try:
        if waiting_agents(context.samples).intersection(agents):
            seal_chains(context, at_once=True)
    except STORE_FAULTS as error:
        raise LedgerUnavailableError(
            "readings",
            f"what these agents signed last ({context.samples.name}) cannot be recorded: {error}; nothing was "
            "enrolled, try again",
        ) from error


def _record(context: Context, seal: "Seal", note: "JournalNote") -> None:
    payload = {"agents": len(seal.leaves), "events": dict(seal.events), "heads": seal.heads, "root": seal.root}
    record(context, note, KIND, lambda _connection: payload)
