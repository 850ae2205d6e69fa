"""What can be wrong with a bundle before anything in it is looked at."""

from zonewright.errors import Exit, ZonewrightError


class BundleError(ZonewrightError, ValueError):
    """A folder or archive that is no bundle; ``str()`` is a sentence."""

    exit_code = Exit.MISUSE
