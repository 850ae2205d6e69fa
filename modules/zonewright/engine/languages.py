"""Language hosts that are Go programs of their own, as that of YAML: kept in the cache, and beside each built engine.

The official engine brings them. The hosts of Python and TypeScript are zonewright's own, see `launcher`.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from zonewright.engine.cache import machine
from zonewright.engine.pinned import digest_of, pinned_module

LANGUAGES: Mapping[str, str] = {"yaml": "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml"}
"""The Go package of each host, by language; its go.mod pins the version."""


def host_name(language: str) -> str:
    """The name under which an engine looks for a host."""
    return f"pulumi-language-{language}"


def kept(cache: Path, language: str) -> Path:
    """Where the host of a language is in the cache, by what it is built from and for."""
    return cache / f"language-{language}-{digest_of(module_of(language))}-{machine()}" / host_name(language)


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


def module_of(language: str) -> Path:
    """The folder of the module that pins what a host is built from."""
    return pinned_module(f"gomodule-{language}", f"languages/{language}")
