"""``zonewright fleet trust``: compare a host's key with what its console shows, and record that it is trusted."""

import argparse
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zonewright.cli.fleet.hosts import Fleet
    from zonewright.fleet.inventory import Host
    from zonewright.fleet.ssh.ssh_transport import SshTransport

_SECONDS = 20.0


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``fleet trust``."""
    from zonewright.cli.fleet.hosts import add_selectors

    parser = commands.add_parser(
        "trust",
        help="compare a host's key with what its console shows, and trust it",
        description=(
            "Show the key that a host presents over the network, and compare it with the fingerprint that you "
            "read at its console. Record who trusted it and when, in .zonewright/known_hosts and in the ledger's "
            "journal."
        ),
    )
    add_selectors(parser)
    parser.add_argument(
        "--fingerprint",
        metavar="TEXT",
        help=("fingerprint that the console shows, for one host (default: you are asked)"),
    )
    parser.add_argument("--replace", action="store_true", help=("replace the key that was trusted before"))
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from zonewright.cli.fleet.hosts import ledger_of, read_fleet, transport_of
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.ledger.protocol import rollout_messages, verbs

    fleet = read_fleet(arguments)
    transport = transport_of(fleet)
    if arguments.fingerprint is not None and len(fleet.chosen) != 1:
        raise StoppedError(f"--fingerprint is for one host, but {len(fleet.chosen)} hosts are chosen", code=MISUSE)
    with ledger_of(arguments, fleet.root) as ledger:

        def journal(entry: dict[str, Any]) -> None:
            request = rollout_messages.RecordRequest(kind="fleet-trust", party=fleet.file.party, entry=entry)
            ledger.call(verbs.RECORD, request)

        codes = [_trust(fleet, host, transport, arguments, journal) for host in fleet.chosen]
    transport.close()
    return max(codes)


def _trust(fleet: "Fleet", host: "Host", transport: "SshTransport", arguments: argparse.Namespace, journal: Any) -> int:
    from zonewright.cli.output import GOOD, report_error
    from zonewright.fleet.agents.recipe import whoami
    from zonewright.fleet.ssh.transport import UnreachableError
    from zonewright.fleet.ssh.trust import KNOWN_HOSTS, TrustError, compare, record

    try:
        shown = transport.scan(host.target, deadline=time.monotonic() + _SECONDS)
    except UnreachableError as error:  # the other hosts go on
        return report_error(error)
    comparison = compare(host.target, shown, fleet.root / KNOWN_HOSTS)
    print(comparison.text(), flush=True)
    if comparison.is_trusted:
        print("  is trusted already")
        return GOOD
    try:
        given = arguments.fingerprint if arguments.fingerprint is not None else _ask()
        comparison.require(given, replace=arguments.replace)
    except TrustError as error:
        return report_error(error)
    record(comparison, fleet.root, who=whoami(), now=datetime.now(UTC), journal=journal)
    print(f"  trusted, recorded in {KNOWN_HOSTS}")
    return GOOD


def _ask() -> str:
    """The fingerprint that the person reads at the console."""
    print("  as the console shows  ", end="", flush=True)
    return sys.stdin.readline().strip()
