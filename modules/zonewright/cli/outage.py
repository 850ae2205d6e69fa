"""``zonewright outage``: who goes down while something is out of service, and who stays up on what."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli.options import add_format

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from zonewright.rules.outage import AffectedConnection, AffectedNode, OutageReport

_MOST_LINES = 20
"""Places are put together until so many lines tell of them."""
_WHAT = "a feed (dc1/a/01:A), rack, row, room, panel or other element of a supply (dc1/pa), duct or bridge"


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``outage``."""
    parser = commands.add_parser(
        "outage",
        help="show who goes down while something is out of service",
        description=(
            "Show who goes down while something is out of service, who stays up on what, and what then carries too "
            "much. With --from, works that are declared for that time count as well. Nothing is changed."
        ),
    )
    parser.add_argument("subjects", nargs="*", metavar="WHAT", help=_WHAT)
    parser.add_argument("--from", dest="begins", metavar="TIME", help="when it begins, such as 2026-12-01T22:00+08:00")
    parser.add_argument("--to", dest="ends", metavar="TIME", help="when it is over")
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("--zone", type=Path, metavar="FOLDER", help="ask a zone's folder instead of a ledger")
    asked.add_argument("--ledger", metavar="URL", help="the ledger's URL (default: the file of this checkout)")
    add_format(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from dataclasses import asdict

    from zonewright.cli.output import GOOD, REFUSED, print_json

    _require_window(arguments)
    report = _of_folder(arguments) if arguments.zone else _of_ledger(arguments)
    if report is None:
        return REFUSED
    if arguments.format == "json":
        print_json(asdict(report))
    else:
        for line in report_lines(report):
            print(line)
    hidden = dict(report.hidden)
    return REFUSED if report.down or report.overloaded or hidden.get("down") else GOOD


def _require_window(arguments: argparse.Namespace) -> None:
    import re

    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.model.works import MOMENT_PATTERN, minute_of

    moments = []
    for name, text in (("--from", arguments.begins), ("--to", arguments.ends)):
        if text is None:
            continue
        try:
            moments.append(minute_of(text if re.search(MOMENT_PATTERN, text) else ""))
        except (ValueError, IndexError):
            what = f"{name}: expected a minute with its offset from UTC, such as 2026-12-01T22:00+08:00, got '{text}'"
            raise StoppedError(what, code=MISUSE) from None
    if arguments.ends is not None and (arguments.begins is None or moments[0] >= moments[-1]):
        raise StoppedError("--to: expected a time after --from", code=MISUSE)
    if not arguments.subjects and arguments.begins is None:
        raise StoppedError(f"expected what is out: {_WHAT}; or --from TIME, for works that are declared", code=MISUSE)


def _of_folder(arguments: argparse.Namespace) -> "OutageReport | None":
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.cli.zone import judged_folder
    from zonewright.rules.lost import UnknownSubjectError, lost_with, works_in
    from zonewright.rules.outage import outage_of

    judged = judged_folder(arguments.zone)
    if judged is None:
        return None
    works = works_in(judged.world.zone, arguments.begins, arguments.ends)
    try:
        return outage_of(judged.world, lost_with(judged.world, arguments.subjects, works))
    except UnknownSubjectError as error:
        raise StoppedError(str(error), code=MISUSE) from None


def _of_ledger(arguments: argparse.Namespace) -> "OutageReport":
    from zonewright.cli.connection import open_ledger
    from zonewright.cli.ledger import DEFAULT
    from zonewright.declare.stack_file import project_root
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.outage_messages import OutageRequest

    request = OutageRequest(subjects=arguments.subjects, begins=arguments.begins, ends=arguments.ends)
    with open_ledger(arguments.ledger or DEFAULT, project_root(Path.cwd()), create=False) as client:
        return client.call(verbs.OUTAGE, request).report


def report_lines(report: "OutageReport") -> "Iterator[str]":
    """The report for people, within the terminal.

    Args:
        report: what an outage does.
    """
    from zonewright.rules.words import count_of

    for label in report.lost or ("nothing",):
        yield from _wrapped(f"out: {label}", "")
    hidden = dict(report.hidden)
    yield from _nodes("down", report.down, hidden.get("down", 0))
    yield from _nodes("stay up with one feed less", report.stays, hidden.get("stays", 0))
    if report.overloaded:
        yield ""
        yield f"{count_of(len(report.overloaded), 'supply')} too weak".replace("supplys", "supplies")
        for one in report.overloaded:
            over = one.value_w - one.limit_w
            text = f"{one.what} of {one.place}: {one.value_w:,} W of {one.limit_w:,} W, {over:,} W too much"
            yield from _wrapped(text, "  ")
    if report.links:
        yield ""
        yield from _wrapped(f"links down: {', '.join(report.links)}", "")
    for connection in report.connections:
        yield from _wrapped(_connection(connection), "  ")
    if not (report.down or report.overloaded or report.connections or hidden):
        yield ""
        yield "nobody goes down"


def _nodes(fate: str, nodes: "Sequence[AffectedNode]", hidden: int) -> "Iterator[str]":
    if not nodes and not hidden:
        return
    from zonewright.rules.words import count_of

    standing = [one for one in nodes if one.name.startswith("baseline/")]
    parts = [count_of(len(nodes) - len(standing), "node")] if len(nodes) > len(standing) else []
    parts += [f"what stands in {count_of(len(standing), 'rack')}"] if standing else []
    parts += [f"{count_of(hidden, 'node')} of others"] if hidden else []
    yield ""
    yield from _wrapped(f"{', '.join(parts)}: {fate}", "")
    for text in _grouped(nodes):
        yield from _wrapped(text, "  ")


def _grouped(nodes: "Sequence[AffectedNode]") -> "Iterable[str]":
    """Lines by place, party and what becomes of them: places are racks, or as much more as a screen needs."""
    from zonewright.rules.words import count_of, listed

    for depth in (0, 1, 2, 3):
        groups: dict[tuple[str, str, str], list[AffectedNode]] = {}
        for one in nodes:
            fate = one.why or (f"on {one.feeds}" if one.feeds else "")
            groups.setdefault((one.rack.rsplit("/", depth)[0], one.party, fate), []).append(one)
        if len(groups) <= _MOST_LINES:
            break
    for (place, party, fate), group in groups.items():
        racks = len({one.rack for one in group})
        names = [one.name if one.name.count("/") == 0 else one.name.split("/")[1] for one in group]
        where = f"{place} ({count_of(racks, 'rack')})" if racks > 1 else place
        text = f"{where} {party}: {listed(list(dict.fromkeys(names)))}"
        yield text + (f" ({fate})" if fate else "")


def _connection(one: "AffectedConnection") -> str:
    what = f"{one.party} {one.cluster}, connection {one.name} to {one.to}"
    if not one.path:
        return f"{what}: no path is left"
    late = f", over its limit of {one.limit_us:,} us" if one.delay_us > one.limit_us else ""
    return f"{what}: over {one.path} in {one.delay_us:,} us{late}"


def _wrapped(text: str, indent: str) -> "Iterable[str]":
    import textwrap

    from zonewright.cli.output import width

    return textwrap.wrap(
        text, width(), initial_indent=indent, subsequent_indent=f"{indent}    ", break_on_hyphens=False
    )
