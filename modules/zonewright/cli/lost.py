"""``zonewright pue lost``: decide that hours of readings which a time-series database lost are gone, or are back."""

import argparse
from pathlib import Path


def add_lost(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", ledger: str) -> None:
    """Add the verb ``lost``; ``ledger`` is the default URL."""
    lost = verbs.add_parser(
        "lost",
        help="decide that readings which a time-series database lost are gone",
        description=(
            "Ask the time-series database for the readings of the meters in the window. Hours that it lost are "
            "declared lost: their time is unknown from then on, and what waited for them goes on. The journal records "
            "who decided it and why. Hours that it has stay as they are. With --returned the reverse: hours that were "
            "declared lost count again if the database has exactly their readings."
        ),
        epilog="Exit codes: 0 done, 1 nothing is lost or returned, 2 misuse, 3 the database does not answer.",
    )
    lost.add_argument("--site", required=True, metavar="SITE", help="the site of the meters")
    lost.add_argument("--meter", action="append", metavar="METER", help="a meter; may be repeated (default: all)")
    lost.add_argument("--from", dest="start", required=True, metavar="TIME", help="begin, ISO 8601 with offset")
    lost.add_argument("--to", dest="end", required=True, metavar="TIME", help="end, ISO 8601 with offset")
    lost.add_argument("--reason", required=True, metavar="TEXT", help="why, for the journal")
    lost.add_argument("--by", required=True, metavar="NAME", help="who decided it, for the journal")
    way = lost.add_mutually_exclusive_group()
    way.add_argument(
        "--gone", action="store_true", help="the database will not come back: what it does not tell is lost, too"
    )
    way.add_argument(
        "--returned", action="store_true", help="the database has lost hours again, as from a backup: they count"
    )
    lost.add_argument("--zone", type=Path, required=True, metavar="FOLDER", help="the zone's folder")
    lost.add_argument("--ledger", default=ledger, metavar="URL", help=f"the ledger (default: {ledger})")
    lost.set_defaults(run=_lost)


def _lost(arguments: argparse.Namespace) -> int:
    from zonewright.cli.bring import require_decision, require_moved, site_meters, tell
    from zonewright.cli.connection import readings_at
    from zonewright.cli.output import GOOD, MISUSE, REFUSED, StoppedError
    from zonewright.rules.words import count_of
    from zonewright.telemetry.correcting import Intake
    from zonewright.telemetry.interface import ConflictError
    from zonewright.telemetry.tsdb.losing import give_up
    from zonewright.telemetry.tsdb.returning import take_back

    require_decision(arguments)
    window = _window(arguments)
    meters = site_meters(arguments.zone, arguments.site)
    if meters is None:
        return REFUSED
    chosen = arguments.meter or sorted(meters)
    if unknown := [name for name in chosen if name not in meters]:
        raise StoppedError(
            *(
                f"--meter: {arguments.site} has no meter '{name}'; it has {', '.join(sorted(meters))}"
                for name in unknown
            ),
            code=MISUSE,
        )
    require_moved(arguments.ledger)
    wanted = {name: meters[name] for name in chosen}
    intake = Intake(kind="returned" if arguments.returned else "lost", by=arguments.by, reason=arguments.reason)
    with readings_at(arguments.ledger) as home:
        try:
            found = (
                take_back(home, arguments.site, wanted, window, intake)
                if arguments.returned
                else give_up(home, arguments.site, wanted, window, intake, is_gone=arguments.gone)
            )
        except ConflictError as error:
            raise StoppedError(f"{error}; nothing was changed", code=REFUSED) from None
    what = "brought back; that time is known again" if arguments.returned else "declared lost; that time is unknown now"
    for name, hours in found.items():
        print(f"{name}: {count_of(hours, 'hour')} {what}")
    tell(arguments.ledger)
    return GOOD


def _window(arguments: argparse.Namespace) -> tuple[int, int]:
    """Begin and end in microseconds.

    Raises:
        StoppedError: with a sentence for each that is no time.
    """
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.pue.readings import time_us

    times: list[int] = []
    faults: list[str] = []
    for option, text in (("--from", arguments.start), ("--to", arguments.end)):
        try:
            times.append(time_us(text))
        except (ValueError, OverflowError):
            faults.append(
                f"{option}: expected ISO 8601 with an offset, such as 2026-07-01T10:00:00+08:00, got '{text}'"
            )
    if not faults and times[0] >= times[1]:
        faults.append(f"--to: expected a time after --from, got '{arguments.end}'")
    if faults:
        raise StoppedError(*faults, code=MISUSE)
    return times[0], times[1]
