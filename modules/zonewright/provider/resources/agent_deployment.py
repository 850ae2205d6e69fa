"""AgentDeployment: agents on the hosts of one site, rolled out in waves over SSH.

How a host is reached is no property: only the fleet's file says it, so that no change of it changes the state. What
loads SSH is imported where a stack has such a resource.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zonewright.provider.resource import (
    DIGEST,
    STACK_ID,
    CheckFailedError,
    Data,
    Difference,
    EndsByItself,
    Found,
    Input,
    Session,
    check_inputs,
    compare,
    require_known,
)

if TYPE_CHECKING:
    from zonewright.provider.hosts.look import Look


class AgentDeploymentResource(EndsByItself):
    """A preview looks at the hosts; create and update roll out; delete uninstalls."""

    token = "zonewright:index:AgentDeployment"  # noqa: S105 - a Pulumi type token
    description = "The agent on the hosts of one site, rolled out in waves. It does not contain how hosts are reached."
    inputs: Mapping[str, Input] = {
        "stackId": STACK_ID,
        "site": Input("string", "id of the site", replaces=True),
        "fleet": Input("string", "the fleet's file, relative to the folder of Pulumi.yaml"),
        "version": Input("string", "version of the agent"),
        "artefactDigest": Input("string", "digest of the agent and its library", pattern=DIGEST),
        "configurationDigest": Input("string", "digest of the agent's settings", pattern=DIGEST),
        "hosts": Input("object", "for each host `as declared`, or in the state how it differs"),
    }
    outputs: Mapping[str, Input] = {
        **inputs,
        "releases": Input("object", "the release that runs, by host"),
        "run": Input("string", "id of the last run, as in its record and in the journal", required=False),
    }

    def check(
        self, _session: Session, _urn: str, _old: Data | None, new: dict[str, Any], _seed: bytes
    ) -> dict[str, Any]:
        """Plain inputs only."""
        check_inputs(self.inputs, new)
        require_known(new, self.inputs)
        return new

    def diff(self, session: Session, urn: str, id_: str, old: Data, new: Data) -> Difference:
        """What the declaration changed, or what is not as declared on the hosts."""
        difference = compare(self.inputs, old, new)
        if difference.changes:
            return difference
        seen = session.memory.looks.get(id_) or self._look(session, urn, id_, new)
        if seen is None:
            return difference
        if not seen.drifted:
            _tell(session, urn, seen, leaving=0, is_quiet=True)
        return Difference({f'hosts["{name}"]': "update" for name in seen.drifted})

    def create(self, session: Session, urn: str, new: Data, *, preview: bool) -> tuple[str, Data]:
        """Roll out; in a preview, show what would be done."""
        id_ = f"{new['stackId']}/{new['site']}"
        if preview:
            self._preview(session, urn, id_, new, leaving=0)
            return id_, new
        from zonewright.provider.hosts.deployment import carry_out  # noqa: PLC0415 - loads SSH

        return id_, carry_out(session, urn, id_, new, {})

    def read(self, session: Session, _id: str, last: Found | None) -> Found | None:
        """What runs on the hosts; it can not be imported, since only a program says which fleet it is."""
        if last is None:
            return None
        from zonewright.provider.hosts.deployment import refreshed  # noqa: PLC0415 - loads SSH

        return refreshed(session, last)

    def update(self, session: Session, urn: str, id_: str, state: Data, new: Data, *, preview: bool) -> Data:
        """Roll out what differs, in place; hosts that are declared no longer lose the agent."""
        before = dict.fromkeys(state.get("hosts", {}), "") | dict(state.get("releases", {}))
        if preview:
            self._preview(session, urn, id_, new, leaving=len(before.keys() - new["hosts"].keys()))
            return new
        from zonewright.provider.hosts.deployment import carry_out  # noqa: PLC0415 - loads SSH

        return carry_out(session, urn, id_, new, before)

    def delete(self, session: Session, _id: str, state: Data) -> None:
        """Uninstall; a host where nothing answers is gone already."""
        from zonewright.provider.hosts.deployment import remove  # noqa: PLC0415 - loads SSH

        remove(session, state)

    def _preview(self, session: Session, urn: str, id_: str, new: Data, *, leaving: int) -> None:
        seen = session.memory.looks.get(id_) or self._look(session, urn, id_, new)
        if seen is not None:
            _tell(session, urn, seen, leaving=leaving)

    def _look(self, session: Session, urn: str, id_: str, new: Data) -> "Look | None":
        """What is on the hosts; nothing where even that can not be tried, which fails no preview."""
        from zonewright.provider.hosts.work import site_work  # noqa: PLC0415 - loads SSH

        try:
            with site_work(session, path=new["fleet"], stack_id=new["stackId"], names=new["hosts"]) as work:
                seen = session.memory.looks[id_] = work.look()
        except CheckFailedError as error:
            session.warn(urn, f"could not look at any host: {error}")
            return None
        return seen


def _tell(session: Session, urn: str, seen: "Look", *, leaving: int, is_quiet: bool = False) -> None:
    from zonewright.provider.hosts.look import obstacles_text, preview_text  # noqa: PLC0415 - loads SSH

    if not is_quiet:
        session.log(urn, preview_text(seen, leaving))
    obstacles = obstacles_text(seen)
    if obstacles:
        session.warn(urn, obstacles)
