"""AgentDeployment: agents on the hosts of one site, rolled out in waves over SSH."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from zonewright.provider.resource import DIGEST, Data, Input, ProviderSession, ReadResource
from zonewright.provider.resources.deployment import HOSTS, RUN, SITE, DeploymentResource

if TYPE_CHECKING:
    from zonewright.provider.hosts.inspect import Look


class AgentDeploymentResource(DeploymentResource["Look"]):
    """A preview looks at the hosts; create and update roll out; delete uninstalls."""

    token = "zonewright:index:AgentDeployment"  # noqa: S105 - a Pulumi type token
    description = "The agent on the hosts of one site, rolled out in waves. It does not contain how hosts are reached."
    inputs: Mapping[str, Input] = {
        **SITE,
        "version": Input("string", "version of the agent"),
        "artefactDigest": Input("string", "digest of the agent and its library", pattern=DIGEST),
        "configurationDigest": Input("string", "digest of the agent's settings", pattern=DIGEST),
        **HOSTS,
    }
    plain = tuple(inputs)
    outputs: Mapping[str, Input] = {
        **inputs,
        "releases": Input("object", "the release that runs, by host"),
        **RUN,
    }

    def create(self, session: ProviderSession, urn: str, new: Data, *, preview: bool) -> tuple[str, Data]:
        """Roll out; in a preview, show what would be done."""
        id_ = f"{new['stackId']}/{new['site']}"
        if preview:
            self._preview(session, urn, id_, new, leaving=0)
            return id_, new
        self.require_made(session, new)
        from zonewright.provider.hosts.deployment import carry_out  # noqa: PLC0415 - loads SSH

        return id_, carry_out(session, urn, id_, new, {})

    def update(self, session: ProviderSession, urn: str, id_: str, state: Data, new: Data, *, preview: bool) -> Data:
        """Roll out what differs, in place; hosts that are declared no longer lose the agent."""
        before = dict.fromkeys(state.get("hosts", {}), "") | dict(state.get("releases", {}))
        if preview:
            self._preview(session, urn, id_, new, leaving=len(before.keys() - new["hosts"].keys()))
            return new
        self.require_made(session, new)
        from zonewright.provider.hosts.deployment import carry_out  # noqa: PLC0415 - loads SSH

        return carry_out(session, urn, id_, new, before)

    def delete(self, session: ProviderSession, _id: str, state: Data) -> None:
        """Uninstall; a host where nothing answers is gone already."""
        from zonewright.provider.hosts.deployment import remove  # noqa: PLC0415 - loads SSH

        remove(session, state)

    def _preview(self, session: ProviderSession, urn: str, id_: str, new: Data, *, leaving: int) -> None:
        seen = self.looked(session, urn, id_, new)
        if seen is not None:
            _tell(session, urn, seen, leaving=leaving)

    def look(self, session: ProviderSession, id_: str, new: Data) -> "Look":
        """The plans of all hosts, looked at once in a run."""
        if id_ in session.memory.looks:
            return session.memory.looks[id_]
        from zonewright.provider.hosts.work import site_work  # noqa: PLC0415 - loads SSH

        with site_work(session, path=new["fleet"], stack_id=new["stackId"], names=new["hosts"]) as work:
            seen = session.memory.looks[id_] = work.look()
        return seen

    def tell_drift(self, session: ProviderSession, urn: str, seen: "Look") -> None:
        """What stands in the way, where no host differs: else the preview of the update says it."""
        if not seen.drifted:
            _tell(session, urn, seen, leaving=0, is_quiet=True)

    def refreshed(self, session: ProviderSession, last: ReadResource) -> ReadResource:
        """What runs on the hosts."""
        from zonewright.provider.hosts.deployment import refreshed  # noqa: PLC0415 - loads SSH

        return refreshed(session, last)


def _tell(session: ProviderSession, urn: str, seen: "Look", *, leaving: int, is_quiet: bool = False) -> None:
    from zonewright.provider.hosts.inspect import obstacles_text, preview_text  # noqa: PLC0415 - loads SSH

    if not is_quiet:
        session.log(urn, preview_text(seen, leaving))
    obstacles = obstacles_text(seen)
    if obstacles:
        session.warn(urn, obstacles)
