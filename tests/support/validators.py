"""The native validator of a format; where its program is missing, the test is not taken for passed."""

from typing import NoReturn

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
        missing_program(validator.check.program, validator.check.package)
    return validator


def missing_program(program: str, package: str) -> NoReturn:
    """Skip loudly for a program that is not installed, and fail where ``CI`` is set."""
    skip_or_fail(f"{program} is not installed (Debian package {package}): what it does with our files is NOT tested")
