"""What all commands of a fleet share: which hosts are meant, and how to reach them."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zonewright.fleet.fleet_file import FleetDocument
    from zonewright.fleet.inventory import Host
    from zonewright.fleet.ssh.ssh_transport import SshTransport
    from zonewright.ledger.protocol.holding_messages import Holding
    from zonewright.ledger.transport.client import LedgerClient
    from zonewright.model.fleet import FleetFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A fleet as a command sees it."""

    root: Path
    file: "FleetFile"
    folder: Path
    hosts: "tuple[Host, ...]"
    """All of them."""
    chosen: "tuple[Host, ...]"
    """Those that are meant."""
    document: "FleetDocument"
    """The file with its lines."""


def add_selectors(parser: argparse.ArgumentParser) -> None:
    """The options that say which hosts are meant."""
    parser.add_argument("hosts", nargs="*", metavar="HOST", help="only these hosts")
    add_source(parser)
    for name, what in (
        ("site", "of this site"),
        ("rack", "of this rack"),
        ("tenant", "of this party"),
        ("cluster", "of this cluster"),
        ("label", "with this label"),
    ):
        parser.add_argument(f"--{name}", action="append", default=[], help=f"only hosts {what}; repeat for more")
    parser.add_argument("--limit", type=int, metavar="N", help=("at most this many hosts, in order of name"))


def add_source(parser: argparse.ArgumentParser) -> None:
    """The options that say where the fleet is declared."""
    parser.add_argument(
        "--fleet",
        type=Path,
        default=Path("fleet.yaml"),
        metavar="FILE",
        help=("the fleet's file (default: fleet.yaml)"),
    )
    parser.add_argument("--stack", metavar="NAME", help="add the nodes that the ledger holds for this stack")
    parser.add_argument("--ledger", metavar="URL", help="the ledger's URL (default: the project's)")


def add_work_options(parser: argparse.ArgumentParser) -> None:
    """The options of commands that log in."""
    from zonewright.fleet.agents.layout import AGENTS

    add_selectors(parser)
    parser.add_argument(
        "--parallel", type=int, metavar="N", help=("hosts at the same time (default: as in the fleet's file)")
    )
    parser.add_argument("--ask-sudo-password", action="store_true", help=("ask once for the sudo password"))
    parser.add_argument(
        "--agents", type=Path, default=AGENTS, metavar="FILE", help=("file of the agents that may report")
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help=("how to print: text, or JSON lines (default: text)")
    )


def read_fleet(arguments: argparse.Namespace) -> Fleet:
    """The fleet and the hosts that are meant.

    Raises:
        FleetFileError: when the file is faulty.
        SelectionError: when no host is meant.
    """
    from zonewright.declare.stack_file import project_root
    from zonewright.fleet.fleet_file import read_fleet_document
    from zonewright.fleet.inventory import Selector, hosts_of

    root = project_root(Path.cwd())
    document = read_fleet_document(arguments.fleet)
    file = document.content
    hosts = hosts_of(file, _nodes(arguments.stack, arguments.ledger) if arguments.stack else ())
    selector = Selector(
        names=tuple(arguments.hosts),
        sites=tuple(arguments.site),
        racks=tuple(arguments.rack),
        tenants=tuple(arguments.tenant),
        clusters=tuple(arguments.cluster),
        labels=tuple(arguments.label),
        limit=arguments.limit,
    )
    chosen = selector.choose(hosts)
    folder = arguments.fleet.resolve().parent
    return Fleet(root=root, file=file, folder=folder, hosts=hosts, chosen=chosen, document=document)


def _nodes(stack_name: str, url: str | None) -> "list[tuple[Holding, str]]":
    from zonewright.declare.stack_file import project_root, read_stack_file
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.stack_messages import ReportRequest

    root = project_root(Path.cwd())
    stack = read_stack_file(root, stack_name)
    with _client(url or stack.ledger, root) as ledger:
        report = ledger.call(verbs.REPORT, ReportRequest(stack_id=stack.stack_id))
    return [(holding, report.party or "") for holding in report.holdings]


def ledger_of(arguments: argparse.Namespace, root: Path) -> "LedgerClient":
    """The fleet's ledger.

    Raises:
        LedgerUnavailableError: when there is none.
    """
    return _client(ledger_url_of(arguments, root), root)


def ledger_url_of(arguments: argparse.Namespace, root: Path) -> str:
    """The URL of the fleet's ledger."""
    from zonewright.declare.stack_file import DEFAULT_LEDGER, read_stack_file

    if arguments.ledger is None and arguments.stack:
        return read_stack_file(root, arguments.stack).ledger
    return arguments.ledger or DEFAULT_LEDGER


def _client(url: str, root: Path) -> "LedgerClient":
    """A client for a ledger; one in a file or a database needs more than the extra of operators brings."""
    from zonewright.cli.connection import open_ledger
    from zonewright.cli.output import MISUSE, ending_with
    from zonewright.ledger import LedgerUnavailableError

    try:
        return open_ledger(url, root)
    except ModuleNotFoundError as error:
        what = f"the ledger {url} is no service, and needs {error.name}"
        extra = "postgresql" if url.startswith("postgresql") else "ledger"
        install = f"pip install 'zonewright[fleet,{extra}]' brings it"
        with ending_with(MISUSE):
            raise LedgerUnavailableError(
                "no-driver", f"{what}; {install}, or name a service: --ledger https://HOST:PORT"
            ) from None


def transport_of(fleet: Fleet, *, sudo_password: str | None = None) -> "SshTransport":
    """How its hosts are reached.

    Raises:
        KnownHostsError: when a file of known hosts cannot be used.
        LoginError: when a key to log in with cannot be used.
    """
    from zonewright.cli.output import MISUSE, ending_with
    from zonewright.fleet.access import transport_of as opened

    with ending_with(MISUSE):
        return opened(fleet.file, folder=fleet.folder, root=fleet.root, sudo_password=sudo_password)
