"""What one run of a program has once: the provider of the ledger, and one stack that is deployed."""

import asyncio
import contextlib
from weakref import WeakKeyDictionary

import pulumi

from zonewright.program.resources import Provider

_PROVIDERS: WeakKeyDictionary[pulumi.Resource, Provider] = WeakKeyDictionary()
_DEPLOYED: WeakKeyDictionary[pulumi.Resource, str] = WeakKeyDictionary()
"""By the root of the run: programs of the Automation API run in one process, one after the other or at once."""


def provider_of_run(ledger: str) -> Provider:
    """The provider of this run, registered when it is first asked for.

    Args:
        ledger: the ledger's URL, as the settings have it.
    """
    root = pulumi.runtime.get_root_resource()
    made = _PROVIDERS.get(root) if root is not None else None
    if made is None:
        made = Provider("ledger", ledger=ledger)
        if root is not None:
            _PROVIDERS[root] = made
    return made


def deploy_once(what: str) -> None:
    """Take note that this run deploys its stack.

    Args:
        what: who deploys, for the sentence that refuses a second one.

    Raises:
        pulumi.RunError: when something deployed it already.
    """
    root = pulumi.runtime.get_root_resource()
    if root is None:
        return
    if root in _DEPLOYED:
        raise pulumi.RunError(
            f"{what} was called after {_DEPLOYED[root]}: expected one of them in a program, because a stack has one "
            "admission; give all clusters, links and sites to the first one"
        )
    _DEPLOYED[root] = what


def finish_with(last: pulumi.Resource) -> None:
    """Let the SDK begin to wait for outputs only when the last resource is registered.

    It waits for them in steps that cost as much as there are outputs; when all resources are registered, hardly any is
    left. A failure is the SDK's to tell, so it is not raised here. A program with an entry point of its own in
    ``pulumi.run`` goes without.
    """

    async def registered() -> None:
        await asyncio.wait([asyncio.ensure_future(last.urn.future())])

    with contextlib.suppress(pulumi.RunError):
        pulumi.run(registered)
