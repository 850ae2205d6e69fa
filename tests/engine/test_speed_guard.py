"""What a preview and an `up` of 200 nodes cost in counts, against the committed numbers."""

import json
import os
import platform
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from support.ledger_party import bring_up_racks
from support.speed_guard import (
    ADVICE,
    GUARD,
    OTHERS,
    UPDATE_VARIABLE,
    Figures,
    TightenWarning,
    compare,
    figures_of,
    state_bytes,
    written_bytes,
)
from support.tally import PROGRAM, PROVIDER
from support.warm_python import warm_python
from support.zone_project import PROVIDER as REAL_PROVIDER
from support.zone_project import REPOSITORY, SmallZone, Stack, cluster
from zonewright.ledger.transport.client import LedgerClient

pytestmark = [pytest.mark.engine, pytest.mark.real_python]
NODES = 200
OF_NO_INTEREST = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
"""On a file backend the engine saves the state after each step, which is its own affair and costs much."""
ACTIONS = {"preview": ("preview",), "up": ("up", "--yes", "--skip-preview", "--parallel", "8")}
"""How many nodes are made at once says how many confirms go together, and differs by machine unless it is given."""


def counted_stack(zone: SmallZone) -> tuple[Stack, Path]:
    """A tenant's stack whose program and provider are the real ones and count; and the folder of their tallies."""
    tallies, provider = zone.folder / "tallies", zone.folder / "provider"
    tallies.mkdir()
    provider.mkdir()
    known = {
        "tests": str(REPOSITORY / "tests"),
        "folder": str(tallies),
        "ledger": "ledger.db",
        "main": str(REAL_PROVIDER / "__main__.py"),
    }
    (provider / "PulumiPlugin.yaml").write_bytes((REAL_PROVIDER / "PulumiPlugin.yaml").read_bytes())
    (provider / "__main__.py").write_text(PROVIDER.format(**known), encoding="utf-8")
    stack = zone.stack("tenant-a", stack_id="tenant-a-0123456789ab", provider=provider)
    stack.program(PROGRAM.format(**known))
    stack.declare(clusters={"web": cluster(NODES)})
    return stack, tallies


def measure(zone: SmallZone) -> dict[str, Figures]:
    """The figures of a preview and of an `up`, each from its own processes."""
    with LedgerClient(zone.ledger_url) as client:
        bring_up_racks(client, NODES // 20 + 1)
    stack, tallies = counted_stack(zone)
    # Counted are the real processes of the program and the provider; the language hosts may be forks.
    variables = {**OF_NO_INTEREST, **warm_python().variables(), "PULUMI_PYTHON_CMD": sys.executable}
    found: dict[str, Figures] = {}
    for action, arguments in ACTIONS.items():
        figures: Figures = {}
        with written_bytes(zone.folder / "ledger.db", figures):
            stack.run(*arguments, variables=variables)
        found[action] = {**figures_of(tallies), **figures}
        for path in tallies.iterdir():
            path.unlink()
    found["up"]["bytes of the state"] = state_bytes(stack.state()["resources"], zone.folder)
    return found


@pytest.mark.filterwarnings("default::support.speed_guard.TightenWarning")
def test_a_preview_and_an_up_of_200_nodes_cost_what_they_did(zone: SmallZone) -> None:
    """Calls, commits, bytes and modules are not above the committed numbers; what became better is told."""
    committed: dict[str, Any] = json.loads(GUARD.read_text(encoding="utf-8"))
    measured = measure(zone)
    python = ".".join(platform.python_version_tuple()[:2])
    if os.environ.get(UPDATE_VARIABLE):
        document = {**committed, "python": python, "figures": measured}
        GUARD.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        return
    worse: list[str] = []
    for action, figures in measured.items():
        before = dict(committed["figures"].get(action, {}))
        if python != committed["python"]:  # how many modules others have depends on Python itself
            figures = {name: value for name, value in figures.items() if not name.endswith(OTHERS)}  # noqa: PLW2901
            before = {name: value for name, value in before.items() if not name.endswith(OTHERS)}
        verdict = compare(before, figures, committed["slack_percent"], action=action)
        worse += verdict.worse
        for sentence in verdict.better:
            warnings.warn(sentence, TightenWarning, stacklevel=1)
    assert worse == [], "\n".join([*worse, ADVICE])
