"""The whole reference zone by the real engine: every owner's stack, with plain `pulumi up`."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from support import light_engine
from support.attached_provider import attached
from support.soak import is_full
from support.warm_python import warm_python
from support.zone_project import REPOSITORY
from zonewright import engine as engine_room
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.capacity_messages import CapacityRequest
from zonewright.ledger.protocol.stack_messages import ReportRequest
from zonewright.ledger.transport.client import LedgerClient

pytestmark = pytest.mark.engine

ZONE = REPOSITORY / "stacks" / "zones" / "reference"
ORDER = ("operator-a", "operator-b", "operator-c", "carrier-a", "carrier-b", "carrier-c")
BROUGHT_UP_ELSEWHERE = ("operator-b", "carrier-b", "tenant-fin", "tenant-sme-pool", "tenant-gov")
"""With the same files: by test_demo.py, and tenant-gov by test_tutorial.py."""
LIKE_ANOTHER = ("tenant-ai",)
"""One cluster that the ledger places: of those tenant-ind has four, with all that a cluster may want."""
KINDS = {"Site": "site", "Row": "row", "Duct": "duct", "Link": "link", "Node": "node"}


@dataclass
class Project:
    """A user's project with the engine around it."""

    root: Path
    variables: dict[str, str]

    def run(self, *command: str) -> str:
        """Run a command that must succeed."""
        result = subprocess.run(
            command,
            cwd=self.root,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert result.returncode == 0, result.stdout
        assert "Traceback" not in result.stdout
        return result.stdout

    def zonewright(self, *arguments: str) -> str:
        """Our own command line."""
        return self.run(warm_python().path(), "-m", "zonewright.cli", *arguments)

    def pulumi(self, *arguments: str) -> str:
        """The engine."""
        return self.run("pulumi", "--non-interactive", "--color", "never", *arguments)

    def up(self, stack: str) -> str:
        """Bring a stack up; the engine attaches to our provider in this process."""
        with attached(self.root, self.variables) as attaching:
            given = replace(self, variables={**self.variables, **attaching})
            return given.pulumi("up", "--yes", "--skip-preview", "--stack", stack)

    def resources(self, stack: str) -> dict[str, int]:
        """How many of our resources of each kind a stack's state has."""
        path = self.root / ".zonewright" / ".pulumi" / "stacks" / "reference" / f"{stack}.json"
        state = json.loads(path.read_text(encoding="utf-8"))["checkpoint"]["latest"]["resources"]
        counts: dict[str, int] = {}
        for item in state:
            kind = KINDS.get(item["type"].rpartition(":")[2])
            if kind is not None:
                counts[kind] = counts.get(kind, 0) + 1
        return counts

    def holdings(self, stack: str) -> dict[str, int]:
        """How much the ledger holds for a stack, by kind, all of it active."""
        config = yaml.safe_load((self.root / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))["config"]
        with LedgerClient(config["zone:ledger"], root=self.root) as ledger:
            report = ledger.call(verbs.REPORT, ReportRequest(stack_id=config["zone:stackId"]))
        assert {item.state for item in report.holdings} == {"active"}
        assert report.completed
        counts: dict[str, int] = {}
        for item in report.holdings:
            counts[item.kind] = counts.get(item.kind, 0) + 1
        return counts


def environment(engine: engine_room.Engine, root: Path) -> dict[str, str]:
    """Variables of a project, with the commands of this environment on PATH."""
    base = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "COV_"))}
    base["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), base.get("PATH", os.defpath)])
    variables = {**base, **engine_room.environment(engine, root=root, base=base), **warm_python().variables()}
    # On a file backend the state is saved after every step: quadratic in the size of a stack.
    return {**variables, "PULUMI_SKIP_CHECKPOINTS": "true", "PULUMI_EXPERIMENTAL": "true"}


def test_every_stack_of_the_reference_zone_comes_up(tmp_path: Path, engine: engine_room.Engine) -> None:
    """Eleven stacks come up in turn; state and ledger agree, and what is used is what the zone states.

    Five of them come up with the same files elsewhere, and one is like another; outside a soak they are loaded here.
    """
    shutil.copytree(ZONE, tmp_path / "zone")
    shutil.copy(REPOSITORY / "stacks" / "__main__.py", tmp_path / "__main__.py")
    document = {
        "name": "reference",
        "runtime": "python",
        "plugins": {
            "providers": [{"name": "zonewright", "path": str(REPOSITORY / "modules" / "zonewright" / "provider")}]
        },
        "backend": {"url": "file://./.zonewright"},
    }
    (tmp_path / "Pulumi.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    project = Project(tmp_path, {**environment(engine, tmp_path), **light_engine.variables()})
    project.zonewright("ledger", "init", "zone")
    project.zonewright("stack", "new", "--all", "zone")
    owners = sorted(path.stem.removeprefix("Pulumi.") for path in tmp_path.glob("Pulumi.*.yaml"))
    assert len(owners) == 11
    for owner in (*ORDER, *(owner for owner in owners if owner not in ORDER)):
        if owner in (*BROUGHT_UP_ELSEWHERE, *LIKE_ANOTHER) and not is_full():
            project.zonewright("ledger", "load", "zone", "--only", owner)
            continue
        project.pulumi("stack", "init", owner, "--secrets-provider", light_engine.PROVIDER)
        project.up(owner)
        held = project.holdings(owner)
        assert held == project.resources(owner)
        assert owner.startswith("tenant") or sum(held.values()) < 300
    with LedgerClient("sqlite:///.zonewright/ledger.db", root=tmp_path) as ledger:
        sites = ledger.call(verbs.CAPACITY, CapacityRequest()).sites
    used = {name: sites[name].used_kw for name in ("wj-dc1", "qp-dc1", "js-dc1")}
    assert used == {"wj-dc1": 28_800.0, "qp-dc1": 9_000.0, "js-dc1": 1_650.0}
    again = project.up("carrier-c")
    assert "unchanged" in again
    assert "created" not in again
