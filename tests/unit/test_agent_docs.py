"""What the agent can be told and what it says stands in the reference."""

import re

import pytest

from support.zone_project import REPOSITORY
from zonewright_agent.configuration import FIELDS, from_text

SOURCES = {path.name: path.read_text(encoding="utf-8") for path in (REPOSITORY / "agents").rglob("*.py")}
CODE = "\n".join(SOURCES.values())
REFERENCE = REPOSITORY / "docs" / "reference"
WIRE = (REFERENCE / "telemetry.md").read_text(encoding="utf-8")


def test_every_setting_is_documented() -> None:
    """The reference has a row for each setting, and none for one that is gone."""
    page = (REFERENCE / "agent.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE) == list(FIELDS)


@pytest.mark.parametrize(
    ("pattern", "least"),
    [
        (r'"((?:hw|system|service|zonewright)\.[a-z_.]+)"', 14),
        (r'log\("([a-z-]+)"', 10),
        (r'"(good|reset|unknown|implausible|ambiguous|unreadable|clock-stepped)"', 7),
    ],
    ids=["names", "events", "qualities"],
)
def test_what_the_agent_sends_and_says_is_documented(pattern: str, least: int) -> None:
    """Each metric, attribute, event and quality of the code stands in the page on telemetry."""
    found = set(re.findall(pattern, CODE))
    assert len(found) >= least
    assert sorted(name for name in found if f"`{name}`" not in WIRE) == []


def test_the_settings_of_the_guide_are_good() -> None:
    """What the how-to tells to write is what the agent takes."""
    page = (REPOSITORY / "docs" / "how-to" / "run-the-agent.md").read_text(encoding="utf-8")
    match = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert match is not None
    assert from_text(match[1], "agent.toml").agent == "qp-dc1-core-001"
