"""Units that devices show their values in. Pure."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple

from zonewright_gateway.values import Quantity


class Unit(NamedTuple):
    """A unit: what it measures, and how many watt-hours or watts it is."""

    quantity: Quantity
    factor: float


UNITS = {
    "Wh": Unit("energy", 1.0),
    "kWh": Unit("energy", 1e3),
    "MWh": Unit("energy", 1e6),
    "W": Unit("power", 1.0),
    "kW": Unit("power", 1e3),
    "MW": Unit("power", 1e6),
}


def scaled(raw: float, scale: float) -> float:
    """A raw value times a scale, where 21 tenths are 2.1, and not what floats make of it."""
    inverse = round(1 / scale) if scale < 1 else 0
    return float(raw / inverse if inverse and math.isclose(inverse * scale, 1) else raw * scale)


_DIGITS = 7
"""Significant digits of what many devices keep as a float of 32 bits."""


def step_of(value: float) -> float:
    """The smallest difference that a device can show which does not tell it: by the last digit that it shows now.

    Too large a step makes doubt milder, too small a one makes a good register doubtful.
    """
    exponent = Decimal(f"{value:.{_DIGITS}g}").normalize().as_tuple().exponent if math.isfinite(value) else 0
    return 10.0 ** min(exponent, 0) if isinstance(exponent, int) else 1.0
