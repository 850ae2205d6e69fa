"""What a stack deploys of configurations: the hosts of each site that some configuration is for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import pulumi

from zonewright.program.fleet import own_hosts, read_fleet
from zonewright.program.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredConfigurations:
    """Configurations of a stack.

    Attributes:
        settings_digest: digest of what the fleet's file says of them.
        hosts: by site.
    """

    settings_digest: str
    hosts: Mapping[str, tuple[str, ...]]


def read_configurations(
    options: Settings, own_sites: Collection[str], racks: Mapping[str, str]
) -> DeclaredConfigurations | None:
    """The configurations that the stack's configuration asks for, or None.

    Args:
        options: the stack's settings.
        own_sites: sites of the stack; hosts of others are another stack's.
        racks: rack by name of the stack's nodes.

    Raises:
        pulumi.RunError: with all that is wrong with the fleet's file.
    """
    if not options.configurations:
        return None
    # A stack without hosts does not load what reads keys of hosts.
    from zonewright.fleet.agents.recipe import configurations_digest  # noqa: PLC0415
    from zonewright.fleet.configs.choice import is_meant  # noqa: PLC0415
    from zonewright.fleet.inventory import by_name, hosts_of  # noqa: PLC0415

    file = read_fleet(options.root / options.configurations)
    sites, faults = own_hosts(file, own_sites, racks, name=options.configurations)
    if not file.configurations:
        faults.append("configurations is missing; declare which files go to which hosts")
    if faults:
        raise pulumi.RunError("\n".join(f"{options.configurations}: {fault}" for fault in faults))
    known = by_name(hosts_of(file))
    settings = file.configurations.values()
    meant = {
        site: tuple(name for name in names if any(is_meant(replace(known[name], site=site), one) for one in settings))
        for site, names in sites.items()
    }
    return DeclaredConfigurations(
        settings_digest=configurations_digest(file), hosts={site: names for site, names in meant.items() if names}
    )
