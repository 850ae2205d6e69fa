"""The core in one process: check, propose, admit, confirm, render; the reference zone and a cluster of 1,000."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Figure, median_s, percentile, seconds
from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.zone_project import REPOSITORY, cluster
from zonewright.changes.rendering import rendered_files
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient

NODES = 1000
RACKS = 60
REFERENCE = REPOSITORY / "stacks" / "zones" / "reference"


def figures(runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Times of the core."""
    command = [sys.executable, "-m", "zonewright.cli", "check", str(REFERENCE)]
    check = median_s(lambda: subprocess.run(command, check=True, capture_output=True), runs=runs)
    return [Figure("check of the reference zone, whole process", check, "s", 1.5), *_ledger(runs)]


def _ledger(runs: int) -> list[Figure]:
    with (
        tempfile.TemporaryDirectory() as folder,
        LedgerClient(f"sqlite:///{Path(folder) / 'l.db'}", create=True) as client,
    ):
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client, RACKS)
        tenant = Party(client, "stack-of-a", "tenant-a")
        tenant.enrol()
        demand = tenant.demand(clusters={"web": cluster(NODES)})
        propose = median_s(lambda: tenant.propose(demand, reserve=False), runs=runs)
        proposal = tenant.propose(demand)
        render = median_s(lambda: rendered_files(demand, proposal), runs=runs)
        admit = seconds(lambda: tenant.admit(proposal))
        confirms = sorted(seconds(lambda name=name: tenant.confirm(name)) for name in proposal.seats)  # type: ignore[misc]
        small = tenant.demand(clusters={"web": cluster(NODES), "more": cluster(10)})
        again = median_s(lambda: tenant.propose(small, reserve=False), runs=runs)
    return [
        Figure(f"propose {NODES} nodes in {RACKS} racks", propose, "s"),
        Figure(f"propose 10 nodes beside {NODES}", again, "s"),
        Figure(f"render {NODES} nodes", render, "s"),
        Figure(f"admit {NODES} nodes", admit, "s"),
        Figure("confirm, median", 1000 * percentile(confirms, 50), "ms"),
        Figure("confirm, p99", 1000 * percentile(confirms, 99), "ms"),
    ]
