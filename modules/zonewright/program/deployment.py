"""``deploy()``: from a declaration to registered resources, through one proposal of the ledger.

Proposal, rendering and digests come first, as plain values; only then resources are registered, so that a preview
shows everything and a plan binds everything.
"""

import pulumi

from zonewright.model import Declaration
from zonewright.program.debug_messages import leave_out_debug_messages
from zonewright.program.ending import ending_the_run
from zonewright.program.left_out import refuse_parts_of_what_is_left_out
from zonewright.program.offering import OfferedChange, offered
from zonewright.program.registering import register
from zonewright.program.run import deploy_once, finish_with, provider_of_run
from zonewright.program.settings import Settings, settings
from zonewright.program.source import StackFrames, calling_frame, stack_traces, user_frame
from zonewright.program.values import Deployment, PlacedSite


def deploy(declaration: Declaration | None = None) -> Deployment:
    """Register everything that a declaration stands for, and give its nodes, sites and numbers to the program.

    A program deploys once. Faults end the run with one or more sentences, and then nothing was registered. A program
    with an entry point of its own in ``pulumi.run`` calls this inside of it.

    Args:
        declaration: one zone file and one owner, built in Python; None reads the file that the stack's
            configuration names.

    Returns:
        The deployed stack. What is made from its outputs waits for them, and is not made where they are refused.

    Raises:
        pulumi.RunError: with all that is wrong, or when the program deployed a stack already.

    Example:
        A stack output that another project can read::

            deployment = deploy()
            pulumi.export("racks", {name: node.rack for name, node in deployment.nodes.items()})
    """
    called_from = user_frame(calling_frame())
    with ending_the_run():
        deploy_once("deploy()")
        leave_out_debug_messages()
        refuse_parts_of_what_is_left_out()
        options = settings()
        return deployed(options, offered(options, declaration), called_from, parent=None)


def deployed(
    options: Settings, offer: OfferedChange, called_from: StackFrames, *, parent: pulumi.Resource | None
) -> Deployment:
    """Register what the ledger offers.

    Args:
        options: the stack's settings.
        offer: what it offers.
        called_from: the line of the user's program.
        parent: the component that all resources are part of; None for the stack itself.
    """
    provider = provider_of_run(options.ledger)
    with stack_traces(called_from):
        made = register(options, offer, provider, parent)
    finish_with(made.completion)
    return Deployment(
        stack_id=options.stack_id,
        party=offer.demand.party,
        admission=made.admission,
        completion=made.completion,
        clusters=made.clusters,
        nodes={name: node for cluster in made.clusters.values() for name, node in cluster.nodes.items()},
        sites={site: PlacedSite(name=site, completion=made.completion) for site in offer.files},
        provider=provider,
    )
