"""The roads to a ledger: tests of its verbs call them in this process, and some of each group over HTTP as well.

Both roads carry the same bytes to the same function; ``tests/contract/test_ledger_over_http.py`` shows that for every
verb. What a test of the verbs may see over HTTP only is a decision in another thread.
"""

import pytest

IN_PROCESS, HTTP = "in-process", "http"


def road_of(request: pytest.FixtureRequest) -> str:
    """The road that a fixture's test asked for by ``on_every_road``; in this process where it did not ask."""
    return str(getattr(request, "param", IN_PROCESS))


def on_every_road(fixture: str) -> pytest.MarkDecorator:
    """Run a test on both roads, with the fixture that gives it its ledger."""
    return pytest.mark.parametrize(fixture, [IN_PROCESS, HTTP], indirect=True)
