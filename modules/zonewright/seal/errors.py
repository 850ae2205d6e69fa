"""What can be wrong with a signed thing."""

from zonewright.errors import Exit, ZonewrightError


class SealError(ZonewrightError, ValueError):
    """An envelope, statement or key that does not count; ``str()`` is a sentence."""

    exit_code = Exit.REFUSED
