"""Where something stands: from the numbers on a rack's posts to rack units counted from 1 at the bottom."""

from math import ceil, floor

from zonewright.estate.records import RackRecord


def lowest_unit(rack: RackRecord, position: float, u_height: float) -> float:
    """The lowest rack unit of equipment, counted from 1 at the bottom; a half where it stands on one.

    Args:
        rack: the rack: its numbers may begin above 1 (``starting_unit``), or run from the top (``desc_units``).
        position: the lowest number that it takes, as NetBox has it.
        u_height: its height in rack units.

    Example:
        >>> rack = RackRecord(id=1, name="r", site={"id": 1}, u_height=42, desc_units=True)
        >>> lowest_unit(rack, 1, 2)
        41
    """
    index = position - rack.starting_unit
    found = rack.u_height - index - u_height + 1 if rack.desc_units else index + 1
    return int(found) if found == int(found) else found


def posts_number(rack: RackRecord, unit: float, u_height: float) -> float:
    """The other way round: the number on the posts that NetBox takes as position of equipment.

    Args:
        rack: the rack.
        unit: the lowest unit, counted from 1 at the bottom.
        u_height: height of the equipment in rack units.

    Example:
        >>> rack = RackRecord(id=1, name="r", site={"id": 1}, u_height=42, desc_units=True)
        >>> posts_number(rack, 41, 2)
        1
    """
    if rack.desc_units:
        return rack.starting_unit + rack.u_height - u_height + 1 - unit
    return rack.starting_unit + unit - 1


def whole_units(unit: float, u_height: float) -> tuple[int, int]:
    """The lowest whole rack unit and the number of them that equipment takes some of.

    Args:
        unit: its lowest unit, a half where it stands on one.
        u_height: its height, a half where it has one.

    Example:
        >>> whole_units(10.5, 0.5)
        (10, 1)
    """
    lowest = floor(unit)
    return lowest, max(1, ceil(unit + u_height) - lowest)
