"""Builds the hosts of languages that are Go programs of their own, once on a machine."""

import os
from collections.abc import Mapping
from pathlib import Path

from zonewright.engine import build
from zonewright.engine.cache import SayProgress, new_folder
from zonewright.engine.languages import LANGUAGES, host_name, kept, link, module_of

LIMIT_S = 2400.0
"""Seconds for a build, as for the engine: cold, it compiles much of the same."""
_LOG = "language-{}-build.log"


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
    if beside.is_file() and not engine.is_relative_to(cache):
        return beside  # an official engine
    if not target.is_file():
        compiler = build.compiler_for(module_of(language), environment, say)
        say(f"building Pulumi's host for {language} with {compiler.version()}: once on this machine")
        with new_folder(cache, target.parent.name) as unfinished:
            build.compile_command(
                compiler,
                ["-ldflags", "-s -w", "-o", os.fspath(unfinished / target.name), LANGUAGES[language]],
                what=f"Pulumi's host for {language}",
                log=cache / _LOG.format(language),
                limit_s=LIMIT_S,
            )
    if engine.is_relative_to(cache):
        link(cache, engine.parent)
    return target
