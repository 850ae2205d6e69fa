"""Settings of all property tests: no deadline, because machines are shared; ten times the examples in `make soak`.

Elsewhere each has its share of time, and ten examples always.
"""

from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from support.soak import again, examples, shares_s

settings.register_profile(
    "shared",
    deadline=None,
    max_examples=examples(1000),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("shared")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What Hypothesis generates is a fuzz run."""
    for item in items:
        if "/tests/property/" in item.path.as_posix():
            item.add_marker(pytest.mark.soak)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """After its first examples a test makes others, as long as its share of time is not over."""
    result = yield
    names = pyfuncitem._fixtureinfo.argnames
    again(shares_s()["property"], lambda: pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return result
