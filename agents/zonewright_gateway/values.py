"""What devices show: readings of energy and power, and what is wrong with a device. Pure."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

Quantity = Literal["energy", "power", "temperature"]


class DeviceError(Exception):
    """A device gives no readings; ``str()`` is a sentence. It may be asked again."""


class NonsenseError(DeviceError):
    """A device answers, and what it says cannot be."""


class Shown(NamedTuple):
    """One value that a device shows.

    Attributes:
        part: what of the device it is, such as ``outlet-3``; empty for the whole.
        quantity: ``energy``, a register in watt-hours, ``power`` in watts, or ``temperature`` outside in
            degrees Celsius.
        value: None where the device says that it has no value.
        step: the smallest difference that the device can show, in the same unit; 0 where it is not known.
    """

    part: str
    quantity: Quantity
    value: float | None
    step: float = 0.0


class Reader(Protocol):
    """A device behind its protocol."""

    async def read(self) -> list[Shown]:
        """What it shows now.

        Raises:
            DeviceError: when it does not answer, or with something else.
            OSError: when it cannot be reached.
        """
        ...

    def close(self) -> None:
        """Give up its connection; the next reading makes another."""
        ...
