"""``zonewright pue prune``: remove old readings and samples; what they sum up to stays."""

import argparse
import sys
from pathlib import Path

from zonewright.cli.serve import add_retention, retention_faults

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

    from zonewright.cli.connection import ledger_place
    from zonewright.cli.output import GOOD, MISUSE, REFUSED, StoppedError, report_error
    from zonewright.ledger.deciding.measuring import telemetry_path
    from zonewright.ledger.verbs.pruning import NotRecordedError
    from zonewright.rules.words import count_of
    from zonewright.telemetry.samples import Samples, samples_path

    if faults := retention_faults(arguments, 1):
        raise StoppedError(*faults, code=MISUSE)
    (file, url), now_s = ledger_place(arguments.ledger), int(time.time())
    telemetry, reports = telemetry_path(file), samples_path(file)
    if not telemetry.is_file() and not reports.is_file():
        raise StoppedError(f"there are no readings and no samples beside {arguments.ledger}", code=REFUSED)
    removed, code = 0, GOOD
    days = count_of(arguments.keep_readings_days, "day")
    try:
        readings = _prune_readings(file, url, telemetry, (now_s - arguments.keep_readings_days * _DAY_S) * 10**6)
        print(f"removed {count_of(readings, 'reading')} older than {days}")
    except NotRecordedError as error:
        code = report_error(error)
    if reports.is_file():
        samples = Samples(reports)
        removed = samples.prune((now_s - arguments.keep_days * _DAY_S) * 10**9)
        samples.close()
    print(f"removed {count_of(removed, 'sample')} older than {count_of(arguments.keep_days, 'day')}")
    print("sums by hour and day stay")
    return code


def _prune_readings(ledger: Path, url: str, telemetry: Path, before_us: int) -> int:
    """Remove readings, and have the ledger record it; says so where there is no ledger yet."""
    from contextlib import closing

    from zonewright.ledger.store.context import Context
    from zonewright.ledger.store.database import Database
    from zonewright.ledger.transport.client import lock_wait_s
    from zonewright.ledger.verbs.pruning import prune
    from zonewright.telemetry import Store

    if not telemetry.is_file():
        return 0
    if not (url or ledger.is_file()):
        print(
            f"there is no ledger at {ledger} yet; the next removal or decision beside one records this", file=sys.stderr
        )
        return Store(telemetry).prune(before_us)
    with closing(Database(ledger, url, lock_wait_s=lock_wait_s())) as database:
        return prune(Context(database=database, telemetry=telemetry), before_us)
