"""ConfigurationDeployment: the rendered files of one site on its hosts, each validated and tried there.

It goes beyond the SiteConfig of the site, which hands the files over: here they are put in force, as ``zonewright
fleet deploy --configs`` does it, and only where an approved change has them.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.messages import StackRequest
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.provider.resource import DIGEST, Data, Input, ProviderSession, ReadResource
from zonewright.provider.resources.deployment import HOSTS, RUN, SITE, DeploymentResource

if TYPE_CHECKING:
    from zonewright.provider.hosts.config_work import ConfigLook

_SHOWN = 5


class ConfigurationDeploymentResource(DeploymentResource["ConfigLook"]):
    """A preview looks at the hosts where the files are deployed already; create and update roll out."""

    token = "zonewright:index:ConfigurationDeployment"  # noqa: S105 - a Pulumi type token
    description = "The rendered files of one site in force on its hosts: validated, tried, and otherwise put back."
    inputs: Mapping[str, Input] = {
        **SITE,
        "zone": Input("string", ("the zone's folder, relative to the same folder; it may have formats of its own")),
        "filesDigest": Input("string", "digest of the site's files", pattern=DIGEST),
        "settingsDigest": Input("string", "digest of `configurations` of the fleet's file", pattern=DIGEST),
        **HOSTS,
    }
    plain = tuple(inputs)
    outputs: Mapping[str, Input] = {
        **inputs,
        "versions": Input("object", "the versions in force, by host"),
        **RUN,
    }

    def create(self, session: ProviderSession, urn: str, new: Data, *, preview: bool) -> tuple[str, Data]:
        """Roll out; in a preview, show what would be done as far as that is known."""
        id_ = f"{new['stackId']}/{new['site']}/configurations"
        return id_, self.update(session, urn, id_, {}, new, preview=preview)

    def update(self, session: ProviderSession, urn: str, id_: str, state: Data, new: Data, *, preview: bool) -> Data:
        """Roll out what differs, in place; hosts that are declared no longer keep their files."""
        _tell_who_stays(session, urn, state.get("hosts", {}).keys() - new["hosts"].keys())
        if preview:
            self._preview(session, urn, id_, new)
            return new
        self.require_made(session, new)
        from zonewright.provider.hosts.configurations import bring  # noqa: PLC0415 - loads SSH

        return bring(session, urn, id_, new, state.get("versions", {}))

    def delete(self, session: ProviderSession, _id: str, state: Data) -> None:
        """The files stay: a host without its network or its names helps nobody."""
        _tell_who_stays(session, "", state.get("hosts", {}))

    def _preview(self, session: ProviderSession, urn: str, id_: str, new: Data) -> None:
        deployed = session.ledger.call(verbs.DEPLOYED, StackRequest(stack_id=new["stackId"])).sites
        if digest_of(canonical_json(deployed.get(new["site"], {}))) != new["filesDigest"]:
            count = len(new["hosts"])
            session.log(
                urn, f"hosts: {count} get files of this update; they are inspected after the files are deployed"
            )
            return
        look = self.looked(session, urn, id_, new)
        if look is not None:
            _tell(session, urn, look)

    def look(self, session: ProviderSession, _id: str, new: Data) -> "ConfigLook":
        """What is on the hosts, against what the ledger has deployed."""
        from zonewright.provider.hosts.configurations import seen  # noqa: PLC0415 - loads SSH

        return seen(session, new)

    def tell_drift(self, session: ProviderSession, urn: str, seen: "ConfigLook") -> None:
        """What stands in the way, and where hosts differ, how many."""
        _tell(session, urn, seen, is_quiet=not seen.drifted)

    def refreshed(self, session: ProviderSession, last: ReadResource) -> ReadResource:
        """What is in force on the hosts."""
        from zonewright.provider.hosts.configurations import refreshed  # noqa: PLC0415 - loads SSH

        return refreshed(session, last)


def _tell_who_stays(session: ProviderSession, urn: str, names: Collection[str]) -> None:
    if names:
        session.warn(urn, f"the configurations of {', '.join(sorted(names))} stay in force")


def _tell(session: ProviderSession, urn: str, look: "ConfigLook", *, is_quiet: bool = False) -> None:
    if not is_quiet:
        same = len(look.drift) - len(look.drifted)
        parts = ((len(look.drifted), "to change"), (same, "unchanged"), (len(look.unseen), "could not be inspected"))
        session.log(urn, "hosts: " + (", ".join(f"{count} {word}" for count, word in parts if count) or "none"))
    lines = [
        f"{name}: could not inspect it: {why.removeprefix(f'{name} ')}" for name, why in sorted(look.unseen.items())
    ]
    lines = [*look.obstacles, *lines]
    more = [f"... and {len(lines) - _SHOWN} more: zonewright fleet plan"] if len(lines) > _SHOWN else []
    if lines:
        session.warn(urn, "\n".join([*lines[:_SHOWN], *more]))
