"""Families of PDUs: which objects hold what, as data in `maps/snmp`. Pure, but for reading those files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from zonewright_gateway.settings import PARTS
from zonewright_gateway.units import UNITS, Unit

Oid = tuple[int, ...]
NAMES = {"outlets": "outlet", "phases": "phase", "breakers": "breaker"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Objects of one kind.

    Attributes:
        oid: with the words MODULE and PART where numbers stand.
        unit: of its values.
        scale: what one of its values is, in watt-hours or watts.
        digits: object with the number of decimal digits, where the device tells them.
    """

    oid: str
    unit: Unit
    scale: float
    digits: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A family of PDUs.

    Attributes:
        title: the family.
        source: the public MIB.
        module: number of the first PDU behind an address.
        columns: by ``total`` or what the parts are.
    """

    title: str
    source: str
    module: int
    columns: Mapping[str, tuple[Column, ...]]

    def tells_modules(self, kind: str) -> bool:
        """Whether its parts of a kind are those of one PDU, where several share an address."""
        return all("MODULE" in one.oid.split(".") for one in self.columns[kind])


def oid_of(text: str, *, module: int, part: int | None = None) -> Oid:
    """An object's identifier; one that ends before PART where the part is not said."""
    found: list[int] = []
    for word in text.split("."):
        if word == "PART" and part is None:
            break
        found.append(module if word == "MODULE" else (part or 0) if word == "PART" else int(word))
    return tuple(found)


def part_of(text: str, oid: Oid, *, module: int) -> int | None:
    """Which part an object is of; None where it is of none of this column."""
    words = text.split(".")
    if len(words) != len(oid):
        return None
    number = None
    for word, one in zip(words, oid, strict=True):
        if word == "PART":
            number = one
        elif one != (module if word == "MODULE" else int(word)):
            return None
    return number


@cache
def families() -> Mapping[str, Family]:
    """The families that come along, by name."""
    found: dict[str, Family] = {}
    for path in (resources.files("zonewright_gateway") / "maps" / "snmp").iterdir():
        if path.name.endswith(".yaml"):
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
            columns = {name: tuple(_column(one) for one in data.get(name, ())) for name in ("total", *PARTS)}
            found[path.name.removesuffix(".yaml")] = Family(
                title=data["title"], source=data["source"], module=data["module"], columns=columns
            )
    return found


def _column(data: Mapping[str, object]) -> Column:
    unit, scale = UNITS[str(data["unit"])], data.get("scale", 1)
    return Column(
        oid=str(data["oid"]),
        unit=unit,
        scale=unit.factor * (float(scale) if isinstance(scale, int | float) else 1.0),
        digits=str(data.get("digits", "")),
    )
