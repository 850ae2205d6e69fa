"""From the bytes of an export to its rows, by its map: what is no row is noted with its line."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from zonewright.declare.problem import shown
from zonewright.model.csv_map import CsvMap
from zonewright.pue.mapped.cells import cleaned
from zonewright.pue.mapped.notes import Notes

_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
"""Byte order marks, and what they are marks of."""
_CODECS = {"utf-8": "utf-8-sig", "latin-1": "latin-1", "windows-1252": "cp1252", "utf-16": "utf-16"}
_DELIMITERS = {"tab": "\t"}
_SHOWN = 8


class _Reader(Protocol):
    """What ``csv.reader`` gives, which has no public name."""

    line_num: int

    def __next__(self) -> list[str]:
        """The next row."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """Cells of a row, and the line that it ends on."""

    line: int
    cells: Sequence[str]


def text_of(raw: bytes, csv_map: CsvMap) -> str:
    """The text of a file.

    Raises:
        ValueError: when it has another encoding than its map says; ``LINE: sentence``.
    """
    said = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), csv_map.encoding)
    if said != csv_map.encoding:
        raise ValueError(f"1: the file begins with the mark of {said}, and the map says {csv_map.encoding}; correct it")
    try:
        text = raw.decode(_CODECS[csv_map.encoding])
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{line}: byte {error.object[error.start]:#04x} is no {csv_map.encoding}; write the encoding of the file "
            "into the map, such as windows-1252"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def rows_of(text: str, csv_map: CsvMap, notes: Notes) -> tuple[list[str], list[CsvRow]]:
    """Names of the columns, as far as there is a header, and the rows with values."""
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    first = csv_map.first_line or csv_map.header_line + 1
    header = [cleaned(name) for name in _header(lines, csv_map)]
    body = [*([""] * (first - 1)), *lines[first - 1 :]]
    filled = [number for number, line in enumerate(body) if line.strip()]
    for number in filled[max(0, len(filled) - csv_map.footer_lines) :] if csv_map.footer_lines else ():
        notes.leave_out("footer", number + 1)
        body[number] = ""
    for number in filled:
        if body[number] and csv_map.comments and body[number].lstrip('" ').startswith(csv_map.comments):
            notes.leave_out("comment", number + 1)
            body[number] = ""
    return header, list(_read(body, csv_map, notes))


def _header(lines: Sequence[str], csv_map: CsvMap) -> list[str]:
    if not csv_map.header_line:
        return []
    try:
        return next(_reader(lines[csv_map.header_line - 1 : csv_map.header_line], csv_map), [])
    except csv.Error:
        return []


def _read(body: Sequence[str], csv_map: CsvMap, notes: Notes) -> Iterator[CsvRow]:
    rows = _reader(body, csv_map)
    while True:
        try:
            cells = next(rows, None)
        except csv.Error as error:
            notes.fault(rows.line_num, f"the row cannot be read: {error}; correct its quotes")
            return
        if cells is None:
            return
        if cells and any(cell.strip() for cell in cells):
            yield CsvRow(rows.line_num, [cleaned(cell) for cell in cells])


def _reader(lines: Sequence[str], csv_map: CsvMap) -> "_Reader":
    delimiter = _DELIMITERS.get(csv_map.delimiter, csv_map.delimiter)
    return csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)


def place_of(name: str, header: Sequence[str]) -> int:
    """Where a column stands, counted from 0.

    Raises:
        ValueError: when there is none, or there are several; a sentence.
    """
    if name.startswith("#") and name[1:].isdecimal() and name not in header:
        return int(name[1:]) - 1
    found = [number for number, one in enumerate(header) if one == cleaned(name)]
    if len(found) > 1:
        numbers = " or ".join(f"#{number + 1}" for number in found)
        raise ValueError(f"the header has {len(found)} columns '{name}'; name one by its number, {numbers}")
    if not found:
        more = f" and {len(header) - _SHOWN} more" if len(header) > _SHOWN else ""
        known = ", ".join(map(shown, header[:_SHOWN])) or "none"
        raise ValueError(
            f"expected a column '{name}' on the header, got {known}{more}; correct header_line, "
            "delimiter or the name in the map"
        )
    return found[0]
