"""What both demos have in common: how they tell what happens, and a scratch project with the real engine.

Each command is named before it runs, so that nobody looks at a silent screen. All that is said is what happened.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from zonewright import engine
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import ReportRequest
from zonewright.ledger.transport.client import LedgerClient

REPOSITORY = Path(__file__).resolve().parents[1]
SCRATCH = REPOSITORY / ".zonewright" / "demo"
WIDTH = 78
BOLD, DIM, RESET = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")
_NEVER_TYPED = ("--non-interactive", "--color", "never")


class DemoError(Exception):
    """A step did not do what it should; ``str()`` is a sentence."""


def say(text: str) -> None:
    """Narrate, wrapped at 78 columns."""
    print("\n" + "\n".join(textwrap.wrap(text, WIDTH, break_on_hyphens=False)), flush=True)


def show(text: str) -> None:
    """Show what a command printed, indented."""
    print(DIM + textwrap.indent(text.rstrip("\n"), "  | ") + RESET, flush=True)


def begin(command: Sequence[str]) -> None:
    """Name a command that begins now, as a person would type it."""
    words = [word for word in command if word not in _NEVER_TYPED]
    if words[1:3] == ["-m", "zonewright.cli"]:
        words = ["zonewright", *words[3:]]
    print(f"{DIM}  $ {textwrap.shorten(' '.join(words), WIDTH - 4, placeholder=' ...')}{RESET}", flush=True)


def message(output: str, resource: str) -> str:
    """What the engine says under one resource in its diagnostics."""
    blocks = re.findall(rf"^  {resource} .*?:\n(.*?)(?=^\S|^  \S|\Z)", output, re.DOTALL | re.MULTILINE)
    return textwrap.dedent(blocks[-1]).strip() if blocks else ""  # the update's comes after the preview's


@dataclass(frozen=True)
class Demo:
    """The scratch project and its engine."""

    found: engine.Engine
    variables: dict[str, str]

    @property
    def python(self) -> str:
        """The Python of our commands, programs and providers."""
        return self.variables["ZONEWRIGHT_PYTHON"]

    def run(self, *command: str, expect: int | None = 0) -> str:
        """Run a command in the scratch project, named before it begins; its output and errors together."""
        begin(command)
        result = subprocess.run(
            command,
            cwd=SCRATCH,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if expect is not None and result.returncode != expect:
            line = " ".join(command)
            raise DemoError(f"'{line}' ended with {result.returncode}, expected {expect}:\n{result.stdout}")
        return result.stdout

    def zonewright(self, *arguments: str, expect: int | None = 0) -> str:
        """Our own command line."""
        return self.run(self.python, "-m", "zonewright.cli", *arguments, expect=expect)

    def pulumi(self, stack: str, *arguments: str, expect: int | None = 0) -> str:
        """One `pulumi` call for a stack."""
        command = ("pulumi", "--non-interactive", "--color", "never", *arguments, "--stack", stack)
        return self.run(*command, expect=expect)

    def stack(self, name: str, party: str) -> None:
        """Make a stack with an identity of its own."""
        kind = {"operator": "facility-", "carrier": "network-"}.get(party.partition("-")[0], "")
        self.zonewright("stack", "new", name, "--party", party, "--declaration", f"zones/reference/{kind}{party}.yaml")
        self.run("pulumi", "--non-interactive", "stack", "init", name)

    def load(self, *owners: str) -> str:
        """Bring owners in without an engine."""
        return self.zonewright("ledger", "load", "zones/reference", *(f"--only={owner}" for owner in owners))

    def holdings(self, name: str) -> dict[str, int]:
        """How much the ledger holds for a stack, by kind."""
        config = yaml.safe_load((SCRATCH / f"Pulumi.{name}.yaml").read_text(encoding="utf-8"))["config"]
        with LedgerClient(config["zone:ledger"], root=SCRATCH) as ledger:
            report = ledger.call(verbs.REPORT, ReportRequest(stack_id=config["zone:stackId"]))
        counts: dict[str, int] = {}
        for item in report.holdings:
            counts[item.kind] = counts.get(item.kind, 0) + 1
        return counts

    def nodes_in_state(self, name: str) -> int:
        """How many nodes the stack's exported state has."""
        resources = json.loads(self.pulumi(name, "stack", "export"))["deployment"].get("resources", [])
        return sum(1 for item in resources if item["type"] == "zonewright:index:Node")


def scratch(python: str) -> Demo:
    """A fresh project: a copy of the reference zone, a program of two lines, an empty ledger.

    Args:
        python: the Python of our commands, programs and providers.
    """
    shutil.rmtree(SCRATCH, ignore_errors=True)
    SCRATCH.mkdir(parents=True)
    shutil.copytree(REPOSITORY / "stacks" / "zones", SCRATCH / "zones")
    shutil.copy(REPOSITORY / "stacks" / "__main__.py", SCRATCH / "__main__.py")
    project = {
        "name": "demo",
        "runtime": "python",
        "plugins": {
            "providers": [{"name": "zonewright", "path": str(REPOSITORY / "modules" / "zonewright" / "provider")}]
        },
        "backend": {"url": "file://./.zonewright"},
    }
    (SCRATCH / "Pulumi.yaml").write_text(yaml.safe_dump(project), encoding="utf-8")
    found = engine.ensure()
    # Hundreds of nodes on a file backend: the state is written once, as docs/how-to/run-many-nodes.md says.
    more = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
    more |= {"ZONEWRIGHT_PYTHON": python, "PULUMI_PYTHON_CMD": python}
    return Demo(found, {**os.environ, **engine.environment(found, root=SCRATCH), **more})
