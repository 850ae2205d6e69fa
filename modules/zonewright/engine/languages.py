"""Language hosts that are Go programs of their own, as that of YAML: kept in the cache, and beside each built engine.

The official engine brings them. The hosts of Python and TypeScript are zonewright's own, see `launcher`.
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from zonewright.engine.cache import SayProgress, machine, new_folder
from zonewright.engine.pinned import pinned_module

LANGUAGES: Mapping[str, str] = {"yaml": "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml"}
"""The Go package of each host, by language; its go.mod pins the version."""
LIMIT_S = 2400.0
"""Seconds for a build, as for the engine: cold, it compiles much of the same."""
_LOG = "language-{}-build.log"


def host_name(language: str) -> str:
    """The name under which an engine looks for a host."""
    return f"pulumi-language-{language}"


def kept(cache: Path, language: str) -> Path:
    """Where the host of a language is in the cache, by what it is built from and for."""
    module = _module(language)
    sources = (module / "go.mod").read_bytes() + (module / "go.sum").read_bytes()
    digest = hashlib.sha256(sources).hexdigest()[:12]
    return cache / f"language-{language}-{digest}-{machine()}" / host_name(language)


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
    from zonewright.engine import build  # noqa: PLC0415 - it links the hosts that are there

    beside = engine.resolve().parent / host_name(language)
    target = kept(cache, language)
    if beside.is_file() and not engine.is_relative_to(cache):
        return beside  # an official engine
    if not target.is_file():
        compiler = build.compiler_for(_module(language), environment, say)
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


def link(cache: Path, folder: Path) -> None:
    """Put the hosts that were built beside an engine, where it looks for them; another one's is replaced.

    They are hard links: a host looks for plugins beside itself too, and warns of those that it finds elsewhere.
    """
    for language in LANGUAGES:
        target, place = kept(cache, language), folder / host_name(language)
        if target.is_file() and not (place.is_file() and not place.is_symlink() and place.samefile(target)):
            unfinished = Path(tempfile.mkdtemp(dir=folder)) / place.name
            unfinished.hardlink_to(target)
            unfinished.replace(place)
            unfinished.parent.rmdir()


def _module(language: str) -> Path:
    return pinned_module(f"gomodule-{language}", f"languages/{language}")
