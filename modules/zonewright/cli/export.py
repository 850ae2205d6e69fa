"""``zonewright export``: what the ledger holds, written back into the inventory; or what differs between the two."""

import argparse
from pathlib import Path

from zonewright.cli.adopt import TOKEN, open_netbox
from zonewright.cli.ledger import DEFAULT


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``export``."""
    parser = commands.add_parser(
        "export",
        help="write what the ledger holds back into NetBox, or show what differs",
        description=(
            "Compare what the ledger holds with the inventory that a folder was taken over from, and write the "
            "difference there: VLANs, prefixes, devices, power ports, cables and addresses. Running it again "
            "writes nothing. With --dry-run it only shows what differs, and ends with 1 if anything does."
        ),
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the zone's folder, as zonewright adopt made it")
    parser.add_argument("--netbox", required=True, metavar="URL", help="the NetBox")
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help=f"a file with the token (default: the variable {TOKEN})"
    )
    parser.add_argument("--ledger", default=DEFAULT, metavar="URL", help=f"the ledger (default: {DEFAULT})")
    parser.add_argument(
        "--emptied",
        action="append",
        default=[],
        metavar="PARTY",
        help="a party of which no node stands any more, so that all its devices leave their racks; may be repeated",
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what differs")
    parser.set_defaults(run=_run, extra="netbox")


def _run(arguments: argparse.Namespace) -> int:
    from zonewright.cli.connection import open_ledger
    from zonewright.cli.output import GOOD, REFUSED
    from zonewright.declare.load import owner_files
    from zonewright.declare.stack_file import project_root
    from zonewright.estate.drift import not_gone
    from zonewright.estate.holding import held_nodes, held_sites, stacks_of, where_standing
    from zonewright.estate.reconciling import EstateComparison
    from zonewright.rules.words import count_of

    comparison = EstateComparison.of(arguments.folder)
    root = project_root(Path.cwd())
    stacks = stacks_of(root, arguments.folder, owner_files(arguments.folder))
    netbox = open_netbox(arguments.netbox, arguments.token_file)
    with open_ledger(arguments.ledger, root) as client:
        held = held_nodes(client, comparison.declaration, stacks)
        found = comparison.differences(netbox, held, arguments.emptied)
        found = not_gone(found, where_standing(client, (host for one in found for host in one.hosts)))
        networks = comparison.network_differences(held_sites(client, stacks))
    for network in networks:
        print(f"{network.what}: {network.subject}: {network.text}")
    for one in found:
        print(f"{one.what}: {one.subject}: {one.text}")
    if not found and not networks:
        print(f"no difference: {count_of(len(held), 'node')} as NetBox {netbox.version} has them")
        return GOOD
    if arguments.dry_run:
        print(f"{count_of(len(found) + len(networks), 'difference')}; nothing was written")
        return REFUSED
    left = comparison.write(netbox, found)
    for sentence in left:
        print(f"not written: {sentence}")
    written = len(networks) + sum(one.what != "told" for one in found)
    print(f"wrote {count_of(written, 'difference')} to {netbox.url}")
    return REFUSED if left else GOOD
