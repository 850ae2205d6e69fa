"""What a device shows is believed only where it can be; what cannot be is quarantined with its reason."""

import math
from collections.abc import Iterable

import pytest

from zonewright_gateway.device import Device
from zonewright_gateway.units import step_of
from zonewright_gateway.values import Shown

RATING_W = 10_000.0
INTERVAL_S = 10.0
STEP_WH = 10.0


def delivered(shown: Iterable[tuple[float | None, float | None]], *, step: float = STEP_WH) -> tuple[list[float], str]:
    """What is delivered of a device that shows so many watt-hours and watts in turn, and its last fault."""
    device = Device("m", RATING_W)
    for number, (energy, power) in enumerate(shown):
        values = [Shown("", "energy", energy, step)] + ([] if power is None else [Shown("", "power", power)])
        device.took(values, time_ns=number, at_s=number * INTERVAL_S)
    registers = [
        point.value / 3600 for point in device.collect() if point.kind == "register" and point.value is not None
    ]
    return registers, device.fault or ""


def counting(
    begin: float, count: int, rise: float = 10.0, power: float | None = 3_600.0
) -> list[tuple[float, float | None]]:
    """A register that goes on evenly."""
    return [(begin + rise * number, power) for number in range(count)]


def test_a_register_is_believed_from_its_second_reading_on() -> None:
    """One reading proves nothing; what goes on from it is delivered, to the watt-hour."""
    assert delivered(counting(1_000, 4)) == ([1_010.0, 1_020.0, 1_030.0], "")


def test_a_register_that_shows_zero_once() -> None:
    """After a restart a device may show 0 once: that is not delivered, and all that follows is."""
    shown = [*counting(1_000, 3), (0.0, 0.0), *counting(1_030, 3)]
    assert delivered(shown) == ([1_010.0, 1_020.0, 1_030.0, 1_040.0, 1_050.0], "")


def test_a_device_that_was_swapped() -> None:
    """A register that goes on from another value is believed when it has counted plausibly from there."""
    registers, fault = delivered([*counting(50_000, 3), *counting(7, 6)])
    assert (registers, fault) == ([50_010.0, 50_020.0, 37.0, 47.0, 57.0], "")
    registers, fault = delivered([*counting(50_000, 3), (7.0, 0.0), (7.0, 0.0), (7.0, 0.0), (7.0, 0.0), (7.0, 0.0)])
    assert registers == [50_010.0, 50_020.0]
    assert "stepped back from 50,020 to 7 Wh" in fault


def test_a_register_that_rises_faster_than_its_rating() -> None:
    """What no load can have counted is quarantined, for as long as each of its steps is like that."""
    registers, fault = delivered(counting(1_000, 9, rise=65_536.0))
    assert registers == []
    assert fault == "quarantined: energy: it rose by 65,536 Wh in 10 s, and its rating allows 33 Wh"


def test_a_register_that_stands_still_while_power_flows() -> None:
    """A stuck register is quarantined once its own power contradicts it, and goes on with all that it counted."""
    stuck = [(1_020.0, 3_600.0)] * 12
    registers, fault = delivered([*counting(1_000, 3), *stuck])
    assert "it stands still at 1,020 Wh while 70 Wh flowed by its power" in fault
    assert set(registers) == {1_010.0, 1_020.0}
    registers, fault = delivered([*counting(1_000, 3), *stuck, *counting(1_150, 3)])
    assert (registers[-3:], fault) == ([1_150.0, 1_160.0, 1_170.0], "")


def test_what_may_stand_still() -> None:
    """A standby incomer counts nothing and draws nothing for as long as it likes."""
    assert delivered([(500.0, 0.0)] * 100)[1] == ""
    assert delivered([(500.0, None)] * 100)[1] == ""


@pytest.mark.parametrize("every", [3, 200])
def test_a_register_that_is_refreshed_now_and_then(every: int) -> None:
    """One that shows whole kilowatt-hours, or moves once in a while, is believed: it counts what flowed since then."""
    rise = 3_600.0 * INTERVAL_S / 3_600 * every
    shown = [(5_000.0 + rise * (number // every), 3_600.0) for number in range(4 * every)]
    registers, fault = delivered(shown, step=1_000.0 if every > 100 else 0.001)
    assert (registers[-1], fault) == (5_000.0 + 3 * rise, "")
    assert len(registers) >= 4 * every - 1 - every


@pytest.mark.parametrize(("value", "step"), [(325_675.0, 1.0), (0.0, 1.0), (12.5, 0.1), (12.300000190734863, 0.1)])
def test_a_step_that_the_device_does_not_tell(value: float, step: float) -> None:
    """The last digit that is shown bounds it, also where a float of 32 bits has more."""
    assert math.isclose(step_of(value), step)


def test_a_quantity_that_is_gone() -> None:
    """A device that shows its energy, or anything, no more has a fault: silence is not good."""
    device = Device("m", RATING_W)
    power = Shown("", "power", 1.0)
    for number, shown in enumerate(([Shown("", "energy", 5.0), power], [power], [])):
        device.took(shown, time_ns=number, at_s=number * INTERVAL_S)
        assert bool(device.fault) == (number > 0)
    assert "it shows none any more" in (device.fault or "")


@pytest.mark.parametrize("factor", [0.001, 0.1, 10.0])
def test_a_register_and_a_power_in_other_units(factor: float) -> None:
    """A register that counts a tenth or a thousandth of what its own power says is told, and stays quarantined."""
    registers, fault = delivered(counting(1_000, 300, rise=2.0 * factor, power=720.0), step=0.0)
    assert "flowed by its power; is the unit right?" in fault
    assert len(registers) < 60


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (math.nan, "it shows no number"),
        (None, "it shows no number"),
        (-50.0, "is it wired the other way round?"),
        (12_001.0, "it shows 12,001 W, and its rating allows 12,000 W"),
    ],
)
def test_a_power_that_cannot_be(value: float | None, says: str) -> None:
    """A gauge has no value where it shows none that can be."""
    device = Device("m", RATING_W)
    device.took([Shown("", "power", value)], time_ns=1, at_s=0.0)
    assert device.collect() == []
    assert says in (device.fault or "")


def test_parts_are_doubted_by_themselves() -> None:
    """An outlet that is off, or one that shows nonsense, silences no other; each is reported by its own id."""
    device = Device("pdu-1", RATING_W)
    shown = [Shown("", "power", 500.0), Shown("outlet-1", "power", 0.0), Shown("outlet-2", "power", None)]
    device.took([*shown, Shown("outlet-3", "power", 1e9)], time_ns=1, at_s=0.0)
    assert [(point.attributes["hw.id"], point.value) for point in device.collect()] == [
        ("pdu-1", 500.0),
        ("pdu-1-outlet-1", 0.0),
    ]
    assert (device.fault or "").startswith("quarantined: power of outlet-3: it shows 1,000,000,000 W")
