"""Makes a fixture of a version: a ledger, bundles and states of a small zone, by the product's own commands.

It is run once for each version whose records must stay readable, never by a test::

    PYTHONPATH=tests .venv/bin/python -m support.fixture_maker tests/fixtures/version-N

The folder holds ``zone/`` (the declarations) before, and everything else after. What is there already is never
overwritten: a record that is made again would prove nothing about the version that it stands for. See CONTRIBUTING.md.
"""

import json
import lzma
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from support.fixture_records import LEDGER_FILE, TELEMETRY_FILE, records_of
from support.registers import month_before, registers
from support.signing import write_keys
from support.zone_project import PROVIDER
from zonewright import engine as engine_room

DECLARATIONS = {
    "operator": "facility-operator.yaml",
    "carrier": "network-carrier.yaml",
    "tenant-a": "tenant-a.yaml",
    "tenant-b": "tenant-b.yaml",
}
LEDGER = f"sqlite:///{LEDGER_FILE}"
SIGNERS = ("anna", "bea", "ben")
PASSPHRASE = "fixture"  # it guards nothing: no stack has a secret, and a state can be imported with it
IT_KW, MONTHS = 9.0, 14


@dataclass
class Project:
    """One Pulumi project with a stack for each party and the ledger beside it, so that no path is absolute.

    Attributes:
        root: its folder; it is thrown away.
        engine: the Pulumi engine.
    """

    root: Path
    engine: engine_room.Engine
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Write the project, its program and the stacks' configuration."""
        document = {
            "name": "fixture",
            "runtime": {"name": "python", "options": {"virtualenv": sys.prefix}},
            "main": "stacks",
            "stackConfigDir": "stacks",
            "plugins": {"providers": [{"name": "zonewright", "path": str(PROVIDER)}]},
            "backend": {"url": "file://./.zonewright"},
        }
        (self.root / "stacks").mkdir()
        (self.root / "Pulumi.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        program = "from zonewright.program import deploy\n\ndeploy()\n"
        (self.root / "stacks" / "__main__.py").write_text(program, encoding="utf-8")
        base = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "COV_"))}
        self.environment = {**base, **engine_room.environment(self.engine, root=self.root, base=base)}
        del self.environment["PULUMI_CONFIG_PASSPHRASE_FILE"]
        self.environment["PULUMI_CONFIG_PASSPHRASE"] = PASSPHRASE
        for name, file in DECLARATIONS.items():
            config = {
                "zone:declaration": f"zone/{file}",
                "zone:ledger": LEDGER,
                "zone:stackId": f"stack-of-{name}",
            }
            path = self.root / "stacks" / f"Pulumi.{name}.yaml"
            path.write_text(yaml.safe_dump({"config": config}), encoding="utf-8")

    def run(self, *command: str) -> str:
        """Run a command to its end; gives what it printed.

        Raises:
            RuntimeError: with its output, when it fails.
        """
        result = subprocess.run(
            command, cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        if result.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed:\n{result.stdout}{result.stderr}")
        return result.stdout

    def ours(self, *arguments: str) -> str:
        """Our command line."""
        return self.run(sys.executable, "-m", "zonewright.cli", *arguments)

    def pulumi(self, stack: str, *arguments: str) -> str:
        """The engine, on one stack."""
        return self.run("pulumi", "--non-interactive", "--color", "never", *arguments, "--stack", stack)

    def up(self, stack: str) -> None:
        """Make a stack and bring it up."""
        self.run("pulumi", "--non-interactive", "stack", "init", stack)
        self.pulumi(stack, "up", "--yes", "--skip-preview")

    def planned(self, reason: str, *approvers: str) -> str:
        """A change of tenant-a, planned by Anna and approved; gives the plan's digest."""
        told = self.ours("change", "plan", "--stack", "tenant-a", "--key", "keys/anna.pem", "--reason", reason)
        plan = told.split()[1]
        for signer in approvers:
            key = f"keys/{signer}.pem"
            self.ours("change", "approve", plan, "--key", key, "--comment", "looked at", "--ledger", LEDGER)
        return plan


def story(project: Project) -> str:
    """What happens in the zone; gives the digest of the plan that was carried out.

    Facility and network come up, then the tenant's change with its two approvals; a second tenant comes and goes; and
    a second change of the first is planned and lacks an approval.
    """
    root = project.root
    project.ours("ledger", "init", "zone", "--ledger", LEDGER)
    project.up("operator")
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    (root / "registers.csv").write_text(
        registers(IT_KW, end=month_before(now), months=MONTHS, fixed_kw=0.5), encoding="utf-8"
    )
    project.ours("pue", "import", "registers.csv", "--zone", "zone", "--site", "dc1", "--ledger", LEDGER)
    project.up("carrier")
    plan = project.planned("two web servers and a database", "ben", "bea")
    project.up("tenant-a")
    project.up("tenant-b")
    project.pulumi("tenant-b", "destroy", "--yes", "--skip-preview")
    path = root / "zone" / DECLARATIONS["tenant-a"]
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("node_type: one-u, count: 2", "node_type: one-u, count: 3"), encoding="utf-8")
    project.planned("a third web server", "ben")
    path.write_text(text, encoding="utf-8")
    return plan


def keep(project: Project, plan: str, folder: Path) -> None:
    """Copy the records of the story into the fixture's folder."""
    export = ("change", "export", plan, "--ledger", LEDGER, "--output")
    project.ours(*export, str(folder / "change.tar"))
    project.ours(*export, str(folder / "change-for-party.tar"), "--for-party", "--key", "keys/anna.pem")
    checkpoint = project.ours("ledger", "checkpoint", "--ledger", LEDGER)
    (folder / "checkpoint.json").write_text(checkpoint, encoding="utf-8")
    (folder / "states").mkdir()
    for stack in DECLARATIONS:
        state = without_positions(json.loads(project.pulumi(stack, "stack", "export")))
        (folder / "states" / f"{stack}.json").write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    (folder / "keys").mkdir()
    for signer in SIGNERS:
        shutil.copy(project.root / "keys" / f"{signer}.pub", folder / "keys")
    for name in (LEDGER_FILE, TELEMETRY_FILE):
        with closing(sqlite3.connect(project.root / name)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(project.root / LEDGER_FILE, folder)
    packed = lzma.compress((project.root / TELEMETRY_FILE).read_bytes())
    (folder / f"{TELEMETRY_FILE}.xz").write_bytes(packed)


def without_positions(state: Any) -> Any:
    """An exported state without the engine's notes on where in the program a resource stands: paths of a machine."""
    if isinstance(state, dict):
        left = {key: value for key, value in state.items() if key not in ("sourcePosition", "stackTrace")}
        return {key: without_positions(value) for key, value in left.items()}
    return [without_positions(item) for item in state] if isinstance(state, list) else state


def make(folder: Path) -> None:
    """Make the fixture of a folder that holds ``zone/`` and nothing else.

    Raises:
        SystemExit: when something else is there already.
    """
    there = sorted(path.name for path in folder.iterdir())
    if there != ["zone"]:
        raise SystemExit(f"{folder}: expected zone/ and nothing else, got {', '.join(there)}; a fixture is made once")
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        shutil.copytree(folder / "zone", root / "zone")
        (root / "keys").mkdir()
        write_keys(root / "keys")
        project = Project(root, engine_room.ensure())
        keep(project, story(project), folder)
    document: dict[str, Any] = records_of(folder)
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]).resolve())
