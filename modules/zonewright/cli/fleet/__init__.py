"""``zonewright fleet``: roll agents out to hosts over SSH, and know what runs there."""

import argparse

from zonewright.cli.fleet import back, deploy, inventory, run, trust
from zonewright.cli.fleet import inspect as look

SUBCOMMANDS = (deploy, look, back, trust, run, inventory)


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``fleet``."""
    parser = commands.add_parser(
        "fleet",
        help="roll agents out to hosts over SSH",
        description=("Roll agents and configurations out to the hosts of a fleet over SSH, and check what runs there."),
    )
    parser.set_defaults(extra="fleet")
    subcommands = parser.add_subparsers(metavar="COMMAND", required=True)
    for subcommand in SUBCOMMANDS:
        subcommand.add_parser(subcommands)
