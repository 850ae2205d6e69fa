"""The native validator of a format; where its program is missing, the test is not taken for passed."""

import os

import pytest

from zonewright.render.formats.format import Format
from zonewright.render.validators.native import NativeValidator


def validator_of(format_: Format) -> NativeValidator:
    """The validator, whether or not its program is installed."""
    assert format_.check is not None
    return NativeValidator(format_.check)


def installed_validator(format_: Format) -> NativeValidator:
    """The validator of an installed program: skips loudly without it, and fails where ``CI`` is set."""
    validator = validator_of(format_)
    if validator.is_installed():
        return validator
    check = validator.check
    message = (
        f"{check.program} is not installed (Debian package {check.package}): its verdict on our files is NOT tested"
    )
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
