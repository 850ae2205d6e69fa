"""``zonewright pue prune``: remove old readings and samples; what they sum up to stays."""

import argparse
import sys

from zonewright.cli.serve import KEEP_DAYS, samples_path

_DAY_S = 86_400


def add_prune(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", ledger: str) -> None:
    """Add the verb ``prune``; ``ledger`` is the default URL."""
    prune = verbs.add_parser(
        "prune",
        help="remove old readings; sums by hour and day stay",
        description="Remove readings of meters and samples of agents that are older than some days. Energy by hour and "
        "by day stays, and so do the readings around every gap: no figure changes its coverage or verdict.",
    )
    prune.add_argument(
        "--keep-days", type=int, default=KEEP_DAYS, metavar="DAYS", help=f"how many days stay (default: {KEEP_DAYS})"
    )
    prune.add_argument("--ledger", default=ledger, metavar="URL", help=f"the ledger's file (default: {ledger})")
    prune.set_defaults(run=_prune)


def _prune(arguments: argparse.Namespace) -> int:
    import time

    from zonewright.cli.connection import ledger_file
    from zonewright.cli.output import MISUSE, REFUSED
    from zonewright.ledger.measuring import telemetry_path
    from zonewright.rules.words import some
    from zonewright.telemetry import Store
    from zonewright.telemetry.samples import Samples

    if arguments.keep_days < 1:
        print(f"error: --keep-days: expected 1 day or more, got {arguments.keep_days}", file=sys.stderr)
        return MISUSE
    file, before_s = ledger_file(arguments.ledger), int(time.time()) - arguments.keep_days * _DAY_S
    telemetry, reports = telemetry_path(file), samples_path(file)
    if not telemetry.is_file() and not reports.is_file():
        print(f"error: there are neither readings nor samples beside {arguments.ledger}", file=sys.stderr)
        return REFUSED
    readings = Store(telemetry).prune(before_s * 10**6) if telemetry.is_file() else 0
    removed = 0
    if reports.is_file():
        samples = Samples(reports)
        removed = samples.prune(before_s * 10**9)
        samples.close()
    what = f"{some(readings, 'reading')} and {some(removed, 'sample')}"
    print(f"{what} older than {some(arguments.keep_days, 'day')} removed; sums by hour and day stay")
    return 0
