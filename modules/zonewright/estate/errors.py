"""What stops an adoption."""

from zonewright.errors import Exit, ZonewrightError


class AdoptionError(ZonewrightError, ValueError):
    """An estate cannot be taken over into a folder: what lies there, or what would be written, is wrong."""

    exit_code = Exit.REFUSED
