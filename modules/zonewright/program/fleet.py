"""The fleet's file as a program reads it: its faults end the run, each in a line."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    from zonewright.model.fleet import FleetFile


def read_fleet(path: Path) -> "FleetFile":
    """A fleet's file.

    Raises:
        pulumi.RunError: with all that is wrong with it.
    """
    # A stack without hosts does not load what reads keys of hosts.
    from zonewright.fleet.fleet_file import FleetFileError, read_fleet_file  # noqa: PLC0415

    try:
        return read_fleet_file(path)
    except FleetFileError as error:
        count = len(error.problems)
        lines = "\n".join(f"  {problem}" for problem in error.problems)
        raise pulumi.RunError(f"{count} fault{'s' if count != 1 else ''} in the fleet's file:\n{lines}") from None


def own_hosts(
    file: "FleetFile", own_sites: Collection[str], racks: Mapping[str, str], *, name: str
) -> tuple[dict[str, list[str]], list[str]]:
    """Hosts by site of the stack, and what is wrong with the others; those at sites of other stacks are told.

    Args:
        file: the fleet's file.
        own_sites: sites of the stack.
        racks: rack by name of the stack's nodes.
        name: of the file.
    """
    from zonewright.fleet.agents.recipe import hosts_by_site  # noqa: PLC0415

    sites = hosts_by_site(file, racks)
    faults = [f"host {host} has no site; declare it: {host}: {{site: SITE}}" for host in sites.pop("", ())]
    others = [host for site, hosts in sites.items() if site not in own_sites for host in hosts]
    if others and not faults:
        pulumi.log.info(f"{name}: other stacks deploy to hosts at their own sites: {', '.join(others)}")
    return {site: hosts for site, hosts in sorted(sites.items()) if site in own_sites}, faults
