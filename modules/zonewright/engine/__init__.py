"""The engine room: finds, installs or builds the Pulumi engine, and gives the environment it works in.

`ensure` gives an engine, `status` says what there is, `environment` gives the variables to run `pulumi` under. The
Python language host in `language_host` is what a built engine starts programs with.

Must not: know anything of zones, or import another room of zonewright.
"""

from zonewright.engine.environment import STATE_FOLDER, environment, exports, find_root
from zonewright.engine.errors import Attempt, EngineError
from zonewright.engine.obtain import Engine, EngineStatus, ensure, ensure_generator, ensure_host, status
from zonewright.engine.stacks import PulumiStack
from zonewright.engine.version import WANTED, Version

__all__ = [
    "STATE_FOLDER",
    "WANTED",
    "Attempt",
    "Engine",
    "EngineError",
    "EngineStatus",
    "PulumiStack",
    "Version",
    "ensure",
    "ensure_generator",
    "ensure_host",
    "environment",
    "exports",
    "find_root",
    "status",
]
