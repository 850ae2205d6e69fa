"""What stops the reading of an inventory."""

from zonewright.errors import Exit, ZonewrightError


class InventoryError(ZonewrightError, ValueError):
    """An inventory cannot be read or written: its URL, its token, its version, or what it answers."""

    exit_code = Exit.NOT_DECIDED


class InventoryMisuseError(InventoryError):
    """What was named cannot be an inventory."""

    exit_code = Exit.MISUSE
