"""``zonewright zone``: types of nodes; sites, links and shared risks of a zone's folder, as a table and as a map."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli import zone_types
from zonewright.cli.options import add_format

if TYPE_CHECKING:
    from zonewright.model import Declaration
    from zonewright.place import JudgedZone
    from zonewright.render.zone.zone_table import ZoneTable


_WIDE = 78
"""Columns of the tables; a narrower terminal gets them without districts, and with the ducts of a link below it."""
_NARROW_HEAD = f"{'racks':>6}{'design kW':>10}{'used kW':>10}{'fill':>8}{'PUE':>6}"


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``zone``."""
    parser = commands.add_parser("zone", help="show a zone's folder", description=("Show a zone's folder."))
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    show = verbs.add_parser(
        "show",
        help="print sites, links and shared risks, and draw a map",
        description="Print the sites, links and shared risks of a zone's folder, and draw them as an SVG map.",
    )
    show.add_argument("zone", type=Path, metavar="ZONE", help="the zone's folder")
    show.add_argument("--svg", type=Path, metavar="FILE", help="write the map to this file")
    add_format(show)
    show.set_defaults(run=_show)
    zone_types.add_parser(verbs)


def loaded_folder(folder: Path) -> "Declaration | None":
    """The declaration of a folder; its faults are printed."""
    from datetime import UTC, datetime

    from zonewright.declare.load import load_zone

    loaded = load_zone(folder, on=datetime.now(UTC).date().isoformat())
    for problem in loaded.problems:
        print(problem)
    return None if loaded.problems else loaded.declaration


def judged_folder(folder: Path) -> "JudgedZone | None":
    """A folder with every node in its place; None where it has faults, which are printed."""
    from datetime import UTC, datetime

    from zonewright.own_rules import evaluate_trusted
    from zonewright.place import judge_declaration

    declaration = loaded_folder(folder)
    if declaration is None:
        return None
    return judge_declaration(declaration, on=datetime.now(UTC).date().isoformat(), judge=evaluate_trusted)


def _show(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from zonewright.cli.output import GOOD, REFUSED, print_json
    from zonewright.render.zone.zone_map import zone_map
    from zonewright.render.zone.zone_table import zone_table

    judged = judged_folder(arguments.zone)
    if judged is None or judged.world.zone is None:
        return REFUSED
    table = zone_table(judged.world)
    if arguments.svg is not None:
        arguments.svg.write_text(zone_map(judged.world.zone, table), encoding="utf-8")
    if arguments.format == "json":
        print_json(asdict(table))
    else:
        _print(table)
        if arguments.svg is not None:
            print(f"\nmap: {arguments.svg}")
    return GOOD


def _print_wrapped(text: str) -> None:
    import textwrap

    from zonewright.cli.output import width

    print(textwrap.fill(text, width(), subsequent_indent="    ", break_on_hyphens=False))


def _print(table: "ZoneTable") -> None:
    from zonewright.cli.output import width
    from zonewright.render.zone.zone_table import one_decimal

    is_wide = width() >= _WIDE
    at, between = (16, f"{'district':<10}") if is_wide else (15, "")
    head = f"{'racks':>6}{'design kW':>11}{'used kW':>10}{'fill':>8}{'design PUE':>12}"
    print(f"{'site':<{at}}{'kind':<5}{between}{head if is_wide else _NARROW_HEAD}")
    for site in table.sites:
        fill = f"{100 * site.used_kw / site.design_kw:.1f} %" if site.design_kw else "-"
        pue = f"{site.design_pue:.3f}" if site.design_pue else "-"
        kind = "dc" if site.kind == "data-centre" else "edge"
        district = f"{site.district:<10.10}" if is_wide else ""
        figures = f"{site.racks:>6,}{site.design_kw:>{at - 5},.1f}{site.used_kw:>10,.1f}{fill:>8}"
        print(f"{site.id:<{at}.{at}}{kind:<5}{district}{figures}{pue:>{12 if is_wide else 6}}")
    power = f"{table.used_kw:,.0f} of {table.design_kw:,.0f} kW, {table.fill_percent:.1f} % by power"
    by_racks = table.fill_by_racks_percent
    print()
    _print_wrapped(f"data centres: {power}" + (f", {by_racks:.1f} % by racks" if by_racks is not None else ""))
    for name in () if is_wide else dict.fromkeys(site.district for site in table.sites):
        _print_wrapped(f"{name}: {', '.join(site.id for site in table.sites if site.district == name)}")
    end, km, us = (16, 7, 8) if is_wide else (15, 6, 7)
    ducts = "  state   ducts" if is_wide else "  state"
    print(f"\n{'link':<6}{'from':<{end}}{'to':<{end}}{'km':>{km}}{'us':>{us}}{ducts}")
    for link in table.links:
        figures = f"{one_decimal(link.km):>{km}}{one_decimal(link.one_way_us):>{us}}"
        row = f"{link.id:<6}{link.a:<{end}.{end}}{link.b:<{end}.{end}}{figures}  {link.status:<8}"
        print(f"{row}{link.way()}" if is_wide else row.rstrip())
        if not is_wide:
            _print_wrapped(f"  {link.way()}")
    print("\nrisks that several links share (without sites):")
    for risk in table.shared_risks:
        _print_wrapped(f"  {risk.kind} {risk.id}: {', '.join(risk.links)}")
    if not table.shared_risks:
        print("  none")
