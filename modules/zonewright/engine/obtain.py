"""The order in which zonewright comes to an engine, and the report of it.

Must not know how any one way works.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from zonewright.engine import build, cache, find, install, language_build
from zonewright.engine.errors import Attempt, EngineError
from zonewright.engine.version import RANGE, Version

_REPORT = "engine-report.json"


@dataclass(frozen=True)
class Engine:
    """The engine to use.

    Attributes:
        pulumi: The absolute path of its command.
        version: Its version.
        how: How it was obtained: `ZONEWRIGHT_PULUMI`, `PATH`, `installer` or `build`.
        folders: What must be on PATH for it, in order.
        passed_over: The ways that were tried before and did not lead to an engine, with the reason.
    """

    pulumi: Path
    version: Version
    how: str
    folders: tuple[Path, ...]
    passed_over: tuple[Attempt, ...]


@dataclass(frozen=True)
class EngineStatus:
    """What there is now, without getting anything.

    Attributes:
        engine: The engine that `ensure` would give at once; None when it would have to get one.
        passed_over: Why not the others.
        cache: The cache folder.
    """

    engine: Engine | None
    passed_over: tuple[Attempt, ...]
    cache: Path


def say_on_stderr(line: str) -> None:
    """Print a line of progress; standard output is kept for results."""
    print(f"zonewright engine: {line}", file=sys.stderr, flush=True)  # noqa: T201 - the default way to show progress


def ensure(*, environment: Mapping[str, str] = os.environ, say: cache.SayProgress = say_on_stderr) -> Engine:
    """Give an engine, getting one if there is none; quick when there is one.

    In this order: the one that `ZONEWRIGHT_PULUMI` names, one on PATH, one in the cache folder, Pulumi's installer,
    a build with Go.

    Args:
        environment: Where the variables and PATH come from.
        say: Takes lines of progress; standard error by default.

    Returns:
        The engine.

    Raises:
        EngineError: When a named engine cannot be used, or nothing works; one sentence for each way that was tried.
    """
    folder = cache.folder(environment)
    here, passed_over = _present(environment, folder)
    if here is not None:
        return here
    try:
        with cache.lock(folder, say):
            return _get(environment, folder, say, passed_over)
    except OSError as error:
        raise EngineError(
            f"the cache folder {folder} cannot be used: {error.strerror or error}; set ZONEWRIGHT_CACHE to a folder "
            f"that can be written, with 1 GB free"
        ) from error


def ensure_host(
    engine: Engine,
    language: str,
    *,
    environment: Mapping[str, str] = os.environ,
    say: cache.SayProgress = say_on_stderr,
) -> Path:
    """Give the host of a language beside an engine, building it if there is none.

    Args:
        engine: The engine, from ``ensure``.
        language: A language that zonewright can build a host for, as ``yaml``.
        environment: Where the variables and PATH come from.
        say: Takes lines of progress; standard error by default.

    Raises:
        EngineError: When it cannot be built.
    """
    folder = cache.folder(environment)
    with cache.lock(folder, say):
        return language_build.ensure_language(folder, engine.pulumi, language, say=say, environment=environment)


def ensure_generator(
    engine: Engine, *, environment: Mapping[str, str] = os.environ, say: cache.SayProgress = say_on_stderr
) -> Path | None:
    """Give the generator of SDKs for an engine, building it if there is none.

    Args:
        engine: The engine, from ``ensure``.
        environment: Where the variables and PATH come from.
        say: Takes lines of progress; standard error by default.

    Returns:
        The generator; None for an official engine, whose own hosts generate SDKs.

    Raises:
        EngineError: When it cannot be built.
    """
    folder = cache.folder(environment)
    with cache.lock(folder, say):
        return language_build.ensure_generator(folder, engine.pulumi, say=say, environment=environment)


def status(*, environment: Mapping[str, str] = os.environ) -> EngineStatus:
    """Say what there is, without installing, building or waiting.

    Raises:
        EngineError: When `ZONEWRIGHT_PULUMI` names something that cannot be used.
    """
    folder = cache.folder(environment)
    here, passed_over = _present(environment, folder)
    return EngineStatus(here, here.passed_over if here else passed_over, folder)


def _present(environment: Mapping[str, str], folder: Path) -> tuple[Engine | None, tuple[Attempt, ...]]:
    """Look for an engine that is there: named, on PATH or in the cache."""
    path = environment.get("PATH", "")
    named = environment.get(find.VARIABLE)
    if named:
        return _engine(find.named(named, path), find.VARIABLE, ()), ()
    # In a shell with `engine env` the cache's own engine is on PATH; it keeps its report and a fresh launcher.
    if find.is_on_path(folder, path) and (cached := _cached(folder, ())) is not None:
        return cached, ()
    try:
        return _engine(find.on_path(path), "PATH", ()), ()
    except EngineError as error:
        passed_over = (Attempt("PATH", str(error)),)
    return _cached(folder, passed_over), passed_over


def _cached(folder: Path, passed_over: tuple[Attempt, ...]) -> Engine | None:
    """Look into the cache folder."""
    ways: tuple[tuple[str, Callable[[Path], find.FoundEngine]], ...] = (
        ("installer", install.installed),
        ("build", build.built),
    )
    for how, look in ways:
        try:
            found = look(folder)
        except (EngineError, OSError):
            continue
        return _engine(found, how, passed_over + _remembered(folder, how))
    return None


def _get(
    environment: Mapping[str, str], folder: Path, say: cache.SayProgress, passed_over: tuple[Attempt, ...]
) -> Engine:
    """Install or build; call it under the lock."""
    # Another caller may have been first while this one waited.
    here = _cached(folder, passed_over)
    if here is not None:
        return here
    failed: tuple[Attempt, ...] = ()
    ways: tuple[tuple[str, Callable[[], find.FoundEngine]], ...] = (
        ("installer", lambda: install.install(folder, say=say)),
        ("build", lambda: build.build(folder, say=say, environment=environment)),
    )
    for how, get in ways:
        try:
            found = get()
        except EngineError as error:
            say(f"{error}")
            failed += (Attempt(how, str(error)),)
            continue
        _remember(folder, failed)
        return _engine(found, how, passed_over + failed)
    tried = (Attempt(find.VARIABLE, "it is not set"), *passed_over, *failed)
    sentences = "\n".join(f"  {attempt.way}: {attempt.reason}." for attempt in tried)
    raise EngineError(
        f"zonewright has no Pulumi engine {RANGE}; it tried:\n{sentences}\n"
        f"Install Pulumi {RANGE} (https://www.pulumi.com/docs/install) or a newer Go (https://go.dev/dl), "
        f"then run 'zonewright engine ensure' again.",
        tried,
    )


def _engine(found: find.FoundEngine, how: str, passed_over: tuple[Attempt, ...]) -> Engine:
    """Put together what is found and how."""
    return Engine(found.pulumi, found.version, how, found.folders, passed_over)


def _remember(folder: Path, failed: tuple[Attempt, ...]) -> None:
    """Keep why the earlier ways failed, for `status` on a later day."""
    (folder / _REPORT).write_text(json.dumps([asdict(attempt) for attempt in failed]), encoding="utf-8")


def _remembered(folder: Path, how: str) -> tuple[Attempt, ...]:
    """Give what was kept; nothing when it is unreadable, for it is a help and no fact to decide on."""
    try:
        kept = json.loads((folder / _REPORT).read_text(encoding="utf-8"))
        return tuple(Attempt(str(one["way"]), str(one["reason"])) for one in kept if one["way"] != how)
    except (OSError, ValueError, KeyError, TypeError):
        return ()
