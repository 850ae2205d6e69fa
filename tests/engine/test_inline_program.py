"""A program that is a function of the Automation API: it has no Pulumi.yaml, and no folder that paths start from."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import light_engine
from support.warm_python import warm_python
from support.zone_project import LIMIT_S, SmallZone, Stack

pytestmark = pytest.mark.engine
SCRIPT = """\
import json
import sys

import pulumi
import zonewright
from pulumi import automation


def program() -> None:
    web = zonewright.Cluster(site="dc1", node_type="one-u", count=2)
    stack = zonewright.Stack("shop", party="tenant-a", clusters={"web": web})
    pulumi.export("racks", {name: node.rack for name, node in stack.nodes.items()})


given = json.loads(sys.argv[1])
settings = automation.ProjectSettings(
    name="inline", runtime="python", backend=automation.ProjectBackend(url=given["backend"])
)
stack = automation.create_or_select_stack(
    "tenant-a",
    project_name="inline",
    program=program,
    opts=automation.LocalWorkspaceOptions(project_settings=settings, secrets_provider=given["secrets"]),
)
stack.set_all_config({key: automation.ConfigValue(value) for key, value in given["config"].items()})
preview = stack.preview()
result = stack.up()
again = stack.up(expect_no_changes=True)
print("OUTPUTS", json.dumps({name: output.value for name, output in result.outputs.items()}))
"""


def _run(zone: SmallZone, stack: Stack, **config: str) -> subprocess.CompletedProcess[str]:
    folder = zone.folder / "inline"
    (folder / "state").mkdir(parents=True, exist_ok=True)
    script = folder / "deploy.py"
    script.write_text(SCRIPT, encoding="utf-8")
    given = {
        "backend": f"file://{folder / 'state'}",
        "secrets": light_engine.PROVIDER,
        "config": {
            "zone:declaration": str(zone.folder / "zone" / "zone.yaml"),
            "zone:ledger": zone.ledger_url,
            "zone:stackId": stack.stack_id,
            **config,
        },
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), stack.environment["PATH"]])
    return subprocess.run(
        [warm_python().path(), "-u", str(script), json.dumps(given)],
        cwd=folder,
        env={**stack.environment, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def test_an_inline_program_deploys_a_stack(operated: SmallZone) -> None:
    """A function that declares a stack is previewed and brought up, and gives its outputs to its caller."""
    tenant = operated.stack("tenant-a")
    result = _run(operated, tenant)
    assert result.returncode == 0, result.stdout + result.stderr
    outputs = json.loads(result.stdout.partition("OUTPUTS ")[2])
    assert outputs == {"racks": {"web-001": "dc1/a/01/01", "web-002": "dc1/a/01/01"}}
    assert sorted(item.name for item in tenant.holdings("active")) == ["web-001", "web-002"]


def test_an_inline_program_names_its_ledger_by_an_absolute_path(operated: SmallZone) -> None:
    """A relative path would be another file for the provider than for the program, so it is refused in a sentence."""
    result = _run(operated, operated.stack("tenant-a"), **{"zone:ledger": "sqlite:///.zonewright/ledger.db"})
    assert result.returncode != 0
    said = " ".join((result.stdout + result.stderr).split())
    assert "an inline program has no Pulumi.yaml that it could start from" in said
    assert "inline source runtime error" not in said
