"""Settings of all property tests: no deadline, because machines are shared; ten times the examples in `make soak`."""

import pytest
from hypothesis import HealthCheck, settings

from support.soak import rounds

settings.register_profile(
    "shared",
    deadline=None,
    max_examples=rounds(1000),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("shared")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What Hypothesis generates is a fuzz run."""
    for item in items:
        if "/tests/property/" in item.path.as_posix():
            item.add_marker(pytest.mark.soak)
