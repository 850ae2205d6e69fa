"""Register maps: which words of a meter hold what, as data. Those that come along lie in `maps/modbus`."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from zonewright_gateway.documents import Document, Faults, close_to, pairs, read
from zonewright_gateway.settings import NAME
from zonewright_gateway.units import UNITS, scaled

_FORMATS = {
    "uint16": (1, ">H"),
    "int16": (1, ">h"),
    "uint32": (2, ">I"),
    "int32": (2, ">i"),
    "uint64": (4, ">Q"),
    "int64": (4, ">q"),
    "float32": (2, ">f"),
    "float64": (4, ">d"),
}
_SENTINELS = {
    "uint16": (0xFFFF,),
    "int16": (-0x8000, 0x7FFF),
    "uint32": (0xFFFFFFFF,),
    "int32": (-0x80000000, 0x7FFFFFFF),
    "uint64": (0xFFFFFFFFFFFFFFFF,),
    "int64": (-0x8000000000000000, 0x7FFFFFFFFFFFFFFF),
}
"""What meters show where they have no value: all bits, or the ends of the range."""
_FIELDS = ("address", "type", "unit", "scale", "part", "sentinels")
_TOP = ("title", "source", "function", "words", "gap", "values", "check")
_CHECK = ("address", "type", "scale", "unit", "least", "most")
_LAST, _MOST_WORDS = 0xFFFF, 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Words that hold one value.

    Attributes:
        address: of the first word, counted from 0 as on the wire.
        form: how the words are to be read, such as ``int32``.
        scale: what one unit of the register is, in watt-hours, watts or the check's unit.
        part: what of the device it is; empty for the whole.
        quantity: ``energy``, ``power``, or ``check``.
        sentinels: raw values that mean that there is none.
        unit: for sentences.
        least: smallest value of a check.
        most: largest value of a check.
    """

    address: int
    form: str
    scale: float
    part: str = ""
    quantity: str
    sentinels: tuple[float, ...] = ()
    unit: str = ""
    least: float = 0.0
    most: float = 0.0

    @property
    def words(self) -> int:
        """How many words it has."""
        return _FORMATS[self.form][0]

    def value(self, words: Sequence[int], *, is_low_first: bool) -> float | None:
        """The value of its words; None where they say that there is none."""
        ordered = list(reversed(words)) if is_low_first else words
        (raw,) = struct.unpack(_FORMATS[self.form][1], struct.pack(f">{len(ordered)}H", *ordered))
        if raw in self.sentinels or not math.isfinite(raw):
            return None
        return scaled(raw, self.scale)

    def step(self, value: float) -> float:
        """The smallest difference that it can show near a value."""
        if self.form == "float32":
            return max(abs(value), self.scale) * 2.0**-23
        return 0.0 if self.form == "float64" else self.scale


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterMap:
    """The registers of a family of meters.

    Attributes:
        title: the family.
        source: the public document that says so.
        function: 3 for holding registers, 4 for input registers.
        is_low_first: whether the low word comes first.
        gap: how many words between two fields may be read along.
        fields: what is read; the first one is the check.
    """

    title: str
    source: str
    function: int
    is_low_first: bool
    gap: int
    fields: tuple[Field, ...]

    def blocks(self) -> list[tuple[int, int]]:
        """Address and length of what is asked for at once."""
        found: list[tuple[int, int]] = []
        for one in sorted(self.fields, key=lambda each: each.address):
            end = one.address + one.words
            if found and one.address <= sum(found[-1]) + self.gap and end - found[-1][0] <= _MOST_WORDS:
                found[-1] = (found[-1][0], max(end, sum(found[-1])) - found[-1][0])
            else:
                found.append((one.address, one.words))
        return found


@cache
def shipped_maps() -> Mapping[str, RegisterMap]:
    """The maps that come along, by name.

    Raises:
        ValueError: when one of them is faulty, which a test prevents.
    """
    found: dict[str, RegisterMap] = {}
    for path in (resources.files("zonewright_gateway") / "maps" / "modbus").iterdir():
        if not path.name.endswith(".yaml"):
            continue
        faults = Faults(path.name)
        document = read(path.read_text(encoding="utf-8"), faults)
        made = None if document is None else map_of(document, faults, (), document.content)
        if made is None or faults.sentences:
            raise ValueError("; ".join(faults.sentences))
        found[path.name.removesuffix(".yaml")] = made
    return found


def map_of(document: Document, faults: Faults, path: tuple[str, ...], given: object) -> RegisterMap | None:
    """A map from a document; what is wrong is noted."""
    before = len(faults.sentences)
    values = _mapping(document, faults, path, given, _TOP, ("title", "source", "function", "words", "values", "check"))
    fields = []
    for name, one in pairs(values.get("check")):
        fields.append(_field(document, faults, (*path, "check", name), {**_dict(one), "name": name}, is_check=True))
    if not fields:
        faults.add(
            document.line((*path, "check")), _said(path, "check") + "expected one value by which exchanged words show"
        )
    entries = values.get("values")
    seen: dict[tuple[str, str], int] = {}
    for number, one in enumerate(entries if isinstance(entries, list) else ()):
        here = (*path, "values", str(number))
        field = _field(document, faults, here, one, is_check=False)
        fields.append(field)
        if field is not None and seen.setdefault((field.part, field.quantity), number) != number:
            before_it = seen[field.part, field.quantity]
            why = f"{field.quantity} stands twice; value {before_it} has it too; give one of them a 'part'"
            faults.add(document.line(here), f"{'.'.join(here)}: {why}")
    if len(fields) <= 1:
        faults.add(
            document.line((*path, "values")),
            _said(path, "values") + "expected a list of values, each with address, type and unit",
        )
    function, words, gap = values.get("function"), values.get("words"), values.get("gap", 0)
    for name, good, what in (
        (
            "function",
            isinstance(function, int) and function in (3, 4),
            "3 (holding registers) or 4 (input registers); nothing else is ever sent",
        ),
        ("words", words in ("high-first", "low-first"), "high-first or low-first"),
        ("gap", isinstance(gap, int) and 0 <= gap <= _MOST_WORDS, f"0 to {_MOST_WORDS} words"),
    ):
        if name in values and not good:
            faults.add(document.line((*path, name)), f"{_said(path, name)}expected {what}, got {values[name]!r}")
    if len(faults.sentences) > before:
        return None
    return RegisterMap(
        title=str(values["title"]),
        source=str(values["source"]),
        function=function if isinstance(function, int) else 3,
        is_low_first=words == "low-first",
        gap=gap if isinstance(gap, int) else 0,
        fields=tuple(one for one in fields if one is not None),
    )


def _field(document: Document, faults: Faults, path: tuple[str, ...], given: object, *, is_check: bool) -> Field | None:
    before = len(faults.sentences)
    known = (*_CHECK, "name") if is_check else _FIELDS
    needed = ("address", "type", "unit", "least", "most") if is_check else ("address", "type", "unit")
    values = _mapping(document, faults, path, given, known, needed)
    form, unit, scale = values.get("type"), values.get("unit"), values.get("scale", 1)
    address, least, most = values.get("address"), values.get("least", 0), values.get("most", 0)
    part, sentinels = values.get("part", ""), values.get("sentinels", [])
    for name, good, what in (
        ("type", isinstance(form, str) and form in _FORMATS, f"one of {', '.join(_FORMATS)}"),
        ("unit", isinstance(unit, str) and (is_check or unit in UNITS), f"one of {', '.join(UNITS)}"),
        ("address", _is_number(address) and isinstance(address, int) and 0 <= address <= _LAST, f"0 to {_LAST}"),
        ("scale", _is_number(scale) and 0 < _float(scale) < math.inf, "a number above 0"),
        ("least", _is_number(least) and math.isfinite(_float(least)), "a number"),
        ("most", _is_number(most) and _float(least) < _float(most) < math.inf, f"a number above 'least' ({least})"),
        ("part", isinstance(part, str) and NAME.fullmatch(part), "a name such as 'l1'"),
        ("sentinels", isinstance(sentinels, list) and all(map(_is_number, sentinels)), "a list of numbers"),
    ):
        if name in values and not good:
            faults.add(document.line((*path, name)), f"{_said(path, name)}expected {what}, got {values[name]!r}")
    if len(faults.sentences) > before:
        return None
    if isinstance(address, int) and address + _FORMATS[str(form)][0] - 1 > _LAST:
        faults.add(document.line((*path, "address")), f"{_said(path, 'address')}its last word is beyond {_LAST}")
        return None
    quantity, factor = ("check", 1.0) if is_check else UNITS[str(unit)]
    own = tuple(_float(one) for one in sentinels) if isinstance(sentinels, list) else ()
    return Field(
        address=address if isinstance(address, int) else 0,
        form=str(form),
        scale=_float(scale) * factor,
        part=str(part),
        quantity=quantity,
        sentinels=(*_SENTINELS.get(str(form), ()), *own),
        unit=f"{values.get('name', '')} in {unit}" if is_check else str(unit),
        least=_float(least),
        most=_float(most),
    )


def _mapping(  # noqa: PLR0917 - private
    document: Document,
    faults: Faults,
    path: tuple[str, ...],
    given: object,
    known: Sequence[str],
    needed: Sequence[str],
) -> dict[str, object]:
    if not isinstance(given, dict):
        faults.add(document.line(path), f"{'.'.join(path)}: expected a mapping, got {given!r}")
        return {}
    for name, _ in pairs(given):
        if name not in known:
            faults.add(document.line((*path, name)), f"{_said(path, name)}unknown setting; {close_to(name, known)}")
    for name in needed:
        if name not in given:
            faults.add(document.line(path), f"{_said(path, name)}it is missing")
    return dict(pairs(given))


def _said(path: Sequence[str], name: str) -> str:
    return f"{'.'.join((*path, name))}: "


def _dict(value: object) -> dict[str, object]:
    return dict(pairs(value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
