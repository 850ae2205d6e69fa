"""Preview of 1,000 nodes against a service that is 20 ms away, beside the ledger's file on this machine.

What a network costs is a matter of how often the ledger is asked, one call after another: the speed guard counts that.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from signal import SIGTERM
from statistics import median

from bench.figures import Figure, seconds
from bench.nodes import PATIENCE_S, zone_of
from support.fault_proxy import FaultProxy
from support.telemetry_processes import Service
from support.zone_project import SmallZone, Stack, cluster
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.access_messages import GrantRequest
from zonewright.ledger.transport.client import LedgerClient

NODES = 1000
ONE_WAY_S = 0.01
"""So an answer takes 20 ms more than here."""
LIMIT = 1.3


def figures(runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Both previews in turn, and how many connections a remote one makes."""
    with tempfile.TemporaryDirectory() as folder:
        zone = zone_of(Path(folder), NODES)
        with LedgerClient(zone.ledger_url) as local:
            wanted = GrantRequest(principal="runner", party="tenant-b", kind="runner", roles=["tenant"], days=1)
            variables = {"ZONEWRIGHT_LEDGER_TOKEN": local.call(verbs.GRANT, wanted).token}
        service = Service(zone.folder, "--ledger", zone.ledger_url, python=sys.executable)
        service.start()
        try:
            with FaultProxy(("127.0.0.1", service.port), one_way_s=ONE_WAY_S) as proxy:
                near = _stack(zone, "tenant-a", zone.ledger_url)
                far = _stack(zone, "tenant-b", f"http://127.0.0.1:{proxy.address[1]}")
                times: dict[str, list[float]] = {"near": [], "far": []}
                for _ in range(runs):
                    times["near"].append(seconds(lambda: near.run("preview")))
                    before = proxy.connections
                    times["far"].append(seconds(lambda: far.run("preview", variables=variables)))
                    made = proxy.connections - before
        finally:
            service.stop(SIGTERM)
    here, there = median(times["near"]), median(times["far"])
    return [
        Figure(f"preview of {NODES:,} nodes, ledger's file here", here, "s"),
        Figure(f"preview of {NODES:,} nodes, service 20 ms away", there, "s"),
        Figure("ratio of the two", there / here, "times", LIMIT),
        Figure("connections of a remote preview", made, ""),
    ]


def _stack(zone: SmallZone, name: str, url: str) -> Stack:
    stack = zone.stack(name, ledger_url=url)
    stack.limit_s = PATIENCE_S
    stack.declare(clusters={"web": cluster(NODES)})
    return stack
