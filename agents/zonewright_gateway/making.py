"""From what is declared to devices that can be asked; a protocol's library is loaded where a device speaks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from zonewright_gateway.credentials import Secret
from zonewright_gateway.declared import Declared, DeclaredDevice
from zonewright_gateway.device import Device
from zonewright_gateway.polling import Polled
from zonewright_gateway.values import DeviceError, Reader, Shown

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


def _snmp() -> Maker:
    from pysnmp.hlapi.v3arch.asyncio import SnmpEngine  # noqa: PLC0415

    from zonewright_gateway.snmp.client import Pdu  # noqa: PLC0415
    from zonewright_gateway.snmp.families import families  # noqa: PLC0415

    # One for each name of credentials: two users of one name and other keys would exchange them in a shared one.
    engines: dict[str, SnmpEngine] = {}

    def make(one: DeclaredDevice, _declared: Declared) -> Reader:
        family = families()[one.text("family")]
        module = one.own.get("module")
        secret = one.secret or Secret("", {})
        if secret.name not in engines:
            engines[secret.name] = SnmpEngine()
        return Pdu(
            engines[secret.name],
            (one.host, one.port),
            secret,
            family,
            module=module if isinstance(module, int) else family.module,
            parts=one.words("parts"),
            timeout_s=one.timeout_s,
        )

    return make


def _redfish() -> Maker:
    from zonewright_gateway.redfish import Bmc  # noqa: PLC0415

    def make(one: DeclaredDevice, _declared: Declared) -> Reader:
        return Bmc(
            one.host,
            one.port,
            one.secret or Secret("", {}),
            digest=one.text("certificate"),
            chassis=one.text("chassis"),
            supplies="supplies" in one.words("parts"),
            timeout_s=one.timeout_s,
        )

    return make


def _ipmi() -> Maker:
    from shutil import which  # noqa: PLC0415

    from zonewright_gateway.ipmi import PROGRAM, Dcmi  # noqa: PLC0415

    if which(PROGRAM) is None:
        raise ImportError(f"there is no program {PROGRAM}")
    return lambda one, _declared: Dcmi(one.host, one.port, one.secret or Secret("", {}))


def _nut() -> Maker:
    from zonewright_gateway.nut import Upsd  # noqa: PLC0415

    return lambda one, _declared: Upsd(one.host, one.port, one.text("name"), one.secret)


def _bacnet() -> Maker:
    from zonewright_gateway.bacnet import BuildingDevice, Client  # noqa: PLC0415

    clients = cache(Client)

    def make(one: DeclaredDevice, _declared: Declared) -> Reader:
        objects = (one.text("power"), one.text("energy"), one.text("temperature"))
        return BuildingDevice(clients(one.text("local")), one.host, one.port, objects)

    return make


MAKERS: Mapping[str, Callable[[], Maker]] = {
    "modbus": _modbus,
    "snmp": _snmp,
    "redfish": _redfish,
    "ipmi": _ipmi,
    "nut": _nut,
    "bacnet": _bacnet,
}
_SHARED = ("modbus",)
"""Protocols by which several devices may have one address, and are asked in turn."""


class _Unavailable:
    """A device whose protocol cannot be spoken on this host."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def read(self) -> list[Shown]:
        """Fails."""
        raise DeviceError(self._why)

    def close(self) -> None:
        """Nothing is open."""


def _maker(protocol: str) -> Maker:
    try:
        return MAKERS[protocol]()
    except ImportError as error:
        why = f"protocol {protocol}: {error}"
        return lambda _one, _declared: _Unavailable(why)


def missing_libraries(declared: Declared) -> list[str]:
    """Protocols whose library is not on this host, one sentence each."""
    found = []
    for protocol in sorted({one.protocol for one in declared.devices}):
        try:
            MAKERS[protocol]()
        except ImportError as error:
            found.append(f"protocol {protocol}: {error}; install the libraries of zonewright[gateway] on this host")
    return found


def make(declared: Declared, *, interval_s: float) -> list[Polled]:
    """Devices that can be asked.

    Args:
        declared: what is declared.
        interval_s: seconds between two readings of a device that does not say otherwise.
    """
    maker = cache(_maker)
    return [
        Polled(
            device=Device(one.name, one.rating_w, one.place),
            reader=maker(one.protocol)(one, declared),
            line=f"{one.host}:{one.port}" if one.protocol in _SHARED else one.name,
            interval_s=one.interval_s or interval_s,
            timeout_s=one.timeout_s,
        )
        for one in declared.devices
    ]
