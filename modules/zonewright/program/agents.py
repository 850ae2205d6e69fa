"""What a stack deploys of agents: the release and the hosts of each site, from the fleet's file."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pulumi

from zonewright.program.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """Agents of a stack.

    Attributes:
        release: what hosts should have, as inputs of the resource.
        hosts: by site and host that it is as declared.
    """

    release: Mapping[str, str]
    hosts: Mapping[str, Mapping[str, str]]


def read_agents(options: Settings, own_sites: Collection[str], racks: Mapping[str, str]) -> Agents | None:
    """The agents that the stack's configuration asks for, or None.

    Args:
        options: the stack's settings.
        own_sites: sites of the stack; hosts of others are another stack's.
        racks: rack by name of the stack's nodes.

    Raises:
        pulumi.RunError: with all that is wrong with the fleet's file.
    """
    if not options.fleet:
        return None
    # A stack without agents does not load what reads keys of hosts.
    from zonewright.fleet.artefact import ArtefactError  # noqa: PLC0415
    from zonewright.fleet.declared import desired_of, hosts_by_site, recipe_of  # noqa: PLC0415
    from zonewright.fleet.fleet_file import FleetFileError, read_fleet_file  # noqa: PLC0415

    path = options.root / options.fleet
    try:
        file = read_fleet_file(path)
    except FleetFileError as error:
        count = len(error.problems)
        lines = "\n".join(f"  {problem}" for problem in error.problems)
        raise pulumi.RunError(f"{count} fault{'s' if count != 1 else ''} in the fleet's file:\n{lines}") from None
    sites = hosts_by_site(file, racks)
    faults = [f"host {name} has no site; say which: {name}: {{site: SITE}}" for name in sites.pop("", ())]
    if file.agent is None:
        faults.append("agent is missing; say where agents report: agent: {url: ...}")
    if faults or file.agent is None:
        raise pulumi.RunError("\n".join(f"{options.fleet}: {fault}" for fault in faults))
    try:
        desired = desired_of(recipe_of(file.agent, path.parent))
    except ArtefactError as error:
        raise pulumi.RunError(str(error)) from None
    others = [name for site, names in sites.items() if site not in own_sites for name in names]
    if others:
        pulumi.log.info(f"{options.fleet}: hosts at sites of other stacks are left to those: {', '.join(others)}")
    release = {
        "version": desired.version,
        "artefactDigest": desired.artefact_digest,
        "configurationDigest": desired.configuration_digest,
    }
    hosts = {site: dict.fromkeys(names, "as declared") for site, names in sorted(sites.items()) if site in own_sites}
    return Agents(release=release, hosts=hosts)
