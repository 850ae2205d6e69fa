"""``zonewright fit``: where so many kilowatts and rack units would fit, without a declaration."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zonewright.cli.options import add_format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zonewright.place.fit import RoomFit, Wish

_SHOWN_NOTES = 3
_LEAST_KW, _MOST = 0.001, 1_000_000


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``fit``."""
    parser = commands.add_parser(
        "fit",
        help="find rooms for some kilowatts and rack units",
        description=("Find rooms with enough free kilowatts and rack units, and show what the rules would say."),
    )
    parser.add_argument(
        "--kw",
        type=float,
        required=True,
        metavar="KW",
        help=("IT power in kilowatts that must be free with one feed lost"),
    )
    parser.add_argument("--u", type=int, required=True, metavar="U", help="rack units in all")
    parser.add_argument("--site", metavar="SITE", help="only this site")
    parser.add_argument(
        "--class", dest="cooling", choices=("air", "liquid", "hybrid", "immersion"), help="only space with this cooling"
    )
    parser.add_argument("--level", type=int, choices=range(1, 6), help=("protection level of the workload"))
    parser.add_argument(
        "--party", metavar="PARTY", help="what this party may use (default: the token's party, else what any party may)"
    )
    parser.add_argument("--zone", type=Path, metavar="FOLDER", help="ask a zone's folder instead of a ledger")
    parser.add_argument("--ledger", metavar="URL", help="the ledger's URL (default: the file of this checkout)")
    add_format(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from zonewright.cli.output import GOOD, MISUSE, REFUSED, StoppedError, print_json
    from zonewright.place.fit import Wish

    if not _LEAST_KW <= arguments.kw <= _MOST or not 0 <= arguments.u <= _MOST:
        got = f"{arguments.kw:g} kW and {arguments.u} U"
        raise StoppedError(f"expected 0.001 to 1,000,000 kW and 0 to 1,000,000 U, got {got}", code=MISUSE)
    watts = round(arguments.kw * 1000)
    wish = Wish(
        watts=watts,
        units=arguments.u,
        site=arguments.site,
        cooling=arguments.cooling,
        protection_level=arguments.level,
    )
    by_folder, party = arguments.zone is not None, arguments.party or ""
    found = _of_folder(arguments.zone, wish, party) if by_folder else _of_ledger(arguments.ledger, wish, party)
    if found is None:
        return REFUSED
    rooms, party = found
    if arguments.format == "json":
        print_json({"party": party or None, "rooms": [one.to_data() for one in rooms]})
    else:
        _print(rooms, wish, party)
    return GOOD if any(one.fits for one in rooms) else REFUSED


def _of_folder(folder: Path, wish: "Wish", party: str) -> "tuple[Sequence[RoomFit], str] | None":
    from dataclasses import replace

    from zonewright.cli.output import MISUSE, StoppedError
    from zonewright.cli.zone import judged_folder
    from zonewright.place.fit import fit

    judged = judged_folder(folder)
    if judged is None:
        return None
    world = judged.world
    parties = world.zone.zone.parties if world.zone is not None else {}
    if party and party not in parties:
        raise StoppedError(f"--party: expected a party of the zone, got '{party}'", code=MISUSE)
    racks = {name: rack for name, rack in world.racks.items() if not party or rack.is_offered_to(party)}
    return fit(replace(world, racks=racks), wish, party=party), party


def _of_ledger(url: str | None, wish: "Wish", party: str) -> "tuple[Sequence[RoomFit], str]":
    from dataclasses import asdict

    from zonewright.cli.connection import open_ledger
    from zonewright.cli.ledger import DEFAULT
    from zonewright.declare.stack_file import project_root
    from zonewright.ledger.protocol import verbs
    from zonewright.ledger.protocol.capacity_messages import FitRequest

    with open_ledger(url or DEFAULT, project_root(Path.cwd()), create=False) as client:
        answer = client.call(verbs.FIT, FitRequest(**asdict(wish), party=party or None))
    return answer.rooms, answer.party


def _print(rooms: "Sequence[RoomFit]", wish: "Wish", party: str) -> None:
    import textwrap

    from zonewright.cli.output import width

    whose = f" for {party}" if party else ""
    if not rooms:
        print(f"no room is open for new nodes{whose} under these conditions")
        return
    ready = [one for one in rooms if one.fits]
    asked = f"{wish.watts / 1000:,g} kW and {wish.units:,} U"
    count = f"{len(ready)} room" + ("" if len(ready) == 1 else "s")
    print(
        f"{asked} fit into {count} of {len(rooms)}{whose}\n"
        if ready
        else f"{asked} fit nowhere{whose}; nearest first\n"
    )
    print(f"{'room':<24}{'racks':>6}{'free kW':>11}{'free U':>9}")
    for one in rooms:
        missing = [f"{one.missing_w / 1000:,.1f} kW"] if one.missing_w else []
        missing += [f"{one.missing_units:,} U"] if one.missing_units else []
        state = "" if one.is_open else "not open yet"
        note = f"short of {' and '.join(missing)}" if missing else state
        racks = f"{one.racks:,}" if one.fits else "-"
        row = f"{one.room:<24}{racks:>6}{one.free_w / 1000:>11,.1f}{one.free_units:>9,}"
        fits_beside = len(row) + len(note) + 2 <= width()
        print(f"{row}  {note}".rstrip() if fits_beside else row)
        for text in (*([] if fits_beside else [note]), *one.notes[:_SHOWN_NOTES]):
            print(textwrap.fill(text, width(), initial_indent="    ", subsequent_indent="      "))
