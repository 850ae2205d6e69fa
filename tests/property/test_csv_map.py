"""A series that is written in any layout of a map reads back to the same watt-hours and milliseconds."""

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from fractions import Fraction
from typing import Any, cast
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from zonewright.declare.csv_map import zone_of
from zonewright.model.csv_map import UNITS, CsvMap, Unit
from zonewright.pue import MeterSpec
from zonewright.pue.mapped import take
from zonewright.pue.printing import decimals

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai", "UTC", "+05:30", "-03:00"]
NIGHTS = [(2025, 3, 30), (2025, 10, 26), (2025, 11, 2), (2025, 3, 9), (2025, 4, 6), (2025, 10, 5), (2025, 7, 1)]
"""Days on which the clock is set in one of the zones, and one on which it is not."""
FORMATS = [
    "%d.%m.%Y %H:%M",
    "%m/%d/%y %I:%M:%S %p",
    "%Y-%m-%d %H:%M:%S.%f",
    "%d/%m/%Y %H:%M %z",
    "iso",
    "unix-ms",
    "unix",
]
SIGNS = [(".", "none"), (".", ","), (".", "space"), (".", "'"), (",", "none"), (",", "."), (",", "space")]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
KINDS = ["register", "gauge", "interval", "daily"]
METERS = {
    "register": MeterSpec(role="it", kind="register"),
    "gauge": MeterSpec(role="it", kind="gauge", interval_s=900),
    "interval": MeterSpec(role="it", kind="interval"),
    "daily": MeterSpec(role="it", kind="interval"),
}


@dataclass(frozen=True)
class Plan:
    """What is written and how."""

    zone: str
    step_s: int
    begin: datetime
    count: int
    kinds: list[str]
    steps: list[list[int]]
    layout: dict[str, Any]


def zone_named(name: str) -> tzinfo:
    """A zone of the test, by other code than that of the map."""
    if name[0] in "+-":
        length = timedelta(hours=int(name[1:3]), minutes=int(name[4:6]))
        return timezone(-length if name[0] == "-" else length)
    return ZoneInfo(name)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Some days of a few meters, at the clock's odd hours, and a layout for them."""
    zone = draw(st.sampled_from(ZONES))
    step_s = draw(st.sampled_from([900, 1800] if zone == "Australia/Lord_Howe" else [900, 1800, 3600]))
    night = datetime(*draw(st.sampled_from(NIGHTS)), tzinfo=zone_named(zone))
    count = draw(st.integers(8, 30)) * 3600 // step_s
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3))
    early = 0 if "daily" in kinds else draw(st.integers(0, 3))  # what counts from midnight is known from midnight on
    begin = (night - timedelta(hours=early)).astimezone(UTC)
    amounts = st.integers(0, 10 ** draw(st.integers(1, 13)))
    steps = [draw(st.lists(amounts, min_size=count, max_size=count)) for _ in kinds]
    layout = {
        "delimiter": draw(st.sampled_from([",", ";", "tab", "|"])),
        "signs": draw(st.sampled_from(SIGNS)),
        "encoding": draw(st.sampled_from(["utf-8", "utf-16", "latin-1", "windows-1252"])),
        "mark": draw(st.booleans()),
        "format": draw(st.sampled_from(FORMATS)),
        "marks": draw(st.sampled_from(["begin", "end"])),
        "order": draw(st.sampled_from(["oldest-first", "newest-first"])),
        "is_long": draw(st.booleans()),
        "has_header": draw(st.booleans()),
        "above": draw(st.integers(0, 3)),
        "footer": draw(st.integers(0, 2)),
        "comment_at": draw(st.integers(0, 5)),
        "unit": draw(st.sampled_from(["given", "cell", "column"])),
        "scale": draw(st.sampled_from([1, 1_000, 1_000_000])),
        "has_start": draw(st.booleans()),
        "is_split": draw(st.booleans()),
        "break": draw(st.sampled_from(["\n", "\r\n"])),
        "quotes": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        "twice": draw(st.integers(0, 40)),
    }
    return Plan(zone, step_s, begin, count, kinds, steps, layout)


def written_time(moment: datetime, plan: Plan) -> str:
    """A moment as the layout writes it."""
    form = plan.layout["format"]
    if form.startswith("unix"):
        return str((moment - EPOCH) // timedelta(seconds=1) * (1_000 if form == "unix-ms" else 1))
    local = moment.astimezone(zone_named(plan.zone))
    return local.isoformat() if form == "iso" else local.strftime(form)


def written_number(value: Fraction, plan: Plan) -> str:
    """A number as the layout writes it."""
    point, group = plan.layout["signs"]
    whole, _, part = decimals(value, 14).rstrip("0").partition(".")
    sign = {"none": "", "space": "\u00a0"}.get(group, group)
    return f"{int(whole):,}".replace(",", sign) + (f"{point}{part}" if part else "")


@dataclass
class Written:
    """A file, its map, and what it is to read as."""

    raw: bytes
    content: CsvMap
    meters: dict[str, MeterSpec]
    readings: dict[str, list[tuple[int | None, int, Fraction]]]


@dataclass
class Series:
    """One meter: in which unit its values are written, those values, and the readings that they are."""

    name: str
    unit: str
    values: list[Fraction]
    readings: list[tuple[int | None, int, Fraction]]


def series_of(plan: Plan, number: int, moments: list[datetime], *, is_end: bool) -> Series:
    """A meter of a plan."""
    kind = plan.kinds[number]
    is_power = kind == "gauge" or (kind == "interval" and plan.layout["scale"] == 1_000)
    made = Series(f"m-{number}", "W" if is_power else "Wh", [], [])
    total = Fraction(0)
    for index, step in enumerate(plan.steps[number]):
        begin, end = moments[index], moments[index + 1]
        begin_us, end_us = ((moment - EPOCH) // MICROSECOND for moment in (begin, end))
        amount = Fraction(step, 10**6)
        total += amount
        value = total if kind in ("register", "daily") else amount
        made.values.append(amount * 3600 / plan.step_s if kind == "interval" and is_power else value)
        if kind in ("interval", "daily"):
            made.readings.append((begin_us, end_us, amount))
        else:
            made.readings.append((None, end_us if is_end else begin_us, value))
        local = end.astimezone(zone_named(plan.zone))
        total = Fraction(0) if kind == "daily" and (local.hour, local.minute) == (0, 0) else total
    return made


def written(plan: Plan) -> Written:
    """Write a plan."""
    layout = plan.layout
    moments = [plan.begin + timedelta(seconds=plan.step_s * number) for number in range(plan.count + 1)]
    has_start = layout["has_start"] and "daily" not in plan.kinds
    is_end = has_start or "daily" in plan.kinds or layout["marks"] == "end"
    is_split = layout["is_split"] and " " in layout["format"] and "%p" not in layout["format"]
    series = [series_of(plan, number, moments, is_end=is_end) for number in range(len(plan.kinds))]
    prefix = {1: "", 1_000: "k", 1_000_000: "M"}[layout["scale"]]
    units = {one.name: f"{prefix}{one.unit}" for one in series}
    where = layout["unit"] if layout["is_long"] or layout["unit"] != "column" else "given"
    table: list[list[str]] = []
    for index in range(plan.count):
        time = written_time(moments[index + 1 if is_end else index], plan)
        cells = [*(time.split(" ", 1) if is_split else [time])]
        cells += [written_time(moments[index], plan)] if has_start else []
        texts = [written_number(one.values[index] / UNITS[cast("Unit", units[one.name])], plan) for one in series]
        if where == "cell":
            texts = [f"{text} {unit}" for text, unit in zip(texts, units.values(), strict=True)]
        if layout["is_long"]:
            table += [[*cells, name, text, unit] for (name, unit), text in zip(units.items(), texts, strict=True)]
        else:
            table.append([*cells, *texts, "unused"])
    if layout["order"] == "newest-first":
        table.reverse()
    header = ["time", *(["clock"] if is_split else []), *(["start"] if has_start else [])]
    header += ["meter", "value", "unit"] if layout["is_long"] else [*(f"Zähler {name}" for name in units), "more"]
    return Written(
        _raw(plan, header, table),
        _map(plan, header, units, where=where, has_start=has_start, is_end=is_end, is_split=is_split),
        {one.name: METERS[kind] for one, kind in zip(series, plan.kinds, strict=True)},
        {one.name: one.readings for one in series},
    )


def _raw(plan: Plan, header: list[str], table: list[list[str]]) -> bytes:
    layout = plan.layout
    stream = io.StringIO()
    delimiter = "\t" if layout["delimiter"] == "tab" else layout["delimiter"]
    writer = csv.writer(stream, delimiter=delimiter, quoting=layout["quotes"], lineterminator=layout["break"])
    for number in range(layout["above"]):
        stream.write(f"Report {number}{layout['break']}")
    if layout["has_header"]:
        writer.writerow(header)
    for number, row in enumerate(table):
        if number == layout["comment_at"]:
            stream.write(f"# it's \"a note{layout['break']}{layout['break']}")
        writer.writerow(row)
        if number == layout["twice"] and _says_offset(layout):
            writer.writerow(row)
    for number in range(layout["footer"]):
        stream.write(f"Summe {number}{layout['break']}")
    text = stream.getvalue()
    if layout["encoding"] == "utf-16":
        return text.encode("utf-16")
    if layout["encoding"] == "utf-8" and layout["mark"]:
        return text.encode("utf-8-sig")
    return text.encode({"latin-1": "latin-1", "windows-1252": "cp1252"}.get(layout["encoding"], "utf-8"))


def _says_offset(layout: dict[str, Any]) -> bool:
    """Whether a row that is there twice cannot be one of an hour that is."""
    return layout["format"] in ("iso", "unix", "unix-ms") or "%z" in layout["format"]


def _map(
    plan: Plan, header: list[str], units: dict[str, str], *, where: str, has_start: bool, is_end: bool, is_split: bool
) -> CsvMap:
    layout = plan.layout

    def column(name: str) -> str:
        return name if layout["has_header"] else f"#{header.index(name) + 1}"

    decimal, thousands = layout["signs"]
    time = {"column": column("time"), "format": layout["format"], "zone": plan.zone, "repeated_hour": "in-order"}
    if is_split:
        time["clock"] = column("clock")
    interval: dict[str, Any] = {"marks": "end" if is_end else "begin"}
    interval |= {"start": column("start")} if has_start else {"length_s": plan.step_s}
    items = {
        name: {"meter": name, "restarts": "daily" if kind == "daily" else "never"}
        | ({} if where == "column" else {"unit": "cell" if where == "cell" else units[name]})
        for name, kind in zip(units, plan.kinds, strict=True)
    }
    content: dict[str, Any] = {
        **{name: layout[name] for name in ("delimiter", "encoding", "order")},
        "decimal": decimal,
        "thousands": thousands,
        "time": time,
        "interval": interval,
        "comments": ["#"],
        "header_line": layout["above"] + 1 if layout["has_header"] else 0,
        "first_line": layout["above"] + (2 if layout["has_header"] else 1),
        "footer_lines": layout["footer"],
    }
    if layout["is_long"]:
        content["long"] = {"meter": column("meter"), "value": column("value"), "meters": items}
        content["long"] |= {"unit_column": column("unit")} if where == "column" else {}
    else:
        content["wide"] = {column(f"Zähler {name}"): item for name, item in items.items()}
    return CsvMap.model_validate(content)


@given(plans())
def test_what_is_written_in_any_layout_is_read_back(plan: Plan) -> None:
    """Same meters, same microseconds, same watt-hours, whatever the layout, also where the clock is set."""
    file = written(plan)
    found = take(file.raw, file.content, file.meters, zone_of(file.content))
    assert found.faults == []
    read = {name: [(one.start_us, one.time_us, one.value) for one in items] for name, items in found.readings.items()}
    assert read == file.readings
