"""A file of readings, as zonewright writes it or by a map of an export; and what would be taken from it."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zonewright.pue import MeterSpec, Reading
    from zonewright.pue.mapped import Taken

_LINES_SHOWN = 8
_COLUMNS_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingFile:
    """What a file holds.

    Attributes:
        readings: by meter, in order of time; not to be used with faults.
        faults: one sentence each, with file and line.
        digest: of the map, empty without one.
        taken: what the map made of the file, None without one.
    """

    readings: "Mapping[str, Sequence[Reading]]"
    faults: Sequence[str]
    digest: str = ""
    taken: "Taken | None" = None


def read_file(
    path: Path, csv_map: Path | None, meters: "Mapping[str, MeterSpec]", *, now_us: int | None
) -> ReadingFile:
    """Read a file.

    Args:
        path: the file.
        csv_map: the map of an export, None for a file as zonewright writes it.
        meters: those that may be in it.
        now_us: the present in microseconds since 1970, None where the future is no fault.
    """
    from zonewright.declare.csv_map import read_csv_map
    from zonewright.pue import read_readings
    from zonewright.pue.mapped import take

    if csv_map is None:
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            return ReadingFile(
                readings={}, faults=[f"{path}: expected UTF-8 text, got byte {byte:#x}; convert it, or write a map"]
            )
        readings, faults = read_readings(text, meters, now_us=now_us)
        return ReadingFile(readings=readings, faults=[f"{path}:{fault}" for fault in faults])
    found = read_csv_map(csv_map)
    if found.content is None:
        return ReadingFile(readings={}, faults=[str(problem) for problem in found.problems])
    gc.disable()  # millions of values, none of which is garbage: looking for some is a third of the time
    try:
        taken = take(path.read_bytes(), found.content, meters, found.zone, now_us=now_us)
    finally:
        gc.enable()
    return ReadingFile(
        readings=taken.readings,
        faults=[f"{path}:{fault}" for fault in taken.faults],
        digest=found.digest,
        taken=taken,
    )


def shown(found: ReadingFile, meters: "Mapping[str, MeterSpec]") -> Iterator[str]:
    """What would be taken, for people: meters with span, unit, first and last value; what is left out and why."""
    from zonewright.declare.problem import shown as shown_text
    from zonewright.pue.doubt import moment
    from zonewright.rules.words import count_of

    taken = found.taken
    by_meter = {name: items for name, items in found.readings.items() if items}
    total = count_of(sum(map(len, by_meter.values())), "reading")
    rows = "" if taken is None else f"{count_of(taken.rows, 'row')} with values: "
    yield f"{rows}{total} of {count_of(len(by_meter), 'meter')}"
    for name, items in sorted(by_meter.items()):
        first, last = items[0], items[-1]
        begin = first.time_us if first.start_us is None else first.start_us
        unit = {"gauge": "W", "temperature": "C"}.get(meters[name].kind, "Wh")
        stated = "" if taken is None else f", stated in {' and '.join(sorted(taken.units.get(name, ())))}"
        yield (
            f"  {name} ({meters[name].kind}): {len(items):,} from {moment(begin)}Z to {moment(last.time_us)}Z{stated}; "
            f"first {_amount(first.value)} {unit}, last {_amount(last.value)} {unit}"
        )
    missing = sorted(name for name in meters if name not in by_meter)
    if missing:
        yield f"  without readings: {', '.join(missing)}"
    if taken is not None:
        for label, told in (("left out", taken.left_out), ("understood", taken.choices)):
            for why, lines in told.items():
                yield f"  {label}: {why}: {_lines(lines)}"
        if taken.unused:
            names = [name if name.isprintable() else shown_text(name) for name in taken.unused[:_COLUMNS_SHOWN]]
            more = len(taken.unused) - len(names)
            names += [f"and {more:,} more"] if more else []
            yield f"  columns that the map does not name: {', '.join(names)}"


def _amount(value: object) -> str:
    from fractions import Fraction

    from zonewright.pue.printing import decimals

    text = decimals(Fraction(str(value)), 6)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _lines(lines: Sequence[int]) -> str:
    """Lines of a file, at most a few of them."""
    numbers = sorted(set(lines))
    more = f" and {len(numbers) - _LINES_SHOWN:,} more" if len(numbers) > _LINES_SHOWN else ""
    word = "line" if len(numbers) == 1 else "lines"
    return f"{word} {', '.join(map(str, numbers[:_LINES_SHOWN]))}{more}"
