"""Building systems behind BACnet/IP: present values of objects, in the units that the device itself names."""

from __future__ import annotations

from bacpypes3.apdu import ErrorRejectAbortNack
from bacpypes3.ipv4.app import NormalApplication
from bacpypes3.local.device import DeviceObject
from bacpypes3.pdu import Address, IPv4Address
from bacpypes3.primitivedata import ObjectIdentifier

from zonewright_gateway.units import UNITS, Unit, step_of
from zonewright_gateway.values import DeviceError, NonsenseError, Shown

_NAMES = {
    "watts": "W",
    "kilowatts": "kW",
    "megawatts": "MW",
    "watt-hours": "Wh",
    "kilowatt-hours": "kWh",
    "megawatt-hours": "MWh",
    "degrees-celsius": "Cel",
}
_UNITS = {**UNITS, "Cel": Unit("temperature", 1.0)}
_FAULT, _OUT_OF_SERVICE = 1, 3
"""Places of the status flags (ASHRAE 135, 12.1.10)."""
_INSTANCE = 4_194_302
"""The largest number of a device: this one asks, and answers for nothing."""


class Client:
    """What asks, made when it is first needed: it belongs to the loop that runs then.

    Args:
        local: address of this host in the building's network, with its mask.
    """

    def __init__(self, local: str) -> None:
        self._local = local
        self._application: NormalApplication | None = None

    async def value(self, address: Address, identifier: str, name: str) -> object:
        """A property of an object.

        Raises:
            DeviceError: when the device does not give it.
        """
        if self._application is None:
            own = DeviceObject(
                objectIdentifier=("device", _INSTANCE), objectName="zonewright-gateway", vendorIdentifier=0
            )
            self._application = NormalApplication(own, IPv4Address(self._local))
        try:
            return await self._application.read_property(address, ObjectIdentifier(identifier), name)
        except ErrorRejectAbortNack as error:  # no Exception: whoever catches those alone would end with it
            raise DeviceError(f"{identifier}: {error}") from None

    def close(self) -> None:
        """Give up the port."""
        if self._application is not None:
            self._application.close()
            self._application = None


class BuildingDevice:
    """A device.

    Args:
        client: what asks.
        host: its address.
        port: its port.
        objects: of power, energy and outside temperature, such as ``analog-input,3``; what is empty is not read.
    """

    def __init__(self, client: Client, host: str, port: int, objects: tuple[str, str, str]) -> None:
        self._client, self._address = client, Address(f"{host}:{port}")
        self._objects = {
            name: one for name, one in zip(("power", "energy", "temperature"), objects, strict=True) if one
        }
        self._units: dict[str, Unit] = {}

    async def read(self) -> list[Shown]:
        """What it shows now."""
        shown = []
        for quantity, identifier in self._objects.items():
            unit = self._units.get(identifier) or await self._unit(identifier, quantity)
            self._units[identifier] = unit
            flags = await self._client.value(self._address, identifier, "status-flags")
            value = await self._client.value(self._address, identifier, "present-value")
            is_good = isinstance(flags, list | tuple) and not (flags[_FAULT] or flags[_OUT_OF_SERVICE])
            number = float(value) if isinstance(value, int | float) and is_good else None
            if number is None:
                shown.append(Shown("", unit.quantity, None))
            else:
                shown.append(Shown("", unit.quantity, number * unit.factor, step_of(number) * unit.factor))
        return shown

    async def _unit(self, identifier: str, quantity: str) -> Unit:
        said = str(await self._client.value(self._address, identifier, "units"))
        unit = _UNITS.get(_NAMES.get(said, ""))
        if unit is None or unit.quantity != quantity:
            raise NonsenseError(f"quarantined: {identifier} is in {said}, expected a unit of {quantity}")
        return unit

    def close(self) -> None:
        """Ask again for units."""
        self._units = {}
