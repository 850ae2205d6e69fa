"""``zonewright serve``: the ledger and the ingest of telemetry over HTTP."""

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli.serve_clients import add_clients, client_faults, clients_of
from zonewright.fleet.agents.layout import AGENTS

if TYPE_CHECKING:
    from socket import socket

    from zonewright.server.assembly import ServiceSettings
    from zonewright.server.certificate import ServiceCertificate
    from zonewright.server.client_authorities import ClientAuthorities
    from zonewright.server.client_certificates import Proxy

CALLS_PER_S = 200
"""An `up` makes one for each node, some dozens a second."""
MAX_CALLS_PER_S = 100_000
KEEP_DAYS = 90
KEEP_READINGS_DAYS = 430
"""Thirteen months and a margin: the evidence of a change holds the readings behind its trailing twelve months."""
_BACKLOG = 1024


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``serve``."""
    parser = commands.add_parser(
        "serve",
        help="serve the ledger and receive the reports of agents",
        description=(
            "Serve a ledger and receive the reports of agents, by default over HTTP for this host only. Each "
            "call of the ledger brings the token of a principal, which zonewright access grant gives. Other hosts can "
            "call the ledger over HTTPS only."
        ),
    )
    parser.add_argument(
        "--ledger",
        type=_placed,
        default=".zonewright/ledger.db",
        metavar="FILE|URL",
        help="the ledger's file, or postgresql://HOST/DATABASE without a password",
    )
    parser.add_argument(
        "--agents",
        type=Path,
        default=AGENTS,
        metavar="FILE",
        help="file of the agents that may report; a ledger on PostgreSQL knows more of them itself",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="another name that requests may use for this service, such as the name of a proxy; may be repeated",
    )
    parser.add_argument(
        "--tls-certificate",
        type=Path,
        metavar="FILE",
        help="serve HTTPS with this certificate and its chain (PEM); a renewed file is taken at the next connection",
    )
    parser.add_argument(
        "--tls-key", type=Path, metavar="FILE", help="the certificate's private key (PEM, without a passphrase)"
    )
    add_clients(parser)
    parser.add_argument("--port", type=int, default=8480, help="port (default: 8480; 0 takes a free one)")
    parser.add_argument(
        "--calls-per-second",
        type=float,
        default=CALLS_PER_S,
        metavar="N",
        help=(
            f"calls of the ledger that each principal may make in the mean, ten seconds of them at once (default: "
            f"{CALLS_PER_S}; 0 for any number)"
        ),
    )
    parser.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help=(
            "what is written to standard error: what went wrong, as sentences; or each request too, one JSON object a "
            "line (default: text)"
        ),
    )
    parser.add_argument(
        "--witnesses",
        type=Path,
        metavar="FILE",
        help="who keeps signed heads of the journal: repositories of Git, services of others and time-stamps (YAML)",
    )
    add_retention(parser, "once a day, remove", "; 0 keeps all")
    parser.add_argument("--issue", metavar="AGENT", help=("issue a new token for an agent, print it once, and exit"))
    parser.add_argument("--node", metavar="NODE", help=("with --issue: the node that the agent reports for"))
    parser.set_defaults(run=_run, extra="ledger")


def add_retention(parser: argparse.ArgumentParser, verb: str, more: str = "") -> None:
    """Add how long samples of agents and readings of meters are kept."""
    for option, what, days in (
        ("--keep-days", "samples of agents", KEEP_DAYS),
        ("--keep-readings-days", "readings of meters", KEEP_READINGS_DAYS),
    ):
        text = f"{verb} {what} that are older; sums by hour and day stay (default: {days}{more})"
        parser.add_argument(option, type=int, default=days, metavar="DAYS", help=text)


def retention_faults(arguments: argparse.Namespace, least: int) -> list[str]:
    """What is wrong with the two, each as a sentence."""
    given = {"--keep-days": arguments.keep_days, "--keep-readings-days": arguments.keep_readings_days}
    unit = "day" if least == 1 else "days"
    return [f"{name}: expected {least} {unit} or more, got {days}" for name, days in given.items() if days < least]


def _placed(text: str) -> tuple[Path, str]:
    """Where what belongs to the ledger lies, and its URL where it is on PostgreSQL."""
    from zonewright.ledger.protocol.errors import LedgerMisuseError
    from zonewright.ledger.protocol.ledger_url import SQLITE, is_postgresql, place_of, require_url

    if not (text.startswith(SQLITE) or is_postgresql(text)):
        return Path(text), ""
    try:
        require_url(text)
    except LedgerMisuseError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return place_of(text, Path())


def _run(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.server.agents import issue_token, load_agents
    from zonewright.server.door import LOOPBACK

    faults = [*retention_faults(arguments, 0), *client_faults(arguments)]
    if not 0 <= arguments.calls_per_second <= MAX_CALLS_PER_S:
        faults.append(f"--calls-per-second: expected 0 to {MAX_CALLS_PER_S:,}, got {arguments.calls_per_second:g}")
    if faults:
        raise StoppedError(*faults, code=MISUSE)
    path, url = arguments.ledger
    if not path.name or path.is_dir():
        raise StoppedError(f"--ledger: expected a file, got the folder {path}", code=MISUSE)
    if arguments.issue is not None:
        if arguments.node is None:
            raise StoppedError("name the node with --node", code=MISUSE)
        if url:
            print(_issue_for_all(path, url, arguments.issue, arguments.node))
        else:
            print(issue_token(arguments.agents, arguments.issue, arguments.node))
        return 0
    load_agents(arguments.agents)
    authorities, proxy = clients_of(arguments, _say)
    certificate = _certificate(arguments, authorities)
    with_ledger = arguments.host in LOOPBACK or certificate is not None
    if not with_ledger:
        print(
            "without --tls-certificate and --tls-key the ledger is not served beyond this host: its answers and tokens "
            "would be readable on the way; agents can use this address",
            file=sys.stderr,
        )
    settings = _settings(arguments, authorities, proxy, with_ledger=with_ledger)
    return _serve(arguments, settings, certificate)


def _settings(
    arguments: argparse.Namespace,
    authorities: "ClientAuthorities | None",
    proxy: "Proxy | None",
    *,
    with_ledger: bool,
) -> "ServiceSettings":
    from zonewright.server.assembly import ServiceSettings
    from zonewright.server.door import LOOPBACK

    path, url = arguments.ledger
    is_closed = with_ledger or arguments.allow_host  # agents alone come with tokens, under any name
    return ServiceSettings(
        ledger=path,
        url=url,
        agents=arguments.agents,
        with_ledger=with_ledger,
        # Behind a proxy whoever reaches that chooses the name: what comes under a loopback one may be anybody's.
        is_local=arguments.host in LOOPBACK and not arguments.allow_host and proxy is None,
        hosts=(*LOOPBACK, arguments.host, *arguments.allow_host) if is_closed else None,
        calls_per_s=arguments.calls_per_second,
        authorities=authorities,
        proxy=proxy,
    )


def _issue_for_all(path: Path, url: str, agent: str, node: str) -> str:
    """A token that every service of a ledger on PostgreSQL knows."""
    from contextlib import closing

    from zonewright.ledger.store.database import Database
    from zonewright.ledger.store.homes import homes_of
    from zonewright.ledger.transport.client import lock_wait_s
    from zonewright.server.agent_table import AgentsTable

    with closing(Database(path, url, lock_wait_s=lock_wait_s())) as database, closing(homes_of(database)) as homes:
        return AgentsTable(homes.samples).issue_one(agent, node)


def _certificate(arguments: argparse.Namespace, authorities: "ClientAuthorities | None") -> "ServiceCertificate | None":
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.server.certificate import ServiceCertificate

    files = {"--tls-certificate": arguments.tls_certificate, "--tls-key": arguments.tls_key}
    missing = [name for name, path in files.items() if path is None]
    if len(missing) == 1:
        raise StoppedError(f"{missing[0]}: expected it beside the other of the two, got none", code=MISUSE)
    if missing:
        return None
    return ServiceCertificate(arguments.tls_certificate, arguments.tls_key, say=_say, authorities=authorities)


def _serve(arguments: argparse.Namespace, settings: "ServiceSettings", certificate: "ServiceCertificate | None") -> int:
    from contextlib import ExitStack

    from zonewright.server.assembly import Assembly
    from zonewright.server.live import LiveReadings
    from zonewright.server.log import log_as_json
    from zonewright.server.running import Retention, serve
    from zonewright.server.witness_file import read_witnesses

    if arguments.log_format == "json":
        log_as_json()
    sent = None
    if arguments.witnesses is not None:
        sent = read_witnesses(arguments.witnesses, settings.ledger.with_name("witness-copies"))
    with Assembly(settings, say=_say) as assembly, ExitStack() as running:
        if sent is not None:
            running.enter_context(assembly.witnessing(*sent))
        listener = running.enter_context(_listening(arguments))
        _tell_address(listener, assembly.what, "http" if certificate is None else "https")
        with (
            Retention(
                assembly.prune_readings,
                assembly.samples,
                keep_days=arguments.keep_days,
                keep_readings_days=arguments.keep_readings_days,
                say=_say,
            ),
            LiveReadings(assembly.context, say=_say),
            assembly.moving(),
        ):
            serve(assembly.app, listener, certificate.context if certificate is not None else None)
    return 0


def _listening(arguments: argparse.Namespace) -> "socket":
    """A socket that listens where the command line says."""
    import socket

    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.errors import reason_of

    family = socket.AF_INET6 if ":" in arguments.host else socket.AF_INET
    # Named as TCP, so that asyncio turns Nagle's algorithm off: else each answer waits 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((arguments.host, arguments.port))
        listener.listen(_BACKLOG)  # before its address is told: whoever reads it may connect at once
    except (OSError, OverflowError) as error:
        listener.close()
        where = f"{arguments.host} port {arguments.port}"
        raise StoppedError(f"cannot listen on {where}: {reason_of(error)}", code=MISUSE) from None
    return listener


def _tell_address(listener: "socket", what: str, scheme: str) -> None:
    """Say where the service listens, as soon as it does."""
    host, port = listener.getsockname()[:2]
    print(f"{what} on {scheme}://{f'[{host}]' if ':' in host else host}:{port}", flush=True)


def _say(sentence: str) -> None:
    logging.getLogger("zonewright.service").warning(sentence)
