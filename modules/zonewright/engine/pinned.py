"""Finds the Go modules that zonewright pins: in the installed package, or in the checkout that it is edited in."""

import hashlib
from pathlib import Path

from zonewright.engine.errors import EngineError


def pinned_module(in_package: str, in_tools: str) -> Path:
    """The folder of a pinned Go module.

    Args:
        in_package: Where it is in an installed package, below the engine room.
        in_tools: Where it is in a checkout, below ``tools``.

    Raises:
        EngineError: When it is in neither.
    """
    package = Path(__file__).resolve().parent
    candidates = [package / in_package, package.parents[2] / "tools" / in_tools]
    for candidate in candidates:
        if (candidate / "go.mod").is_file() and (candidate / "go.sum").is_file():
            return candidate
    raise EngineError(
        f"the Go module to build from is missing, expected go.mod and go.sum in {candidates[0]} or {candidates[1]}; "
        f"reinstall zonewright"
    )


def digest_of(module: Path, *sources: Path) -> str:
    """Name what is built from a pinned module, and from files of zonewright's own, by what they hold."""
    files = (module / "go.mod", module / "go.sum", *sources)
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
