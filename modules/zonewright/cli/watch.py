"""``zonewright watch``: look at the energy ratios again and again, and tell what changes."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from zonewright.seal.keys import SigningKey
    from zonewright.server.energy_watch import SiteMemory
    from zonewright.server.webhook import Webhook

LEDGER = "sqlite:///.zonewright/ledger.db"
_FOLDER = Path(".zonewright/watch")
_HERE = ("127.0.0.1", "localhost", "::1")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``watch``."""
    parser = commands.add_parser(
        "watch",
        help="look at the energy ratios again and again, and tell what changes",
        description=(
            "Evaluate the energy ratio of each data centre again and again. Print a line for each change of verdict, "
            "limit, trust, reason or finding, and send it to a webhook as a signed CloudEvent. Write alert rules for "
            "Prometheus. A webhook that does not answer, or a ledger that cannot be reached, ends nothing: events wait "
            "on the disk, and the next look comes."
        ),
        epilog="Exit codes: 0 interrupted, or with --once nothing failed, 2 misuse, 3 with --once not decided.",
    )
    parser.add_argument(
        "--every", type=int, default=60, metavar="SECONDS", help="seconds between two looks (default: 60)"
    )
    parser.add_argument("--once", action="store_true", help="look once, send what waits, and end")
    parser.add_argument("--webhook", metavar="URL", help="send changes to this URL, https unless it is on this host")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the Ed25519 key that signs the events")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="file with the bearer token for the webhook")
    parser.add_argument("--rules", type=Path, metavar="FILE", help="write alert rules for Prometheus to this file")
    parser.add_argument(
        "--folder",
        type=Path,
        default=_FOLDER,
        metavar="DIR",
        help=f"where events wait, and what was told is kept (default: {_FOLDER})",
    )
    parser.add_argument("--ledger", default=LEDGER, metavar="URL", help=f"the ledger (default: {LEDGER})")
    parser.set_defaults(run=_watch, extra="ledger")


def _watch(arguments: argparse.Namespace) -> int:
    from contextlib import nullcontext

    from zonewright.cli.again import again, fault_of_pause
    from zonewright.cli.output import GOOD, MISUSE, NOT_DECIDED, StoppedError
    from zonewright.server.energy_watch import SiteMemory

    if faults := [one for one in (fault_of_pause("--every", arguments.every), *_faults(arguments)) if one]:
        raise StoppedError(*faults, code=MISUSE)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    webhook, key = _webhook(arguments)
    memory = SiteMemory(arguments.folder / "told.json")
    try:
        with webhook if webhook is not None and not arguments.once else nullcontext():
            for _ in again(arguments.every):
                is_done = _look(arguments, memory, webhook, key)
                if arguments.once:
                    is_sent = webhook is None or webhook.drain()
                    return GOOD if is_done and is_sent else NOT_DECIDED
    except KeyboardInterrupt:  # the way in which a watch ends
        pass
    return GOOD


def _faults(arguments: argparse.Namespace) -> "Sequence[str]":
    """What is wrong with the options about files and the webhook."""
    from urllib.parse import urlsplit

    if arguments.rules is not None and not arguments.rules.name:
        return ["--rules: expected a file, such as rules.yml"]
    if arguments.webhook is None:
        named = (("--key", arguments.key), ("--token-file", arguments.token_file))
        return [f"{option}: it is for --webhook; add the URL, or leave it out" for option, value in named if value]
    try:
        parts = urlsplit(arguments.webhook)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    is_good = bool(host) and port != 0 and (parts.scheme == "https" or (parts.scheme == "http" and host in _HERE))
    if not is_good or parts.username or parts.password:
        return ["--webhook: expected https://HOST/PATH without a password (http only to this host)"]
    return [] if arguments.key is not None else ["--webhook: expected --key FILE too: every event is signed"]


def _webhook(arguments: argparse.Namespace) -> "tuple[Webhook | None, SigningKey | None]":
    from zonewright.audit.evidence.keys import load_key_here
    from zonewright.server.webhook import Webhook

    if arguments.webhook is None:
        return None, None
    token = "" if arguments.token_file is None else _token(arguments.token_file)
    made = Webhook(arguments.webhook, arguments.folder / "events", token=token, say=_say)
    return made, load_key_here(arguments.key)


def _token(path: Path) -> str:
    """The token of a file: one word, since a header holds no more.

    Raises:
        StoppedError: when there is none.
    """
    from zonewright.cli.output import MISUSE, StoppedError

    words = path.read_bytes().split()
    if len(words) != 1 or not (words[0].isascii() and words[0].decode("ascii").isprintable()):
        raise StoppedError(f"--token-file {path}: expected one line with the token and nothing else", code=MISUSE)
    return words[0].decode("ascii")


def _look(
    arguments: argparse.Namespace, memory: "SiteMemory", webhook: "Webhook | None", key: "SigningKey | None"
) -> bool:
    """One look; whether it could be done. What was not told now is told after the next one."""
    from datetime import UTC, datetime
    from secrets import token_hex

    from zonewright.cli.connection import open_ledger
    from zonewright.declare.stack_file import project_root
    from zonewright.errors import ZonewrightError, reason_of
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.capacity_messages import EnergyRequest
    from zonewright.seal.event import event_text
    from zonewright.server.energy_watch import CHANGED

    try:
        with open_ledger(arguments.ledger, project_root(Path.cwd())) as ledger:
            rows: Sequence[Mapping[str, object]] = ledger.call(verbs.ENERGY, EnergyRequest()).sites
        _write_rules(arguments.rules, rows)
        for change in memory.changes(rows):
            now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
            if webhook is not None and key is not None:
                webhook.put(
                    event_text(
                        source=f"zonewright:{arguments.ledger.partition('://')[2]}",
                        name=f"{webhook.spool.next_sequence:020}-{token_hex(6)}",  # of another folder none is the same
                        kind=CHANGED,
                        subject=change.site,
                        time=now,
                        data=change.to_data(),
                        key=key,
                    )
                )
            memory.keep(change)
            print(f"{now} {change.line()}", flush=True)
    except (ZonewrightError, OSError) as error:
        _say(f"this look failed: {reason_of(error)}; the next one comes")
        return False
    return True


def _write_rules(path: Path | None, rows: "Sequence[Mapping[str, object]]") -> None:
    """Write the rules where they differ from what is there, whole or not at all."""
    from zonewright.server.energy_watch import alert_rules

    if path is None:
        return
    text = alert_rules(rows)
    if not path.is_file() or path.read_bytes() != text.encode():
        temporary = path.with_name(f"{path.name}.new")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
