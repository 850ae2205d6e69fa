"""What the two deployments have in common: a look at hosts, which fails no preview, and drift that it shows.

How a host is reached is no property: only the fleet's file says it, so that no change of it changes the state. What
loads SSH is imported where a stack has such a resource.
"""

from collections.abc import Mapping
from typing import Generic, Protocol, TypeVar

from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import ReportRequest
from zonewright.provider.resource import (
    STACK_ID,
    CheckedResource,
    CheckFailedError,
    Data,
    Difference,
    EndsByItself,
    Input,
    ProviderSession,
    ReadResource,
    compare,
)

SITE: Mapping[str, Input] = {
    "stackId": STACK_ID,
    "site": Input("string", "id of the site", replaces=True),
    "fleet": Input("string", "the fleet's file, relative to the folder of Pulumi.yaml"),
}
HOSTS: Mapping[str, Input] = {"hosts": Input("object", ("for each host `as declared`, or in the state how it differs"))}
RUN: Mapping[str, Input] = {
    "run": Input("string", "id of the last run, as in its record and in the journal", required=False)
}


class SeenHosts(Protocol):
    """What a look at hosts showed."""

    @property
    def drifted(self) -> tuple[str, ...]:
        """Hosts that a roll-out would change."""
        ...


SeenT = TypeVar("SeenT", bound=SeenHosts)


class DeploymentResource(EndsByItself, CheckedResource, Generic[SeenT]):
    """Something on the hosts of one site, rolled out in waves over SSH."""

    kept = ("stackId", "site", "fleet", "hosts")

    def require_made(self, session: ProviderSession, new: Data) -> None:
        """Touch no host before the ledger knows a resource of each node: one that a run left out has none.

        Raises:
            CheckFailedError: when something of the stack is only admitted.
        """
        if session.ledger.call(verbs.REPORT, ReportRequest(stack_id=new["stackId"], holdings=False)).is_open:
            raise CheckFailedError(
                "something of this change was admitted and has no resource yet; no host was touched; run pulumi up "
                "without --target or --exclude"
            )

    def look(self, session: ProviderSession, id_: str, new: Data) -> SeenT:
        """What is on the hosts.

        Raises:
            CheckFailedError: when not even that can be tried.
        """
        raise NotImplementedError

    def tell_drift(self, session: ProviderSession, urn: str, seen: SeenT) -> None:
        """Say of a look for drift what no preview says."""
        raise NotImplementedError

    def refreshed(self, session: ProviderSession, last: ReadResource) -> ReadResource:
        """The resource as it is on the hosts."""
        raise NotImplementedError

    def diff(self, session: ProviderSession, urn: str, id_: str, old: Data, new: Data) -> Difference:
        """What the declaration changed, or what is not as declared on the hosts."""
        difference = compare(self.inputs, old, new)
        if "site" in difference.replaces and session.memory.renamed.get(new["site"]) == old["site"]:
            difference = Difference(difference.changes, difference.replaces - {"site"})  # it only has another name
        seen = None if difference.changes else self.looked(session, urn, id_, new)
        if seen is None:
            return difference
        self.tell_drift(session, urn, seen)
        return Difference({f'hosts["{name}"]': "update" for name in seen.drifted})

    def read(self, session: ProviderSession, _id: str, last: ReadResource | None) -> ReadResource | None:
        """What is on the hosts; it cannot be imported, since only a program says which fleet it is."""
        return None if last is None else self.refreshed(session, last)

    def looked(self, session: ProviderSession, urn: str, id_: str, new: Data) -> SeenT | None:
        """What is on the hosts; nothing where even that cannot be tried, which fails no preview."""
        try:
            return self.look(session, id_, new)
        except CheckFailedError as error:
            session.warn(urn, f"could not inspect any host: {error}")
            return None
