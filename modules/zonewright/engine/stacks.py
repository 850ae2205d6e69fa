"""Runs `pulumi` for one stack of a project, in the environment of the engine room.

Must not know what the stack's resources are.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zonewright.engine.environment import environment
from zonewright.engine.errors import EngineError
from zonewright.engine.obtain import Engine


@dataclass(frozen=True)
class PulumiStack:
    """One stack of one project.

    Attributes:
        engine: the engine to use.
        root: folder of Pulumi.yaml.
        name: name of the stack.
    """

    engine: Engine
    root: Path
    name: str

    def command(self, *arguments: str) -> list[str]:
        """The command line of one `pulumi` call, as a person would type it after ``pulumi``."""
        return [*arguments, "--stack", self.name, "--non-interactive"]

    def variables(self) -> Mapping[str, str]:
        """The whole environment of a call."""
        return {**os.environ, **environment(self.engine, root=self.root)}

    def run(self, *arguments: str, quiet: bool = False) -> subprocess.CompletedProcess[str]:
        """Run one call to its end; its output is shown unless ``quiet``, and then given back."""
        target = subprocess.PIPE if quiet else sys.stderr
        return subprocess.run(  # noqa: S603 - the engine that the engine room found
            [str(self.engine.pulumi), *self.command(*arguments)],
            cwd=self.root,
            env=dict(self.variables()),
            stdin=subprocess.DEVNULL,
            stdout=target,
            stderr=target,
            text=True,
            check=False,
        )

    def export(self) -> dict[str, Any]:
        """The stack's deployment, as `pulumi stack export` gives it.

        Raises:
            EngineError: when the stack does not exist or can not be read.
        """
        result = self.run("stack", "export", quiet=True)
        if result.returncode != 0:
            reason = (result.stderr or "").strip().splitlines()
            raise EngineError(
                f"the state of stack {self.name} can not be read: {reason[-1] if reason else 'no reason given'}"
            )
        deployment: dict[str, Any] = json.loads(result.stdout).get("deployment") or {}
        return deployment
