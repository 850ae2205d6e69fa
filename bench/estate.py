"""Ten nodes of a stack of 100 change, in an estate of 1,000 nodes and in one of 100,000: others cost little.

Measured is a change from its proposal to its last confirm, by a process that has asked before, as a service has.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from bench.figures import Figure
from support.big_zone import write_big_zone
from support.ledger_party import EMPTY, Party
from zonewright.declare.load import load_zone
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import CompleteRequest
from zonewright.ledger.protocol.holding_messages import Confirmation, ConfirmManyRequest
from zonewright.ledger.protocol.stack_messages import ReportRequest
from zonewright.ledger.transport.client import LedgerClient

ESTATES = ((1_000, 5), (100_000, 20))
"""Nodes, and sites that they are at."""
STACK, CHANGED = 100, 10
LIMIT = 1.5
ACTING = "tenant-acting"


def figures(runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Times of a change in each estate, by the clock and of this process, and what they are to each other."""
    wall: list[float] = []
    spent: list[float] = []
    found: list[Figure] = []
    for nodes, sites in ESTATES:
        with tempfile.TemporaryDirectory() as folder:
            took, used = _measured(Path(folder), nodes=nodes, sites=sites, runs=2 * runs + 1)
        wall.append(took)
        spent.append(used)
        found.append(Figure(f"{CHANGED} nodes change among {nodes:,}", 1000 * took, "ms"))
        found.append(Figure("  CPU time of it", 1000 * used, "ms"))
    return [
        *found,
        Figure("ratio of the two", wall[1] / wall[0], "times", LIMIT),
        Figure("  of CPU time", spent[1] / spent[0], "times", LIMIT),
    ]


def _measured(folder: Path, *, nodes: int, sites: int, runs: int) -> tuple[float, float]:
    """Medians of the time and of the CPU time of a change."""
    declared, url = folder / "zone", f"sqlite:///{folder / 'l.db'}"
    write_big_zone(declared, sites=sites, nodes=nodes)
    path = declared / "zone.yaml"
    zone = yaml.safe_load(path.read_text(encoding="utf-8"))
    zone["parties"][ACTING] = {"title": "Acts", "roles": ["tenant"]}
    zone["node_types"]["other-u"] = {**zone["node_types"]["one-u"], "allocated_draw": 380}
    path.write_text(yaml.safe_dump(zone, sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "zonewright.cli", "ledger", "load", str(declared), "--ledger", url]
    subprocess.run(command, check=True, capture_output=True)
    declaration = load_zone(declared).declaration
    if declaration is None:
        raise ValueError(declared)
    with LedgerClient(url) as client:
        party = Party(client, "stack-that-acts", ACTING, zone=declaration.zone)
        party.enrol()
        times = [_changed(party, ("one-u", "other-u")[number % 2]) for number in range(runs + 1)]
    return median(one for one, _ in times[1:]), median(used for _, used in times[1:])


def _changed(party: Party, node_type: str) -> tuple[float, float]:
    """One change of ten nodes."""
    common: dict[str, Any] = {"site": "dc01", "spread": {"scope": "rack", "at_least": 2}}
    wanted = party.demand(
        clusters={
            "stays": {**common, "node_type": "one-u", "count": STACK - CHANGED},
            "turns": {**common, "node_type": node_type, "count": CHANGED},
        }
    )
    begun, cpu = time.perf_counter(), time.process_time()
    admission = party.admit(party.propose(wanted), EMPTY)
    held = party.client.call(verbs.REPORT, ReportRequest(stack_id=party.stack_id)).holdings
    confirms = [Confirmation(kind="node", name=one.name, generation=0) for one in held if one.state == "admitted"]
    party.client.call(verbs.CONFIRM_MANY, ConfirmManyRequest(stack_id=party.stack_id, confirms=confirms))
    done = CompleteRequest(stack_id=party.stack_id, change_digest=admission.change_digest)
    party.client.call(verbs.COMPLETE, done)
    took = time.perf_counter() - begun, time.process_time() - cpu
    for one in held:
        if one.state == "releasing":
            party.release(one.name, one.generation)
    return took
