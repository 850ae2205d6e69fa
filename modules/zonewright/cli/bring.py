"""``zonewright pue import``, ``correct`` and ``corrections``: readings into the store, each told to the journal."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

    from zonewright.cli.reading_file import ReadingFile
    from zonewright.pue import MeterSpec
    from zonewright.telemetry.correcting import Superseded

_MOST = 200
"""Characters of a reason or a name."""


def add_bring(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", ledger: str) -> None:
    """Add the verbs ``import``, ``correct`` and ``corrections``; ``ledger`` is the default URL."""
    bring = verbs.add_parser(
        "import",
        help="store readings of a site's meters",
        description=(
            "Store readings of a site's meters beside the ledger. The gate uses them with trust class 'imported'. The "
            "journal records digests of them."
        ),
    )
    bring.add_argument(
        "--dry-run", action="store_true", help="show what would be taken and what is left out; store nothing"
    )
    bring.set_defaults(run=_import)
    correct = verbs.add_parser(
        "correct",
        help="replace or withdraw stored readings, with a reason",
        description=(
            "Replace stored readings by those of a file, at the same times, or withdraw them. What they said stays "
            "beside them, and the journal records both by digest. A correction outranks what it corrects."
        ),
    )
    correct.add_argument("--reason", required=True, metavar="TEXT", help="why, for the journal")
    correct.add_argument("--by", required=True, metavar="NAME", help="who decided it, for the journal")
    correct.add_argument(
        "--withdraw", action="store_true", help="withdraw the readings of the file instead, exactly as they are stored"
    )
    correct.set_defaults(run=_correct)
    for verb in (bring, correct):
        verb.add_argument(
            "readings", type=Path, metavar="READINGS", help="CSV with meter,start,time,value, or an export with --map"
        )
        verb.add_argument("--map", type=Path, metavar="FILE", help="how the export of a building is read, as YAML")
        verb.add_argument("--site", required=True, metavar="SITE", help="the site of the meters")
        verb.add_argument("--zone", type=Path, required=True, metavar="FOLDER", help="the zone's folder")
    listed = verbs.add_parser(
        "corrections",
        help="show the readings of a site that no longer count",
        description=(
            "List the readings of a site that were corrected or withdrawn: old and new value, who and why. Approvals "
            "that are void because of it, and verdicts that would have been others, are named."
        ),
    )
    listed.add_argument("--site", required=True, metavar="SITE", help="the site of the meters")
    listed.set_defaults(run=_corrections)
    for verb in (bring, correct, listed):
        verb.add_argument("--ledger", default=ledger, metavar="URL", help=f"the ledger (default: {ledger})")


def _import(arguments: argparse.Namespace) -> int:
    from zonewright.cli.connection import readings_at
    from zonewright.cli.reading_file import shown
    from zonewright.rules.words import count_of
    from zonewright.telemetry import Store
    from zonewright.telemetry.correcting import Intake

    found = _read(arguments)
    if isinstance(found, int):
        return found
    meters, file = found
    if arguments.dry_run:
        with readings_at(arguments.ledger) as home:
            there = (
                Store(home).would_append(arguments.site, meters, file.readings, trust="imported")
                if home.is_there()
                else None
            )
        print(f"{arguments.site}: nothing was stored; from {arguments.readings.name} would be taken:")
        print("\n".join(shown(file, meters)))
        if there is not None:
            print(f"beside what is stored: {there.added:,} new, {there.known + there.summed:,} already known")
        return 0
    intake = Intake(kind="imported", by=_user(), map_digest=file.digest)
    require_moved(arguments.ledger)
    with readings_at(arguments.ledger) as home:
        store = Store(home, create=True)
        done = store.append(arguments.site, meters, file.readings, trust="imported", intake=intake)
    print(
        f"{arguments.site}: {count_of(done.added, 'reading')} stored, {done.known:,} already known, trust "
        "class imported"
    )
    if done.outranked:
        print(
            f"{done.outranked:,} at the time of a reading of another trust class; the more trusted one counts, and the "
            "other stays beside it, see zonewright pue corrections"
        )
    if done.summed:
        print(
            f"{done.summed:,} lie in hours whose readings were removed; these hours are sums already, so "
            "the readings were not compared"
        )
    tell(arguments.ledger)
    return 0


def require_decision(arguments: argparse.Namespace) -> None:
    """Stop where who decides, or why, is no line for the journal."""
    from zonewright.cli.output import MISUSE, StoppedError

    for option, text in (("--reason", arguments.reason), ("--by", arguments.by)):
        if not text.strip() or len(text) > _MOST or not text.isprintable():
            raise StoppedError(f"{option}: expected a line of 1 to {_MOST} characters, got {len(text)}", code=MISUSE)


def _correct(arguments: argparse.Namespace) -> int:
    from zonewright.cli.connection import readings_at
    from zonewright.rules.words import count_of
    from zonewright.telemetry import Store
    from zonewright.telemetry.correcting import Intake

    require_decision(arguments)
    found = _read(arguments)
    if isinstance(found, int):
        return found
    meters, file = found
    intake = Intake(
        kind="withdrawn" if arguments.withdraw else "corrected",
        by=arguments.by,
        reason=arguments.reason,
        map_digest=file.digest,
    )
    require_moved(arguments.ledger)
    with readings_at(arguments.ledger) as home:
        done = Store(home).correct(arguments.site, meters, file.readings, intake, trust="imported")
    print(
        f"{arguments.site}: {count_of(done.replaced, 'reading')} replaced, {done.withdrawn:,} withdrawn, "
        f"{done.added:,} new, {done.same:,} said the same before; the old values stay, see zonewright pue corrections"
    )
    tell(arguments.ledger)
    return 0


def _corrections(arguments: argparse.Namespace) -> int:
    from zonewright.cli.connection import readings_at
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.pue.doubt import moment
    from zonewright.rules.words import count_of
    from zonewright.telemetry import Store
    from zonewright.telemetry.lost_hours import decided_hours, runs_text

    with readings_at(arguments.ledger) as home:
        store = Store(home)
        trusts, found = store.trusts(arguments.site), store.superseded(arguments.site)
        with store.opened() as connection:
            decided = decided_hours(connection, arguments.site)
    if not trusts:
        raise StoppedError(f"site '{arguments.site}' has no readings in {arguments.ledger}; name another", code=MISUSE)
    if not found and not decided:
        print(f"{arguments.site}: no corrections")
    for one in found:
        now = "withdrawn" if one.now is None else f"{float(one.now):,.15g}"
        entry = "not in the journal yet" if one.entry is None else f"entry {one.entry}"
        change = f"{float(one.value):,.15g} -> {now}"
        print(f"{one.meter} {moment(one.time_us)}Z: {change}, by {one.by} ({entry}): {one.reason}")
    for decision in decided:
        print(f"{decision.sentence} [{runs_text(decision.begins_us)}, {count_of(decision.readings, 'reading')}]")
    if found:
        _print_consequences(arguments.ledger, arguments.site, found)
    return 0


def _print_consequences(url: str, site: str, corrections: "Sequence[Superseded]") -> None:
    """Approvals that are void, and verdicts that would have been others, on the corrected readings."""
    from zonewright.audit.evidence.corrected import differing
    from zonewright.cli.connection import measuring_ledger
    from zonewright.ledger.verbs.corrected import void_approvals

    with measuring_ledger(url) as context:
        if context is None:
            return
        for void in void_approvals(context, site):
            print(
                f"void: the approval of plan {void.plan[7:19]} of stack {void.stack_id} by {', '.join(void.signers)}: "
                f"{'; '.join(void.sentences)}"
            )
        with context.database.reading() as connection:
            for one in differing(connection, site, corrections):
                approved = f", approved by {', '.join(one.approved_by)}" if one.approved_by else ""
                print(
                    f"differs: entry {one.entry} of {one.at[:16]}Z {one.kind} a change of stack "
                    f"{one.stack_id}{approved}: {site} was {_figure(one.then)}, and is {_figure(one.now)} on the "
                    "corrected readings"
                )


def _figure(found: "tuple[str, Fraction | None]") -> str:
    """A verdict with its ratio."""
    verdict, ratio = found
    return verdict if ratio is None else f"{verdict} at {float(ratio):.6f}"


def _read(
    arguments: argparse.Namespace,
) -> "tuple[Mapping[str, MeterSpec], ReadingFile] | int":
    """Meters and what the file holds, or the exit code after the faults were printed."""
    import time

    from zonewright.cli.output import MISUSE, REFUSED
    from zonewright.cli.reading_file import read_file
    from zonewright.rules.words import count_of

    meters = site_meters(arguments.zone, arguments.site)
    if meters is None:
        return REFUSED
    now_us = None if getattr(arguments, "withdraw", False) else time.time_ns() // 1000
    found = read_file(arguments.readings, arguments.map, meters, now_us=now_us)
    for fault in found.faults:
        print(fault, file=sys.stderr)
    if found.faults:
        print(f"{count_of(len(found.faults), 'fault')}; nothing was stored", file=sys.stderr)
        return MISUSE
    return meters, found


def site_meters(zone: Path, site_id: str) -> "Mapping[str, MeterSpec] | None":
    """The meters of a site of a zone's folder; None after the faults of the folder were printed.

    Raises:
        StoppedError: when there is no such site, or it has none.
    """
    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.cli.zone import loaded_folder
    from zonewright.telemetry.site_meters import all_meters_of

    declaration = loaded_folder(zone)
    if declaration is None:
        return None
    sites = {name: site for file in declaration.owners.values() for name, site in file.sites.items()}
    meters = all_meters_of(sites[site_id]) if site_id in sites else {}
    if not meters:
        why = "declares no meter boundary" if site_id in sites else f"is not in {zone}"
        raise StoppedError(f"site '{site_id}' {why}", code=MISUSE)
    return meters


def require_moved(url: str) -> None:
    """Stop while readings of a renamed site are under its old id: new ones would begin a second history."""
    from zonewright.cli.connection import measuring_ledger
    from zonewright.cli.output import StoppedError
    from zonewright.errors import Exit
    from zonewright.ledger.verbs.renaming import bring_readings

    with measuring_ledger(url) as context:
        if context is not None and not bring_readings(context):
            sentence = "readings of a site that was renamed cannot be moved yet; nothing was stored; try again"
            raise StoppedError(sentence, code=Exit.NOT_DECIDED)


def tell(url: str) -> None:
    """Have the ledger's journal record what came in; says so where there is no ledger yet, or it is busy."""
    from zonewright.cli.connection import ledger_place, measuring_ledger
    from zonewright.ledger.protocol.errors import LedgerError
    from zonewright.ledger.verbs.pruning import tell_intakes
    from zonewright.telemetry.home import STORE_FAULTS

    later = "the next import, removal or decision beside one records this"
    try:
        with measuring_ledger(url) as context:
            if context is None:
                print(f"there is no ledger at {ledger_place(url)[0]} yet; {later}", file=sys.stderr)
            else:
                tell_intakes(context)
    except (LedgerError, *STORE_FAULTS) as error:
        print(f"the journal does not have it yet: {str(error).split(';', maxsplit=1)[0]}; {later}", file=sys.stderr)


def _user() -> str:
    """Who runs this, for the journal."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return ""
