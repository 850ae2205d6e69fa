"""One byte form for each value, however it is made."""

import json
import math
from typing import Any

import pytest

from zonewright.model.canonical import canonical_json

VALUES: tuple[Any, ...] = (
    {"b": [1, 2.0, -0.0, 1e16, 1e-7, 10**30], "a": {"z": None, "y": True}, 'é\u2028\n\\"': "\x7f\x00"},
    "a text",
    [],
    1.5,
    ({"nested": ()},),
)


@pytest.mark.parametrize("value", VALUES)
def test_the_form_is_that_of_the_library(value: Any) -> None:
    """The encoder that is made once says what a new one of the documented class says."""
    made = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    assert canonical_json(value) == made.encode(value)


def test_what_has_no_form_is_refused() -> None:
    """A number that is not finite, and what is no JSON, have none; nor has what holds itself."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": [math.nan]})
    with pytest.raises(TypeError, match="not JSON serializable"):
        canonical_json({"a": object()})
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises((ValueError, RecursionError)):
        canonical_json(endless)
