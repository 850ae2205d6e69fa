"""What devices of a gateway have twice: one id for two things that are reported, or one meter with two ids. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from zonewright_agent.configuration import SOURCES
from zonewright_gateway.modbus.maps import RegisterMap

if TYPE_CHECKING:
    from zonewright_gateway.declared import DeclaredDevice

_NO_PLACE = ("credentials", "certificate", "parts", "local")
"""Settings that do not say which meter a device is."""


def twice(devices: Sequence[DeclaredDevice], maps: Mapping[str, RegisterMap]) -> Iterator[tuple[str, str]]:
    """Devices that cannot be told apart from something else: the id of each, and why."""
    meters: dict[object, str] = {}
    for one in devices:
        if one.name in SOURCES:
            yield one.name, "the gateway reports its own host by this id; choose another"
        own = tuple(sorted((name, str(value)) for name, value in one.own.items() if name not in _NO_PLACE))
        first = meters.setdefault((one.protocol, one.host, one.port, own), one.name)
        if first != one.name:
            yield one.name, f"it is the same meter as '{first}', which would count twice; correct its address or number"
        pattern = _parts(one, maps)
        for other in devices if pattern else ():
            if re.fullmatch(f"{re.escape(one.name)}-(?:{pattern})", other.name):
                yield other.name, f"a part of '{one.name}' is reported by this id; choose another"


def _parts(one: DeclaredDevice, maps: Mapping[str, RegisterMap]) -> str:
    """A pattern of the parts that a device may have; empty where it has none."""
    if one.protocol == "modbus":
        registers = maps.get(one.text("map"))  # none where it is faulty itself
        return "|".join(re.escape(field.part) for field in registers.fields if field.part) if registers else ""
    words = {"outlets": r"outlet-\d+", "phases": r"phase-\d+", "breakers": r"breaker-\d+", "supplies": "psu-.+"}
    if one.protocol == "nut":
        return words["outlets"]
    return "|".join(words[name] for name in one.words("parts"))
