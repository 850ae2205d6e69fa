"""``zonewright pue prune``: remove old readings and samples; what they sum up to stays."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli.serve import add_retention, retention_faults

if TYPE_CHECKING:
    from zonewright.ledger.store.context import Context
    from zonewright.telemetry.home import TelemetryHome

_DAY_S = 86_400


def add_prune(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", ledger: str) -> None:
    """Add the verb ``prune``; ``ledger`` is the default URL."""
    prune = verbs.add_parser(
        "prune",
        help="remove old readings; sums by hour and day stay",
        description=(
            "Remove old readings of meters and old samples of agents. Energy by hour and by day stays, and so do "
            "the readings around every gap, so no figure changes its coverage or verdict. The journal records "
            "digests of the removed readings and of the sums by hour. The evidence of changes has these sums "
            "instead of the readings."
        ),
    )
    add_retention(prune, "remove")
    prune.add_argument("--ledger", default=ledger, metavar="URL", help=f"the ledger's file (default: {ledger})")
    prune.set_defaults(run=_prune)


def _prune(arguments: argparse.Namespace) -> int:
    import time

    from zonewright.cli.connection import ledger_place, measuring_ledger
    from zonewright.cli.output import GOOD, MISUSE, REFUSED, StoppedError, report_error
    from zonewright.ledger.verbs.pruning import NotRecordedError
    from zonewright.rules.words import count_of
    from zonewright.telemetry.samples import Samples, samples_file, samples_path
    from zonewright.telemetry.tables import readings_file, telemetry_path

    if faults := retention_faults(arguments, 1):
        raise StoppedError(*faults, code=MISUSE)
    (file, _), now_s = ledger_place(arguments.ledger), int(time.time())
    removed, code = 0, GOOD
    days = count_of(arguments.keep_readings_days, "day")
    with measuring_ledger(arguments.ledger) as context:
        telemetry, reports = (
            (readings_file(telemetry_path(file)), samples_file(samples_path(file)))
            if context is None
            else (context.telemetry, context.samples)
        )
        if telemetry is None or reports is None or not (telemetry.is_there() or reports.is_there()):
            raise StoppedError(f"there are no readings and no samples beside {arguments.ledger}", code=REFUSED)
        before_us = (now_s - arguments.keep_readings_days * _DAY_S) * 10**6
        try:
            readings = _prune_readings(file, context, telemetry, before_us)
            print(f"removed {count_of(readings, 'reading')} older than {days}")
        except NotRecordedError as error:
            code = report_error(error)
        if reports.is_there():
            samples = Samples(reports)
            removed = samples.prune((now_s - arguments.keep_days * _DAY_S) * 10**9)
            samples.close()
    print(f"removed {count_of(removed, 'sample')} older than {count_of(arguments.keep_days, 'day')}")
    print("sums by hour and day stay")
    return code


def _prune_readings(ledger: Path, context: "Context | None", telemetry: "TelemetryHome", before_us: int) -> int:
    """Remove readings, and have the ledger record it; says so where there is no ledger yet."""
    from zonewright.ledger.verbs.pruning import prune
    from zonewright.telemetry import Store

    if not telemetry.is_there():
        return 0
    if context is not None:
        return prune(context, before_us)
    print(f"there is no ledger at {ledger} yet; the next removal or decision beside one records this", file=sys.stderr)
    return Store(telemetry).prune(before_us)
