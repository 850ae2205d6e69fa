"""What a run of the tests cost: CPU seconds of each test with what it started, by folder, against a committed table.

Counted is what a test process and the children that it waited for have used. What was killed together with its parent
is not waited for by anybody here and is missing; wall time stands beside it.
"""

import os
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from support.warm_python import warm_python

BUDGET = Path(__file__).resolve().parents[1] / "cpu_budget.yaml"
_PROPERTY = "cpu_s"


def used_s() -> float:
    """CPU seconds that this process, the children that it waited for and the forks of its warm Python have used."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system + warm_python().used_s()


def budget_s() -> dict[str, float]:
    """What each folder of tests may cost in CPU seconds."""
    read: dict[str, float] = yaml.safe_load(BUDGET.read_text(encoding="utf-8"))["folders"]
    return read


def folder_of(node_id: str) -> str:
    """The folder below ``tests`` that a test lies in."""
    return node_id.split("::", maxsplit=1)[0].removeprefix("tests/").split("/")[0]


def table(spent_s: Mapping[str, float], allowed_s: Mapping[str, float]) -> list[str]:
    """A line for each folder: what it cost, what it may cost, and whether that is too much."""
    lines = []
    for folder, spent in sorted(spent_s.items(), key=lambda item: -item[1]):
        allowed = allowed_s.get(folder)
        verdict = "no budget" if allowed is None else f"of {allowed:.0f} s{'  OVER' if spent > allowed else ''}"
        lines.append(f"{spent:8.1f} s  {folder:10} {verdict}")
    return [*lines, f"{sum(spent_s.values()):8.1f} s  in all"]


@dataclass(eq=False)
class CpuReport:
    """The plugin: measures in each test process, adds up in the first."""

    last_s: float = field(default_factory=used_s)
    spent_s: dict[str, float] = field(default_factory=dict)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Write into the report of a phase what was used since the one before."""
        report = yield
        now = used_s()
        report.user_properties.append((_PROPERTY, now - self.last_s))
        self.last_s = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the phase to its test."""
        cost = sum(value for name, value in report.user_properties if name == _PROPERTY and isinstance(value, float))
        self.spent_s[report.nodeid] = self.spent_s.get(report.nodeid, 0.0) + cost

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what each folder cost."""
        folders: dict[str, float] = {}
        for node_id, cost in self.spent_s.items():
            folders[folder_of(node_id)] = folders.get(folder_of(node_id), 0.0) + cost
        if log := os.environ.get("ZONEWRIGHT_CPU_LOG"):
            costs = sorted(self.spent_s.items(), key=lambda item: -item[1])
            Path(log).write_text("".join(f"{cost:.2f} {name}\n" for name, cost in costs), encoding="utf-8")
        terminalreporter.section("CPU by folder")
        for line in table(folders, budget_s()):
            terminalreporter.write_line(line)
