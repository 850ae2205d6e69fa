"""Builds what an engine has beside it on request, once on a machine: a language's host, the generator of SDKs."""

import os
from collections.abc import Mapping
from pathlib import Path

from zonewright.engine import build, sdk_generator
from zonewright.engine.cache import SayProgress, new_folder
from zonewright.engine.languages import LANGUAGES, host_name, kept, link, module_of

LIMIT_S = 2400.0
"""Seconds for a build, as for the engine: cold, it compiles much of the same."""
_LOG = "{}-build.log"


def ensure_language(
    cache: Path, engine: Path, language: str, *, say: SayProgress, environment: Mapping[str, str]
) -> Path:
    """Give the host of a language, building it if the engine has none; call it under the cache's lock.

    Args:
        cache: The cache folder.
        engine: The engine's command.
        language: A key of ``LANGUAGES``.
        say: Takes lines of progress.
        environment: Where PATH and Go's own settings come from.

    Raises:
        EngineError: When there is no fitting Go, or the build fails.
    """
    beside = engine.resolve().parent / host_name(language)
    target = kept(cache, language)
    if beside.is_file() and not is_ours(cache, engine):
        return beside  # an official engine
    what = f"Pulumi's host for {language}"
    if not target.is_file():
        _build(cache, target, module_of(language), LANGUAGES[language], what=what, say=say, environment=environment)
    if engine.is_relative_to(cache):
        link(cache, engine.parent)
    return target


def ensure_generator(cache: Path, engine: Path, *, say: SayProgress, environment: Mapping[str, str]) -> Path | None:
    """Give the generator of SDKs for an engine that zonewright built; None for another engine, whose hosts have one.

    Call it under the cache's lock.

    Args:
        cache: The cache folder.
        engine: The engine's command.
        say: Takes lines of progress.
        environment: Where PATH and Go's own settings come from.

    Raises:
        EngineError: When there is no fitting Go, or the build fails.
    """
    if not is_ours(cache, engine):
        return None
    target = sdk_generator.kept(cache)
    if not target.is_file():
        module, package = build.module_folder(), sdk_generator.PACKAGE
        _build(cache, target, module, package, what="the generator of SDKs", say=say, environment=environment)
    return target


def is_ours(cache: Path, engine: Path) -> bool:
    """Whether zonewright built an engine: that one has zonewright's own hosts of Python and Node.js."""
    return engine.resolve().parent == (cache / build.name(build.module_folder())).resolve()


def _build(
    cache: Path,
    target: Path,
    module: Path,
    package: str,
    *,
    what: str,
    say: SayProgress,
    environment: Mapping[str, str],
) -> None:
    """Build one Go command into a folder of its own in the cache."""
    compiler = build.compiler_for(module, environment, say)
    say(f"building {what} with {compiler.version()}: once on this machine")
    with new_folder(cache, target.parent.name) as unfinished:
        build.compile_command(
            compiler,
            ["-ldflags", "-s -w", "-o", os.fspath(unfinished / target.name), package],
            what=what,
            log=cache / _LOG.format(target.name),
            limit_s=LIMIT_S,
        )
