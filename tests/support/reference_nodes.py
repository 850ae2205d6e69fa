"""The nodes of the reference zone as their templates see them: every tenant placed in turn, without a ledger."""

from collections.abc import Mapping
from functools import cache

from support.once import shared
from support.reference_sites import judged_reference, reference_files, reference_sites
from support.zone_contexts import proposals_of
from zonewright.changes.rendering import contexts_of
from zonewright.ledger.protocol.admission_messages import Proposal
from zonewright.model.demand import Demand
from zonewright.render import NodeContext, render_all
from zonewright.render.contexts.group_context import GroupContext
from zonewright.render.formats.format import AnyContext


@cache
def reference_proposals() -> Mapping[str, tuple[Demand, Proposal]]:
    """Demand and proposal of each tenant by party, with places and addresses as if they had come in order."""
    return proposals_of(*judged_reference())


@cache
def reference_contexts() -> tuple[AnyContext, ...]:
    """Nodes and groups of all tenants."""
    return shared("reference-contexts", _contexts)


def _contexts() -> tuple[AnyContext, ...]:
    reference_sites()  # of the same judgement, which takes seconds: whoever makes the one makes the other
    return tuple(one for demand, proposal in reference_proposals().values() for one in contexts_of(demand, proposal))


@cache
def reference_nodes() -> tuple[NodeContext, ...]:
    """Nodes of all tenants."""
    return tuple(one for one in reference_contexts() if isinstance(one, NodeContext))


@cache
def reference_groups() -> tuple[GroupContext, ...]:
    """Groups of nodes of all tenants."""
    return tuple(one for one in reference_contexts() if isinstance(one, GroupContext))


@cache
def zone_files() -> Mapping[str, str]:
    """Every file of the whole zone, by path."""
    return shared("zone-files", lambda: {**reference_files(), **render_all(reference_contexts())})
