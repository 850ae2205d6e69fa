"""From what is declared to devices that can be asked; a protocol's library is loaded where a device speaks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from zonewright_gateway.declared import Declared, DeclaredDevice
from zonewright_gateway.device import Device
from zonewright_gateway.polling import Polled
from zonewright_gateway.values import Reader

Maker = Callable[[DeclaredDevice, Declared], Reader]


def _modbus() -> Maker:
    import logging  # noqa: PLC0415

    from zonewright_gateway.modbus.client import ModbusMeter, lines  # noqa: PLC0415 - what no device speaks is not loaded

    logging.getLogger("pymodbus").setLevel(
        logging.CRITICAL
    )  # what it complains of is told once, as a fault of a device
    line_of = lines()

    def make(one: DeclaredDevice, declared: Declared) -> Reader:
        return ModbusMeter(line_of(one.host, one.port), one.whole("unit"), declared.maps[one.text("map")])

    return make


MAKERS: Mapping[str, Callable[[], Maker]] = {"modbus": _modbus}
_SHARED = ("modbus",)
"""Protocols by which several devices may have one address, and are asked in turn."""


def make(declared: Declared, *, interval_s: float) -> list[Polled]:
    """Devices that can be asked.

    Args:
        declared: what is declared.
        interval_s: seconds between two readings of a device that does not say otherwise.
    """
    maker = cache(lambda protocol: MAKERS[protocol]())
    return [
        Polled(
            device=Device(one.name, one.rating_w),
            reader=maker(one.protocol)(one, declared),
            line=f"{one.host}:{one.port}" if one.protocol in _SHARED else one.name,
            interval_s=one.interval_s or interval_s,
            timeout_s=one.timeout_s,
        )
        for one in declared.devices
    ]
