"""Tests and modules are compiled once in a run, and not by each of its processes at the same moment.

In a fresh checkout to rewrite the assertions of all tests is 11 s of CPU and to compile the modules 2 s. Processes that
start together find nothing compiled, and each does all of it.
"""

import compileall
import importlib.util
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from _pytest.assertion import rewrite

_REPOSITORY = Path(__file__).resolve().parents[2]
_MODULES = ("modules", "agents", "templates", "tests/support")
_HEADER = 16


class CompiledOnce:
    """The plugin, for the process that starts the others."""

    @pytest.hookimpl(tryfirst=True)  # the others start at the end of this hook
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Compile what this run collects, a share on each core, and wait for that."""
        config = session.config
        if os.environ.get("PYTEST_XDIST_WORKER") or not config.getoption("numprocesses", None):
            return
        tests = [path for path in _tests_in(config) if not _is_compiled(path)]
        cores = os.cpu_count() or 1
        shares = [os.fork() or _compile(config, tests[number::cores], number) for number in range(cores)]
        for child in shares:
            os.waitpid(child, 0)


def _tests_in(config: pytest.Config) -> Iterator[Path]:
    """The files with tests below what the command line names."""
    for given in config.args:
        path = config.invocation_params.dir / given.partition("::")[0]
        yield from (path,) if path.is_file() else sorted(path.rglob("test_*.py"))


def _cache_of(path: Path) -> Path:
    """Where pytest looks for a test with rewritten assertions."""
    return rewrite.get_cache_dir(path) / f"{path.stem}{rewrite.PYC_TAIL}"


def _is_compiled(path: Path) -> bool:
    try:
        with _cache_of(path).open("rb") as file:
            return file.read(_HEADER)[8:] == importlib.util.source_hash(path.read_bytes())
    except OSError:
        return False


def _compile(config: pytest.Config, tests: Sequence[Path], number: int) -> int:
    """Compile tests, and the first one the modules too; ends this process."""
    try:
        for path in tests:
            if rewrite.try_makedirs(_cache_of(path).parent):
                digest, code = rewrite._rewrite_test(path, config)
                rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, digest, _cache_of(path))
        _compile_modules(_MODULES[number :: os.cpu_count() or 1])
    except (OSError, SyntaxError):  # whoever imports it tells
        pass
    finally:
        os._exit(0)


def _compile_modules(folders: Iterable[str]) -> None:
    for folder in folders:
        compileall.compile_dir(_REPOSITORY / folder, quiet=2)
