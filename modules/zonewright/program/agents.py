"""What a stack deploys of agents: the release and the hosts of each site, from the fleet's file."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pulumi

from zonewright.program.fleet import own_hosts, read_fleet
from zonewright.program.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredAgents:
    """Agents of a stack.

    Attributes:
        release: what hosts should have, as inputs of the resource.
        hosts: by site and host that it is as declared.
    """

    release: Mapping[str, str]
    hosts: Mapping[str, Mapping[str, str]]


def read_agents(options: Settings, own_sites: Collection[str], racks: Mapping[str, str]) -> DeclaredAgents | None:
    """The agents that the stack's configuration asks for, or None.

    Args:
        options: the stack's settings.
        own_sites: sites of the stack; hosts of others are another stack's.
        racks: rack by name of the stack's nodes.

    Raises:
        pulumi.RunError: with all that is wrong with the fleet's file.
        ArtefactError: when there is nothing to deploy.
    """
    if not options.fleet:
        return None
    # A stack without agents does not load what reads keys of hosts.
    from zonewright.fleet.agents.recipe import desired_of, recipe_of  # noqa: PLC0415

    path = options.root / options.fleet
    file = read_fleet(path)
    sites, faults = own_hosts(file, own_sites, racks, name=options.fleet)
    if file.agent is None:
        faults.append("agent is missing; declare where agents report: agent: {url: ...}")
    if faults or file.agent is None:
        raise pulumi.RunError("\n".join(f"{options.fleet}: {fault}" for fault in faults))
    desired = desired_of(recipe_of(file.agent, path.parent))
    release = {
        "version": desired.version,
        "artefactDigest": desired.artefact_digest,
        "configurationDigest": desired.configuration_digest,
    }
    hosts = {site: dict.fromkeys(names, "as declared") for site, names in sites.items()}
    return DeclaredAgents(release=release, hosts=hosts)
