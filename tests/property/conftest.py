"""Settings of all property tests: no deadline, because machines are shared; ten times the examples in `make soak`.

Elsewhere each has its share of time, and ten examples always.
"""

import pytest
from hypothesis import HealthCheck, settings

from support.soak import count, is_full, shares_s, within

settings.register_profile(
    "shared",
    deadline=None,
    max_examples=count(1000),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("shared")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What Hypothesis generates is a fuzz run."""
    for item in items:
        if "/tests/property/" in item.path.as_posix():
            item.add_marker(pytest.mark.soak)
            found = getattr(getattr(item, "obj", None), "hypothesis", None)
            if found is not None and not is_full() and item.name == getattr(item, "originalname", item.name):
                found.inner_test = within(shares_s()["property"], 10, found.inner_test)
