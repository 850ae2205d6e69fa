"""``zonewright pue status`` and ``pue forecast``: of what the ledger holds, or of a folder as the whole zone."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zonewright.ledger.protocol.capacity_messages import EnergyAnswer, EnergyRequest
    from zonewright.model.world import ZoneFacts

_LOAD = re.compile(r"(?P<number>[-+]?[0-9]{1,9}(?:\.[0-9]{1,6})?) ?(?P<unit>W|kW|MW)", re.ASCII | re.IGNORECASE)
_UNITS = {"w": 1, "kw": 1_000, "mw": 1_000_000}


def run_forecast(arguments: argparse.Namespace) -> int:
    """What more IT load would do to a site's ratio."""
    from zonewright.cli.output import MISUSE, REFUSED, StoppedError, print_json
    from zonewright.ledger.protocol.capacity_messages import EnergyRequest

    match = _LOAD.fullmatch(arguments.add)
    if match is None:
        raise StoppedError(f"expected a load such as 600kW, 1.2MW or -600kW, got '{arguments.add}'", code=MISUSE)
    watts = round(float(match["number"]) * _UNITS[match["unit"].lower()])
    answer = _ask(arguments, EnergyRequest(site=arguments.site, add_w=watts, room=arguments.room))
    if answer is None or answer.forecast is None:
        return REFUSED
    if arguments.format == "json":
        print_json(answer.forecast)
    else:
        print("\n".join(answer.lines))
    return 0 if answer.forecast["decision"] == "admitted" else 1


def run_status(arguments: argparse.Namespace) -> int:
    """What is known of each data centre."""
    from zonewright.cli.again import again, fault_of_pause
    from zonewright.cli.output import MISUSE, NOT_DECIDED, REFUSED, StoppedError, print_json
    from zonewright.ledger.protocol.capacity_messages import EnergyRequest

    if fault := fault_of_pause("--watch", arguments.watch):
        raise StoppedError(fault, code=MISUSE)
    if arguments.watch is not None and arguments.format == "json":
        raise StoppedError("--watch is for people: leave --format json out", code=MISUSE)
    if arguments.watch is not None:
        try:
            for _ in again(arguments.watch):
                answer = _ask(arguments, EnergyRequest())
                if answer is None:
                    return REFUSED
                _show_again(answer.lines, arguments.watch)
        except KeyboardInterrupt:  # the way in which a watch ends
            pass
        return 0
    answer = _ask(arguments, EnergyRequest())
    if answer is None:
        return REFUSED
    if arguments.format == "json":
        print_json({"sites": answer.sites})
    else:
        print("\n".join(answer.lines))
    verdicts = {row["trigger"] for row in answer.sites if row["in_scope"]}
    return 1 if "breach" in verdicts else (NOT_DECIDED if "undetermined" in verdicts else 0)


def _show_again(lines: "Sequence[str]", seconds: int) -> None:
    """Show lines in the place of those before, on a terminal."""
    import sys
    from datetime import UTC, datetime

    if sys.stdout.isatty():
        print("\x1b[H\x1b[2J", end="")
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, every {seconds} s")
    print("\n".join(lines), flush=True)


def _ask(arguments: argparse.Namespace, request: "EnergyRequest") -> "EnergyAnswer | None":
    """The ledger's answer, or the folder's; None where the folder has faults, which are printed.

    Raises:
        ForecastError: one sentence where there is nothing to forecast.
    """
    from zonewright.cli.connection import open_ledger
    from zonewright.declare.stack_file import project_root
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.verbs.energy import answer_of

    if arguments.zone is None:
        with open_ledger(arguments.ledger, project_root(Path.cwd())) as ledger:
            return ledger.call(verbs.ENERGY, request)
    facts = folder_facts(arguments.zone, arguments.ledger)
    return None if facts is None else answer_of(facts, request)


def folder_facts(folder: Path, ledger_url: str) -> "ZoneFacts | None":
    """A folder as the whole zone, with what is measured beside the ledger."""
    from dataclasses import replace
    from datetime import UTC, datetime

    from zonewright.cli.connection import readings_at
    from zonewright.cli.zone import judged_folder
    from zonewright.ledger.deciding.banding import with_bands
    from zonewright.ledger.deciding.measuring import measured_sites

    judged = judged_folder(folder)
    if judged is None or judged.world.zone is None:
        return None
    facts = judged.world.zone
    now = datetime.now(UTC)
    with readings_at(ledger_url) as readings:
        facts = replace(facts, measured=measured_sites(facts, facts.sites, readings, now))
        return replace(facts, measured=with_bands(facts, readings, now))
