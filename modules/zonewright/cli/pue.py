"""``zonewright pue``: energy ratios from readings, and what a change would do to them."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli.bring import add_bring
from zonewright.cli.energy import run_forecast, run_status
from zonewright.cli.energy_report import add_report
from zonewright.cli.lost import add_lost
from zonewright.cli.options import add_format
from zonewright.cli.prune import add_prune
from zonewright.cli.signed import add_signed

if TYPE_CHECKING:
    from zonewright.pue import Figure

LEDGER = "sqlite:///.zonewright/ledger.db"
EXIT = {"within": 0, "breach": 1, "undetermined": 3}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``pue``."""
    parser = commands.add_parser(
        "pue",
        help="exact energy ratios",
        description=("Compute energy ratios from readings of meters. Values are compared before they are rounded."),
    )
    parser.set_defaults(extra="ledger")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    evaluate = verbs.add_parser(
        "evaluate",
        help="the ratio of a window, its coverage, bounds and verdict",
        description=("Evaluate readings over a window: energies, ratio, bounds for unknown times, and the verdict."),
        epilog="Exit codes: 0 within, 1 breach, 2 faults in the input, 3 undetermined.",
    )
    evaluate.add_argument(
        "readings", type=Path, metavar="READINGS", help="CSV with meter,start,time,value, or an export with --map"
    )
    evaluate.add_argument("--map", type=Path, metavar="FILE", help="how the export of a building is read, as YAML")
    evaluate.add_argument("--meters", type=Path, required=True, metavar="FILE", help="the meters, as YAML")
    evaluate.add_argument(
        "--from", dest="start", required=True, metavar="TIME", help=("begin of the window, ISO 8601 with offset")
    )
    evaluate.add_argument(
        "--to", dest="end", required=True, metavar="TIME", help=("end of the window, ISO 8601 with offset")
    )
    evaluate.add_argument("--limit", default="1.25", metavar="RATIO", help="the limit (default: 1.25)")
    add_format(evaluate)
    evaluate.set_defaults(run=_evaluate)
    forecast = verbs.add_parser(
        "forecast",
        help="what more IT load would do to a site's ratio",
        description=(
            "Show the effect of more IT load on a site's energy ratio of the next twelve months, and the gate's "
            "decision."
        ),
        epilog="Exit codes: 0 admitted, 1 refused or an approval is needed, 2 misuse.",
    )
    forecast.add_argument("--site", required=True, metavar="SITE", help="the data centre")
    forecast.add_argument("--add", required=True, metavar="LOAD", help="IT load, such as 600kW or -600kW")
    forecast.add_argument(
        "--room", metavar="ROOM", help=("room that gets the load (default: a room that is already open)")
    )
    add_format(forecast)
    forecast.set_defaults(run=run_forecast)
    add_bring(verbs, LEDGER)
    status = verbs.add_parser(
        "status",
        help="show the energy ratios of each data centre",
        description=(
            "Print design, trailing twelve months and projection of each data centre, with the data that they rest on."
        ),
        epilog="Exit codes: 0 all within, 1 a breach, 2 misuse, 3 undetermined.",
    )
    add_format(status)
    status.add_argument(
        "--watch",
        type=int,
        nargs="?",
        const=60,
        metavar="SECONDS",
        help="show it again every so many seconds (60 if none are given) until it is interrupted",
    )
    status.set_defaults(run=run_status)
    add_report(verbs, LEDGER)
    add_prune(verbs, LEDGER)
    add_lost(verbs, LEDGER)
    add_signed(verbs, LEDGER)
    for verb in (forecast, status):
        verb.add_argument(
            "--zone", type=Path, metavar="FOLDER", help=("use this folder as the zone instead of the ledger")
        )
    for verb in (forecast, status):
        verb.add_argument("--ledger", default=LEDGER, metavar="URL", help=f"the ledger (default: {LEDGER})")


def _evaluate(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import MISUSE, print_json
    from zonewright.pue.printing import figure_data

    faults: list[str] = []
    figure = _figure(arguments, faults)
    if figure is None:
        for fault in faults:
            print(fault, file=sys.stderr)
        print(f"{len(faults)} fault{'s' if len(faults) != 1 else ''}; nothing was evaluated", file=sys.stderr)
        return MISUSE
    if arguments.format == "json":
        print_json(figure_data(figure))
    else:
        _print(figure, arguments.limit)
    return EXIT[figure.verdict]


def _figure(arguments: argparse.Namespace, faults: list[str]) -> "Figure | None":
    import time
    from dataclasses import replace
    from fractions import Fraction

    import yaml

    from zonewright.cli.reading_file import read_file
    from zonewright.pue import evaluate, read_meters
    from zonewright.pue.band import left_band, weeks_of
    from zonewright.pue.pieces import pieces_of
    from zonewright.pue.readings import time_us
    from zonewright.pue.series import Series

    moments: list[int] = []
    for option, text in (("--from", arguments.start), ("--to", arguments.end)):
        try:
            moments.append(time_us(text))
        except (ValueError, OverflowError):
            faults.append(
                f"{option}: expected ISO 8601 with an offset, such as 2025-01-01T00:00:00+08:00, got '{text}'"
            )
    if len(moments) > 1 and moments[0] >= moments[1]:
        faults.append(f"--to: expected a time after --from, got '{arguments.end}'")
    try:
        limit = Fraction(arguments.limit)
    except (ValueError, ZeroDivisionError):
        limit = Fraction(0)
    if not 1 <= limit <= 10:  # noqa: PLR2004 - a ratio is above 1 by definition
        faults.append(f"--limit: expected a ratio from 1 to 10, got '{arguments.limit}'")
    try:
        document = yaml.safe_load(arguments.meters.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        faults.append(f"{arguments.meters}: cannot be read: {str(error).splitlines()[0]}")
        return None
    meters, wrong = read_meters(document)
    faults += [f"{arguments.meters}: {fault}" for fault in wrong]
    if not meters:
        return None
    found = read_file(arguments.readings, arguments.map, meters, now_us=time.time_ns() // 1000)
    faults += found.faults
    if faults:
        return None
    figure = evaluate(meters, found.readings, start_us=moments[0], end_us=moments[1], limit=limit)
    weeks = {
        name: weeks_of(Series(pieces_of(meter, found.readings.get(name, ())), *moments))
        for name, meter in meters.items()
    }
    return replace(figure, doubts=(*figure.doubts, *left_band(meters, weeks)))


def _print(figure: "Figure", limit: str) -> None:
    from zonewright.pue.printing import decimals, figure_data

    data = figure_data(figure)
    print(f"{data['verdict']}: energy ratio {data['ratio'] or 'unknown'}, limit {limit} ({data['period']})")
    for label, value in (("total", figure.energy_total_wh), ("IT", figure.energy_it_wh)):
        print(f"  {label:<10}{decimals(value / 1_000_000, 3):>16} MWh over the time that all meters are known")
    print(f"  {'bounds':<10}{data['low'] or 'none'} to {data['high'] or 'none'} over the whole window")
    print(f"  {'coverage':<10}{decimals(figure.coverage * 100, 4)} %")
    if figure.meters is not None:
        print(f"  {'meters':<10}+-{figure.meters.half_width:.4f} by their classes (k = 2): {figure.meters.verdict}")
    for doubt in figure.doubts:
        print(f"  {'decides' if doubt.decides else 'finding'}   {doubt.sentence}")
