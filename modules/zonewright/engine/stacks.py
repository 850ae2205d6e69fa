"""Runs `pulumi` for one stack of a project, in the environment of the engine room.

Must not know what the stack's resources are.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from zonewright.engine.environment import environment
from zonewright.engine.errors import EngineError
from zonewright.engine.obtain import Engine

_GZIP = b"\x1f\x8b"
"""What each gzip file begins with (RFC 1952)."""


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

    def exists(self) -> bool:
        """Whether the backend has the stack; what else may be wrong with it, the next call says."""
        result = self.run("stack", "export", quiet=True)
        return result.returncode == 0 or "no stack named" not in (result.stderr or "")

    def export(self) -> dict[str, Any]:
        """The stack's deployment, as `pulumi stack export` gives it.

        Raises:
            EngineError: when the stack does not exist or cannot be read.
        """
        result = self.run("stack", "export", quiet=True)
        if result.returncode != 0:
            reason = (result.stderr or "").strip().splitlines()
            raise EngineError(
                f"the state of stack {self.name} cannot be read: {reason[-1] if reason else 'no reason given'}"
            )
        deployment: dict[str, Any] = json.loads(result.stdout).get("deployment") or {}
        return deployment

    def restore(self) -> Path | None:
        """Put the checkpoint before the last in place of a state file that is no JSON.

        The engine keeps that checkpoint as ``.bak`` beside the file, on a backend of files.

        Returns:
            Where the unreadable file was moved, or None when there was nothing to put right.
        """
        state = self._state_file()
        if state is None or _is_json(state) or not _is_json(backup := state.with_name(f"{state.name}.bak")):
            return None
        broken, fresh = state.with_name(f"{state.name}.broken"), state.with_name(f"{state.name}.new")
        shutil.copyfile(backup, fresh)
        shutil.copyfile(state, broken)
        fresh.replace(state)
        return broken

    def drop_torn_attributes(self) -> list[Path]:
        """Remove the attribute files of the stack's state that are no JSON, on a backend of files.

        The engine writes a file whole under another name, but the attributes beside it (``.attrs``: its type and MD5)
        in place, and reads no state whose attributes are torn. Without attributes it reads the state.

        Returns:
            What was removed.
        """
        state = self._state_file()
        named = [] if state is None else [state.with_name(f"{state.name}{end}") for end in (".attrs", ".bak.attrs")]
        torn = [path for path in named if path.is_file() and not _is_json(path)]
        for path in torn:
            path.unlink()
        return torn

    def _state_file(self) -> Path | None:
        """The stack's file on a backend of files; None on any other backend."""
        project = yaml.safe_load((self.root / "Pulumi.yaml").read_text(encoding="utf-8"))
        url = self.variables().get("PULUMI_BACKEND_URL") or project.get("backend", {}).get("url", "")
        if not url.startswith("file://"):
            return None
        folder = self.root / Path(url.removeprefix("file://").split("?")[0]).expanduser()
        beside = folder / ".pulumi" / "stacks" / project["name"]
        # PULUMI_DIY_BACKEND_GZIP gives the file another name; of two the engine takes the one that was written last.
        found = [path for end in ("json", "json.gz") if (path := beside / f"{self.name}.{end}").is_file()]
        return max(found, key=lambda path: path.stat().st_mtime_ns, default=None)


def _is_json(path: Path) -> bool:
    try:
        content = path.read_bytes()
        json.loads(gzip.decompress(content) if content.startswith(_GZIP) else content)
    except (OSError, EOFError, ValueError, zlib.error):
        return False
    return True
