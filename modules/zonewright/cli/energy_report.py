"""``zonewright pue report``: a page that shows a site's energy, as one HTML file."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zonewright.audit.report.energy_site import EnergySite
    from zonewright.model.world import ZoneFacts
    from zonewright.telemetry.home import TelemetryHome


def add_report(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", default: str) -> None:
    """Add the verb.

    Args:
        verbs: those of ``zonewright pue``.
        default: the ledger's URL where none is given.
    """
    verb = verbs.add_parser(
        "report",
        help="write a page with drawings of a site's energy",
        description=(
            "Write one HTML file on a site's energy: months against the limit, load against ratio with the load model, "
            "the flow by meter with what does not close, and the coverage of each day."
        ),
        epilog="Exit codes: 0 written, 2 misuse.",
    )
    verb.add_argument("sites", nargs="*", metavar="SITE", help="the data centres (default: all that have readings)")
    verb.add_argument("--out", type=Path, default=Path("energy.html"), metavar="FILE", help="default: energy.html")
    verb.add_argument("--zone", type=Path, metavar="FOLDER", help="use this folder as the zone instead of the ledger")
    verb.add_argument("--ledger", default=default, metavar="URL", help=f"the ledger (default: {default})")
    verb.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from zonewright.audit.report.energy_html import energy_html
    from zonewright.cli.connection import measuring_ledger, readings_at
    from zonewright.cli.energy import folder_facts
    from zonewright.cli.output import MISUSE, REFUSED, StoppedError
    from zonewright.ledger.verbs.energy import measured_zone

    if arguments.zone is not None:
        facts = folder_facts(arguments.zone, arguments.ledger)
        if facts is None:
            return REFUSED
        with readings_at(arguments.ledger) as home:
            pages = _pages(facts, home, arguments.sites)
    else:
        with measuring_ledger(arguments.ledger) as context:
            if context is None or context.telemetry is None:
                raise StoppedError(f"there is no ledger at {arguments.ledger}; name another, or --zone", code=MISUSE)
            facts = measured_zone(context)
            pages = _pages(facts, context.telemetry, arguments.sites)
    arguments.out.write_text(energy_html(pages, facts.zone.zone), encoding="utf-8")
    print(f"{arguments.out}: {', '.join(one.site for one in pages)}")
    return 0


def _pages(facts: "ZoneFacts", home: "TelemetryHome", wanted: "Sequence[str]") -> "list[EnergySite]":
    """What there is to show of the sites that are wanted.

    Raises:
        StoppedError: where one of them is none, or has no readings of each meter.
    """
    from zonewright.audit.report.energy_site import energy_site
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.ledger.deciding.measuring import terms_of
    from zonewright.rules.energy_state import model_of
    from zonewright.rules.site_power import data_centres
    from zonewright.rules.site_status import site_status
    from zonewright.telemetry import Store
    from zonewright.telemetry.site_meters import meters_of

    terms = terms_of(facts.zone)
    if terms is None:
        raise StoppedError("no rule pack of the zone limits the energy ratio, so nothing is measured", code=MISUSE)
    store = Store(home) if home.is_there() else None
    centres = {name: (site, rooms) for name, site, rooms in data_centres(facts)}
    known = {name: set(store.last(name)) for name in centres if store is not None and meters_of(centres[name][0].site)}
    whole = [name for name, there in known.items() if there >= meters_of(centres[name][0].site).keys()]
    for name in wanted:
        if name not in whole:
            told = f"expected a data centre with readings of each meter ({', '.join(whole) or 'there is none'})"
            raise StoppedError(f"{told}, got '{name}'", code=MISUSE)
    if store is None or not whole:
        raise StoppedError("no data centre has readings of each meter of its boundary; import some", code=MISUSE)
    found = []
    for name in wanted or whole:
        site, rooms = centres[name]
        measured = facts.measured[name]
        lines = list(site_status(facts, name, site, rooms, measured).lines())
        model = model_of(site, rooms, measured)
        found.append(energy_site(store, name, site.site, found=measured, model=model, terms=terms, lines=lines))
    return found
