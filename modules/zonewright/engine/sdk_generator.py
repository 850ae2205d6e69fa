"""Writes SDKs for `pulumi package gen-sdk`: a Go program around Pulumi's own generators, kept in the cache.

The official hosts have the generators in them. Those of an engine that zonewright built start this program. Its source
is `sdk_generator/main.go` in the module that pins the engine, so both are of one version.

Must not build it: `language_build` does, when the user asks for it.
"""

from pathlib import Path

from zonewright.engine import build
from zonewright.engine.cache import machine
from zonewright.engine.pinned import digest_of

PACKAGE = "./sdk_generator"
"""The Go package, in the folder of the engine's pinned module."""

COMMAND = "pulumi-sdk-generator"


def kept(cache: Path) -> Path:
    """Where the generator is in the cache, by what it is built from and for."""
    module = build.module_folder()
    return cache / f"sdk-generator-{digest_of(module, module / PACKAGE / 'main.go')}-{machine()}" / COMMAND
