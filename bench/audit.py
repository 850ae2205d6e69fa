"""The audit room: planning and evidence of 10 hosts beside many, verification, drawing, differences, reports."""

import gc
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import unified_diff
from pathlib import Path
from typing import Any

from bench.figures import Figure, median_s, seconds
from support.ledger_party import Party
from support.planner import Planner
from support.signing import zone_with
from support.zone_project import cluster, facility
from zonewright.audit.diff.differences import file_diff, file_diffs, unified
from zonewright.audit.evidence.contents import read_contents
from zonewright.audit.evidence.grouped import groups_of
from zonewright.audit.report.elevation import drawing, elevations
from zonewright.audit.report.html import report_html
from zonewright.audit.report.report import report_of
from zonewright.audit.verify.verify import verify_bundle
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.power import Draw
from zonewright.model.rack import Feed, Rack
from zonewright.model.world import Occupant

SMALL, LARGE, CHANGED = 500, 5_000, 10
PER_RACK = 40


def figures(runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Measure; the small and the large zone take turns, so that what else the machine does falls on both."""
    with ExitStack() as stack:
        small, large, one_stack = (
            stack.enter_context(_zone(*hosts, runs)) for hosts in ((SMALL, SMALL), (SMALL, LARGE), (LARGE, LARGE))
        )
        found = [
            (*_in_turns(small, large, changes), _median([one_stack.planned(change) for change in changes]))
            for changes in ([f"{what}-{number}" for number in range(runs)] for what in ("ten", "more"))
        ]
    return [
        *_beside(f"{CHANGED} changed", *found[0], limited=True),
        *_beside(f"{CHANGED} added", *found[1], limited=False),
        *_verified(found[1][0].bundle, runs),
        *_reported(found[1][2], runs),
        _elevation(runs),
        *_lines(runs),
    ]


def _in_turns(small: "_Zone", large: "_Zone", changes: Sequence[str]) -> tuple["Planned", "Planned"]:
    """The same changes in both zones, each of which begins every second time."""
    plans: dict[str, list[Planned]] = {"small": [], "large": []}
    for number, change in enumerate(changes):
        order = ("small", "large") if number % 2 else ("large", "small")
        for which in order:
            plans[which].append((small if which == "small" else large).planned(change))
    return _median(plans["small"]), _median(plans["large"])


def _beside(what: str, alone: "Planned", among: "Planned", whole: "Planned", *, limited: bool) -> list[Figure]:
    """The same change of the same stack in a small and in a large zone; and of a stack that is the large zone."""
    others = (LARGE - SMALL) // SMALL
    return [
        Figure(f"plan to evidence, {what} of {SMALL} hosts", alone.seconds, "s"),
        Figure("  files that it changes", alone.files, ""),
        Figure(f"plan to evidence, the same among {LARGE} hosts of {others + 1} stacks at one site", among.seconds, "s",
               3 if limited else None),
        Figure("  files that it changes", among.files, ""),
        Figure("  the larger zone to the smaller", among.seconds / alone.seconds, "times", 1.2 if limited else None),
        # On a busy machine both wait, which makes them alike; what the processor does is not hidden by that.
        Figure("  the same of CPU time", among.cpu_s / alone.cpu_s, "times", 1.2 if limited else None),
        Figure(f"plan to evidence, {what} of one stack of {LARGE} hosts", whole.seconds, "s", 3 if limited else None),
        Figure("  files that it changes", whole.files, ""),
        Figure("  the larger stack to the smaller", whole.seconds / alone.seconds, "times"),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Planned:
    """A change that was planned: wall and CPU time, files that differ, and its bundle."""

    seconds: float
    cpu_s: float
    files: int
    bundle: dict[str, bytes]


def _median(several: Sequence[Planned]) -> Planned:
    seconds_, cpu_s = (
        statistics.median(values) for values in ([p.seconds for p in several], [p.cpu_s for p in several])
    )
    return replace(several[-1], seconds=seconds_, cpu_s=cpu_s)


@dataclass(frozen=True, slots=True)
class _Zone:
    """A zone in which one stack plans: ten hosts get a smaller type of node, or ten hosts come in."""

    tenant: Planner
    estate: dict[str, Any]
    folder: Path

    def planned(self, change: str) -> Planned:
        """Propose, render, snapshot, plan, sign, register, write the bundle, and compare all that differs."""
        gc.collect()  # what others have left behind is not this change's
        begun, worked = time.perf_counter(), time.process_time()
        self.tenant.plan(at=datetime.now(UTC), clusters={**self.estate, change: cluster(CHANGED)})
        bundle = self.tenant.bundle(self.folder / change)
        contents = read_contents(bundle)
        found = file_diffs(*contents.changed())
        planned = Planned(time.perf_counter() - begun, time.process_time() - worked, len(found), bundle)
        if contents.proposal.unplaced or contents.snapshot.findings:
            raise AssertionError(contents.proposal.unplaced, contents.snapshot.findings)
        return planned


@contextmanager
def _zone(own: int, zone_wide: int, runs: int) -> Iterator[_Zone]:
    """A zone at one site, whose stacks are all as large as the one that plans.

    Args:
        own: hosts of that stack.
        zone_wide: hosts of all stacks.
        runs: how many tens of hosts can be changed.
    """
    zone = Zone.model_validate(zone_with())
    with (
        tempfile.TemporaryDirectory() as folder,
        LedgerClient(f"sqlite:///{Path(folder) / 'l.db'}", create=True) as client,
    ):
        client.call(verbs.INIT, InitRequest(zone=zone))
        operator = Party(client, "stack-of-operator", "operator", zone=zone)
        operator.bring_up(sites=_sites(zone_wide))
        for number in range(zone_wide // own - 1):
            other = Planner(Party(client, f"stack-{number}-of-tenant-b", "tenant-b", zone=zone))
            other.party.enrol()
            other.deploy(clusters={f"other-{number}": cluster(own)})
        tenant = Planner(Party(client, "stack-of-tenant-a", "tenant-a", zone=zone))
        tenant.party.enrol()
        tens = {f"ten-{number}": cluster(CHANGED, node_type="two-u") for number in range(runs)}
        estate: dict[str, Any] = {"web": cluster(own - CHANGED * runs), **tens}
        tenant.deploy(clusters=estate)
        yield _Zone(tenant, estate, Path(folder))


def _sites(hosts: int) -> dict[str, Any]:
    """A site whose racks and addresses are enough for all hosts."""
    sites: dict[str, Any] = facility(hosts // PER_RACK + 8, rated_w=60_000)["sites"]
    sites["dc1"]["address_pools"] = {"v4": {"prefix": "10.80.0.0/16", "gateway": "10.80.0.1"}}
    return sites


def _verified(bundle: dict[str, bytes], runs: int) -> list[Figure]:
    """A bundle in which every file is new: verified, and made into a page."""
    checks = verify_bundle(bundle)
    wrong = [check.line() for check in checks if check.verdict == "wrong"]
    if wrong:
        raise AssertionError(wrong)
    files = len(json.loads(bundle["rendered.json"]))
    verified = median_s(lambda: verify_bundle(bundle), runs=runs)
    return [Figure(f"verify a bundle of {files} files", verified, "s", 5)]


def _reported(change: Planned, runs: int) -> list[Figure]:
    """A change of a whole large stack as a page: judged again, grouped, drawn and written."""
    contents = read_contents(change.bundle)

    def page() -> tuple[float, str]:
        begun = time.process_time()
        text = report_html(report_of(contents, ()))
        return time.process_time() - begun, text

    made = [page() for _ in range(runs)]
    return [
        Figure(f"report of a change of {change.files} files, HTML, CPU time", statistics.median(one for one, _ in made),
               "s", 3),
        Figure("  its size", len(made[0][1].encode()) / 1e6, "MB", 5),
        Figure("  groups of equal differences", len(groups_of(contents)), ""),
    ]  # fmt: skip


def _elevation(runs: int) -> Figure:
    """A full rack of 48 U in which every second node moves."""
    feeds = {"A": Feed(available_w=20_000, power_panel="p"), "B": Feed(available_w=20_000, power_panel="q")}
    rack = Rack(id="dc1/a/01/01", owner="o", u_height=48, max_weight_kg=2_000, feeds=feeds)  # type: ignore[arg-type]

    def node(number: int, position: int) -> Occupant:
        return Occupant(party="p", stack="s", name=f"n-{number:03}", rack=rack.id, position=position, u_height=1,
                        draw=Draw(allocated_w=300), standing="wanted")  # fmt: skip

    own = [node(n, n) for n in range(1, 49)]
    wanted = [node(n, n if n % 2 else 50 - n) for n in range(1, 49)]

    def draw() -> str:
        (found,) = elevations({rack.id: rack}, [], own, wanted)
        return drawing(found)

    draw()
    return Figure("elevation of 48 U, before and after", 1000 * median_s(draw, runs=max(5, runs)), "ms", 20)


def _lines(runs: int) -> list[Figure]:
    """A file of 2,000 lines with 50 changes, beside difflib; and one line of 1 MB."""
    old = [f"line {number} of a configuration" for number in range(2_000)]
    new = [f"{line} changed" if number % 40 == 0 else line for number, line in enumerate(old)]
    one, two = "\n".join(old) + "\n", "\n".join(new) + "\n"
    ours = median_s(lambda: unified(file_diff("a.txt", one, two)), runs=runs)
    theirs = median_s(lambda: "\n".join(unified_diff(old, new, lineterm="")), runs=runs)
    flat = seconds(lambda: unified(file_diff("a.txt", "x" * 10**6, "y" * 10**6)))
    return [
        Figure("unified difference of 2,000 lines, 50 changed", 1000 * ours, "ms"),
        Figure("  to difflib", ours / theirs, "times"),
        Figure("difference of one line of 1 MB", 1000 * flat, "ms"),
    ]
