"""Plain YAML words mean what they look like, and nothing else."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from zonewright.declare.yaml_text.scalars import Refusal, meaning_of
from zonewright.model import AddressPool, Cluster


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(word, True) for word in ("true", "True", "TRUE")],
        *[(word, False) for word in ("false", "False", "FALSE")],
        *[(word, None) for word in ("", "~", "null", "Null", "NULL")],
        *[(word, word) for word in ("yes", "No", "on", "OFF", "y", "12:30:45", "2026-01-01", "1_000", "0b1", "tRue")],
        *[(word, word) for word in ("01..25", "1.2.3", "10.80.16.1", "+", "-", ".", "e3", "1e", "0x", "٣")],
        ("0", 0),
        ("-17", -17),
        ("+5", 5),
        ("1.5", 1.5),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-1.5E-3", -0.0015),
    ],
)
def test_a_word_has_its_core_meaning(text: str, value: object) -> None:
    """Words mean what YAML 1.2's core schema says, without other bases; all else is text."""
    meaning = meaning_of(text)
    assert meaning == value
    assert type(meaning) is type(value)


@pytest.mark.parametrize(
    "text", ["007", "00", "-01", "01.5", "0x1F", "0o17", ".inf", "-.INF", ".NaN", "1e999", "1" * 30]
)
def test_a_number_that_others_read_otherwise_is_refused(text: str) -> None:
    """Leading zeros, other bases, infinities and endless digits are refused with a fix."""
    meaning = meaning_of(text)
    assert isinstance(meaning, Refusal)
    assert meaning.fix


@pytest.mark.parametrize(
    "gateway", [173015041, True, b"\x0a\x50\x10\x01", "2001:db8::1%eth0", "2001:db8::1%a\n- b", None]
)
def test_only_text_is_an_address(gateway: object) -> None:
    """Numbers, bytes and zone suffixes, which may hold line breaks, are no addresses in Python either."""
    with pytest.raises(ValueError, match="gateway"):
        AddressPool.model_validate({"prefix": "0.0.0.0/0" if gateway is None else "2001:db8::/32", "gateway": gateway})


def test_a_date_of_python_is_a_day() -> None:
    """A program may give a `date`; a moment, which has a time as well, is refused as everywhere."""
    fields: dict[str, Any] = {"site": "dc1", "node_type": "one-u", "count": 1}
    day = Cluster.model_validate({**fields, "in_service": date(2026, 3, 1)})
    assert day == Cluster(**fields, in_service="2026-03-01")
    with pytest.raises(ValidationError):
        Cluster.model_validate({**fields, "in_service": datetime(2026, 3, 1, tzinfo=UTC)})
