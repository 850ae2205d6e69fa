"""Runs the tests of one row of the table on many mutants: collects them once, then forks for each mutant.

Speaks JSON by lines. First comes the row, then one line for each mutant. Which test calls which function is found by
the first run, on the code as it is. A mutant of a function is shown to those tests only. What runs when a module is
imported needs a fresh import: such a mutant gets a process without our modules, and all tests of the row.
"""

import contextlib
import importlib
import importlib.machinery
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import IO, Any, NoReturn

import pytest
from hypothesis import Phase, settings
from tools.mutants.swapping import Place, changed_functions, forget, place_of, swap

_OURS = ("zonewright", "support", "tests", "conftest", "tools", "stacks", "bench")
# What is imported already is not rewritten again; nobody reads the assertions.
_QUIET = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
_OPTIONS = ("-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", *_QUIET)
_SETTINGS = "_hypothesis_internal_use_settings"  # where Hypothesis keeps the settings of a test
_LEAST_S = 20.0
_TIMES = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A child at work on a mutant."""

    job: dict[str, Any]
    pid: int
    output: int
    folder: str
    ends_s: float
    began_s: float
    tests: int


@dataclass(slots=True)
class Tests:
    """What the first run found out.

    Attributes:
        calls: functions that each test calls, by the test's number.
        seconds: how long each takes.
        kills: how many mutants each has killed.
        imported: functions that are called by imports.
    """

    calls: dict[int, set[Place]] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    kills: Counter[int] = field(default_factory=Counter)
    imported: set[Place] = field(default_factory=set)

    def of(self, places: list[Place], items: list[pytest.Item]) -> list[int]:
        """Tests that call one of these functions, those that are likely to fail and quick first."""
        found = [number for number, called in self.calls.items() if called.intersection(places)]
        known = [number for number in found if self.kills[number]]
        best = sorted(known, key=lambda one: self.seconds[one] / self.kills[one])[:2]
        cost: dict[Path, float] = {}
        for number in found:
            cost[items[number].path] = cost.get(items[number].path, 0.0) + self.seconds[number]
        rest = sorted(set(found) - set(best), key=lambda one: (cost[items[one].path], self.seconds[one], one))
        return best + rest


class Recorder:
    """Notes which functions of the mutated files are called while a test runs."""

    def __init__(self, files: set[str]) -> None:
        self._files = files
        self.now: set[Place] = set()
        self.by_fixture: dict[int, set[Place]] = {}

    def _called(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename in self._files:
            self.now.add(place_of(frame.f_code))

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        """While this lasts; in threads that are begun meanwhile too."""
        sys.setprofile(self._called)
        threading.setprofile(self._called)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, object, object]:
        """What a fixture calls is called for each test that asks for it, also when it is made once."""
        before, self.now = self.now, set()
        try:
            return (yield)
        finally:
            self.by_fixture.setdefault(id(fixturedef), set()).update(self.now)
            self.now |= before

    def of_fixtures(self, item: pytest.Item) -> set[Place]:
        """What all fixtures of a test called."""
        info = getattr(item, "_fixtureinfo", None)
        names = info.name2fixturedefs.values() if info is not None else ()
        return {place for defs in names for one in defs for place in self.by_fixture.get(id(one), ())}


class Server:
    """The plugin that takes the place of pytest's loop over the tests."""

    def __init__(self, row: dict[str, Any], lines: IO[str], answers: IO[str]) -> None:
        self._row, self._lines, self._answers = row, lines, answers
        self._recorder = Recorder(set(row["files"]))
        self._tests = Tests()
        self._failed = ""
        self._items: list[pytest.Item] = []
        self._waiting: list[dict[str, Any]] = []
        self._running: dict[int, Running] = {}
        self._code = {file: compile(_text(file), file, "exec") for file in row["files"]}
        self._is_ready = False

    def serve(self) -> int:
        """Collect, and answer until there is no further mutant."""
        with self._recorder.on():
            code = pytest.main([*_OPTIONS, *self._row["args"]], plugins=[self, self._recorder])
        if not self._is_ready:
            self._say({"fault": f"the tests could not be collected: pytest ended with {code}"})
        return 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The first failure is enough."""
        if report.failed:
            self._failed = self._failed or report.nodeid

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run all once as they are, then each mutant."""
        sys.setprofile(None)
        threading.setprofile(None)
        self._tests.imported = self._recorder.now
        self._items = session.items
        self._shorter()
        self._is_ready = True
        if self._first_run():
            self._serve_mutants()
        return True

    def _shorter(self) -> None:
        """A mutant is killed by any example: none is made smaller, none is kept, and long runs do what they must."""
        from support.soak import shares_s  # noqa: PLC0415 - found since the tests are collected

        shares_s().update(dict.fromkeys(shares_s(), 0.0))

        for item in self._items:
            test = getattr(item, "obj", None)
            test = getattr(test, "__func__", test)
            held = getattr(test, _SETTINGS, None)
            if held is not None:
                setattr(test, _SETTINGS, settings(held, phases=(Phase.explicit, Phase.generate), database=None))

    # --- the first run

    def _first_run(self) -> bool:
        reader, writer = os.pipe()
        folder = tempfile.mkdtemp(prefix="mutants-")
        pid = os.fork()
        if not pid:
            os.close(reader)
            self._enter(folder)
            self._record(writer)
        os.close(writer)
        with os.fdopen(reader, encoding="utf-8") as stream:
            found = json.loads(stream.read() or '{"failed": "the first run ended without a word"}')
        os.waitpid(pid, 0)
        shutil.rmtree(folder, ignore_errors=True)
        if found.get("failed"):
            self._say({"fault": f"without a mutant this fails: {found['failed']}"})
            return False
        for number, (places, seconds) in enumerate(found["tests"]):
            self._tests.calls[number] = {(file, line) for file, line in places}
            self._tests.seconds[number] = seconds
        total_s = sum(self._tests.seconds.values())
        modules = sorted(name for name in sys.modules if name.split(".")[0] not in (*_OURS, "__main__"))
        self._say({"ready": len(self._items), "seconds": total_s, "modules": modules})
        return True

    def _record(self, writer: int) -> NoReturn:
        forget()  # what was kept by imports would not be called
        called, seconds = [], []
        for number, item in enumerate(self._items):
            self._recorder.now = set()
            began_s = time.monotonic()
            with self._recorder.on():
                self._run(item, self._items[number + 1] if number + 1 < len(self._items) else None)
            seconds.append(time.monotonic() - began_s)
            called.append(set(self._recorder.now))
            if self._failed:
                break
        found = [
            [sorted(places | self._recorder.of_fixtures(item)), took_s]
            for item, places, took_s in zip(self._items, called, seconds, strict=False)
        ]
        with os.fdopen(writer, "w", encoding="utf-8") as stream:
            json.dump({"failed": self._failed, "tests": found}, stream)
        os._exit(0)

    # --- mutants

    def _serve_mutants(self) -> None:
        is_open = True
        while is_open or self._waiting or self._running:
            while self._waiting and len(self._running) < self._row["parallel"]:
                self._begin(self._waiting.pop(0))
            watched: list[Any] = [*self._running, *([self._lines] if is_open and not self._waiting else [])]
            ready, _, _ = select.select(watched, [], [], 0.2)
            if self._lines in ready:
                line = self._lines.readline()
                is_open = bool(line)
                self._waiting += [json.loads(line)] if line else []
            for output in [one for one in ready if one in self._running]:
                self._end(output, os.read(output, 4096).decode())
            for output, one in list(self._running.items()):
                if time.monotonic() > one.ends_s:
                    self._end(output, "timeout")

    def _begin(self, job: dict[str, Any]) -> None:
        file = job["file"]
        try:
            code = compile(_text(job["text"]), file, "exec")
        except (SyntaxError, ValueError):
            self._say({"key": job["key"], "result": "killed", "by": "the compiler", "seconds": 0.0, "tests": 0})
            return
        pairs = changed_functions(self._code[file], code)
        if pairs is not None and not pairs:
            self._say({"key": job["key"], "result": "same", "by": "", "seconds": 0.0, "tests": 0})
            return
        places = [place_of(old) for old, _ in pairs or ()]
        is_cold = bool(job.get("cold")) or pairs is None
        numbers = list(range(len(self._items))) if is_cold else self._tests.of(places, self._items)
        if not numbers and self._tests.imported.intersection(places):
            is_cold, numbers = True, list(range(len(self._items)))
        if not numbers:
            self._say({"key": job["key"], "result": "survived", "by": "", "seconds": 0.0, "tests": 0})
            return
        reader, writer = os.pipe()
        folder = tempfile.mkdtemp(prefix="mutants-")
        began_s = time.monotonic()
        pid = os.fork()
        if not pid:
            os.close(reader)
            self._enter(folder)
            if is_cold or pairs is None:
                _fresh(job, self._row, writer)
            self._try(pairs, numbers, writer)
        os.close(writer)
        limit_s = max(_LEAST_S, _TIMES * sum(self._tests.seconds[number] for number in numbers))
        self._running[reader] = Running(
            job=job, pid=pid, output=reader, folder=folder, ends_s=began_s + limit_s, began_s=began_s,
            tests=len(numbers),
        )  # fmt: skip

    @staticmethod
    def _enter(folder: str) -> None:
        """What a child does first: a group and folders of its own, and nothing that it could disturb."""
        os.setsid()
        os.environ["PYTEST_DEBUG_TEMPROOT"] = folder
        os.environ["TMPDIR"] = folder
        tempfile.tempdir = None

    def _try(self, pairs: list[tuple[CodeType, CodeType]], numbers: list[int], writer: int) -> NoReturn:
        forget()
        if not swap(pairs):
            os.write(writer, b"cold")
            os._exit(0)
        for at, number in enumerate(numbers):
            self._run(self._items[number], self._items[numbers[at + 1]] if at + 1 < len(numbers) else None)
            if self._failed:
                os.write(writer, f"killed {number}".encode())
                os._exit(0)
        os.write(writer, b"survived")
        os._exit(0)

    @staticmethod
    def _run(item: pytest.Item, following: pytest.Item | None) -> None:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)

    def _end(self, output: int, word: str) -> None:
        one = self._running.pop(output)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(one.pid, signal.SIGKILL)
        os.waitpid(one.pid, 0)
        os.close(output)
        shutil.rmtree(one.folder, ignore_errors=True)
        result, _, number = word.partition(" ")
        if result == "cold":
            self._waiting.insert(0, {**one.job, "cold": True})
            return
        by = ""
        if number.isdigit():
            self._tests.kills[int(number)] += 1
            by = self._items[int(number)].nodeid
        elif number:
            by = number
        # A child that ends without a word was ended by its mutant.
        known = {"killed", "survived", "timeout"}
        self._say(
            {
                "key": one.job["key"],
                "result": result if result in known else "killed",
                "by": by or ("a crash" if result not in known else ""),
                "seconds": time.monotonic() - one.began_s,
                "tests": one.tests,
            }
        )

    def _say(self, answer: dict[str, Any]) -> None:
        self._answers.write(json.dumps(answer) + "\n")
        self._answers.flush()


def _fresh(job: dict[str, Any], row: dict[str, Any], writer: int) -> NoReturn:
    """All tests of the row in this child, with our modules imported again, one of them mutated."""
    for name in [name for name in sys.modules if name.split(".")[0] in _OURS and not name.startswith("tools.mutants")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    loader = importlib.machinery.SourceFileLoader
    usual = loader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, fullname: str) -> CodeType | None:
        if self.path == job["file"]:
            return compile(_text(job["text"]), job["file"], "exec")
        return usual(self, fullname)

    loader.get_code = get_code  # type: ignore[method-assign,assignment] # for this child only
    watch = Watch()
    code = pytest.main([*_OPTIONS, *row["args"]], plugins=[watch])
    survived = code == pytest.ExitCode.OK
    os.write(writer, b"survived" if survived else f"killed {watch.failed or 'an error at import'}".encode())
    os._exit(0)


class Watch:
    """Notes the first test that fails."""

    failed = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The first failure is enough."""
        if report.failed:
            self.failed = self.failed or report.nodeid


def _text(file: str) -> str:
    return Path(file).read_text(encoding="utf-8")


def main() -> int:
    """Take the row from standard input, and keep standard output for answers alone."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Read without a buffer, since the loop asks the descriptor whether there is a line.
    lines = os.fdopen(os.dup(0), "rb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)
    if not os.environ.get("ZONEWRIGHT_MUTANTS_DEBUG"):
        os.dup2(nothing, 2)
    row = json.loads(lines.readline())
    return Server(row, lines, answers).serve()  # type: ignore[arg-type] # lines of bytes are JSON too


if __name__ == "__main__":
    sys.exit(main())
