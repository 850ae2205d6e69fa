"""Gets the engine with Pulumi's own installer, through the SDK's Automation API.

Must not wait long: where there is no way to the internet the next way is tried soon.
"""

import importlib.util
import os
import sys
from pathlib import Path

from zonewright.engine import command, find
from zonewright.engine.cache import SayProgress, machine, new_folder
from zonewright.engine.errors import EngineError
from zonewright.engine.version import WANTED

LIMIT_S = 60.0
"""Seconds for the download and the unpacking of about 120 MB."""

_SCRIPT = """
import sys
from pulumi.automation import PulumiCommand
from semver import VersionInfo
PulumiCommand.install(root=sys.argv[1], version=VersionInfo.parse(sys.argv[2]))
"""


def name() -> str:
    """Name the folder of the installed engine in the cache."""
    return f"engine-{WANTED}-installed-{machine()}"


def install(cache: Path, *, say: SayProgress, limit_s: float = LIMIT_S) -> find.FoundEngine:
    """Install the engine into the cache folder; call it under the cache's lock.

    It runs in a process of its own because the SDK's download has no time limit.

    Args:
        cache: The cache folder.
        say: Takes lines of progress.
        limit_s: Seconds before it is given up.

    Returns:
        The engine.

    Raises:
        EngineError: When it was refused or took too long; the text is a sentence.
    """
    if importlib.util.find_spec("pulumi") is None:
        raise EngineError("the Pulumi SDK for Python is not installed: pip install 'zonewright[stack]'")
    say(f"asking Pulumi's installer for version {WANTED}, for at most {limit_s:.0f} s")
    with new_folder(cache, name()) as unfinished:
        result = command.run(
            [sys.executable, "-I", "-c", _SCRIPT, str(unfinished), str(WANTED)],
            folder=cache,
            environment=os.environ,
            limit_s=limit_s,
            say=say,
            doing="Pulumi's installer",
        )
        if result.status is None:
            raise EngineError(f"Pulumi's installer (get.pulumi.com) did not finish within {limit_s:.0f} s")
        if result.status != 0:
            raise EngineError(
                f"Pulumi's installer (get.pulumi.com) failed after {result.seconds:.0f} s: "
                f"{command.last_line(result.output)}"
            )
        find.inspect(unfinished / "bin" / find.COMMAND, path="")
    return installed(cache)


def installed(cache: Path) -> find.FoundEngine:
    """Give the engine that was installed before.

    Raises:
        EngineError: When there is none, or it is damaged.
    """
    return find.inspect(cache / name() / "bin" / find.COMMAND, path="")
