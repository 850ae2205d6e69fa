"""The native validator of a format; where its program is missing, the test is not taken for passed."""

from support.parts import skip_or_fail
from zonewright.render.formats.format import Format
from zonewright.render.validators.native import NativeValidator


def validator_of(format_: Format) -> NativeValidator:
    """The validator, whether or not its program is installed."""
    assert format_.check is not None
    return NativeValidator(format_.check)


def installed_validator(format_: Format) -> NativeValidator:
    """The validator of an installed program: skips loudly without it, and fails where ``CI`` is set."""
    validator = validator_of(format_)
    if not validator.is_installed():
        check = validator.check
        skip_or_fail(
            f"{check.program} is not installed (Debian package {check.package}): its verdict on our files is NOT tested"
        )
    return validator
