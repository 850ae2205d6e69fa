"""In which order test processes take tests: long ones first and none last, and beside them always some short ones.

``--dist worksteal`` gives each process an equal part of the list. What one has left when another has nothing to do it
hands over from the end of its part; there the short tests are, of which one more or less makes no difference.

A long test waits half of its time, for engines, hosts and time-outs. While all processes were at those at once, a third
of the cores had nothing to do. So the last process begins with short ones, which wait for nothing.
"""

import os
from collections.abc import Iterable
from itertools import chain

import pytest

_LONG = ("tests/engine/", "tests/hosts/")


def dealt(modules: Iterable[list[pytest.Item]], processes: int) -> list[list[pytest.Item]]:
    """Modules as whole, for what they make once, each to the process that has the fewest tests so far."""
    shares: list[list[pytest.Item]] = [[] for _ in range(processes)]
    for module in modules:
        min(shares, key=len).extend(module)
    return shares


class LongFirst:
    """The plugin, for the processes of a run that has several."""

    @pytest.hookimpl(trylast=True)  # whatever order it has within its module
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put a share of the long modules at the begin of each process's part but the last."""
        processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
        if processes > 1:
            items[:] = long_first(items, processes)


def long_first(items: list[pytest.Item], processes: int) -> list[pytest.Item]:
    """The same tests in equal parts, of which each but the last begins with long modules."""
    modules: dict[str, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.nodeid.partition("::")[0], []).append(item)
    long = dealt((tests for name, tests in modules.items() if name.startswith(_LONG)), processes - 1)
    short = list(chain.from_iterable(tests for name, tests in modules.items() if not name.startswith(_LONG)))
    ordered: list[pytest.Item] = []
    for number, share in enumerate(long, start=1):
        room = max(0, len(items) * number // processes - len(ordered) - len(share))
        ordered += [*share, *short[:room]]
        del short[:room]
    return [*ordered, *short]
