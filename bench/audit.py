"""The audit room: planning and evidence of 10 hosts beside many, verification, drawing, differences, reports."""

import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import unified_diff
from pathlib import Path
from typing import Any

from bench.figures import Figure, median_s, seconds
from support.ledger_party import Party
from support.planner import Planner
from support.signing import zone_with
from support.zone_project import cluster, facility
from zonewright.audit.contents import read_contents
from zonewright.audit.differences import file_diff, file_diffs, unified
from zonewright.audit.elevation import drawing, elevations
from zonewright.audit.report import report_of
from zonewright.audit.report_html import report_html
from zonewright.audit.verify import verify_bundle
from zonewright.ledger import messages as m
from zonewright.ledger import verbs
from zonewright.ledger.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.power import Draw
from zonewright.model.world import Feed, Occupant, Rack
from zonewright.program.rendering import rendered_files

SMALL, LARGE, CHANGED = 500, 5_000, 10
PER_RACK = 40


def figures(runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Measure."""
    small, large = _planned(SMALL, runs), _planned(LARGE, runs)
    return [
        *_beside(f"{CHANGED} changed", small[0], large[0], limited=True),
        *_beside(f"{CHANGED} added", small[1], large[1], limited=False),
        *_verified(small[1].bundle, runs),
        _elevation(runs),
        *_lines(runs),
    ]


def _beside(what: str, small: "Planned", large: "Planned", *, limited: bool) -> list[Figure]:
    """The same change beside few and many hosts: what it takes, and how many files it really changes."""
    return [
        Figure(f"plan to evidence, {what} of {SMALL} hosts", small.seconds, "s"),
        Figure("  files that it changes", small.files, ""),
        Figure(f"plan to evidence, {what} of {LARGE} hosts", large.seconds, "s", 3 if limited else None),
        Figure("  files that it changes", large.files, ""),
        Figure("  the larger to the smaller", large.seconds / small.seconds, "times", 1.2 if limited else None),
        # On a busy machine both wait, which makes them alike; what the processor does is not hidden by that.
        Figure("  the same of CPU time", large.cpu_s / small.cpu_s, "times", 1.2 if limited else None),
    ]


@dataclass(frozen=True, slots=True)
class Planned:
    """A change that was planned: median of wall and of CPU time, files that differ, and its bundle."""

    seconds: float
    cpu_s: float
    files: int
    bundle: dict[str, bytes]


def _planned(hosts: int, runs: int) -> tuple[Planned, Planned]:
    """Ten hosts beside many get a smaller type of node; and ten hosts come in, which every firewall must let in."""
    zone = Zone.model_validate(zone_with())
    with (
        tempfile.TemporaryDirectory() as folder,
        LedgerClient(f"sqlite:///{Path(folder) / 'l.db'}", create=True) as client,
    ):
        client.call(verbs.INIT, m.InitRequest(zone=zone))
        operator = Party(client, "stack-of-operator", "operator", zone=zone)
        operator.bring_up(sites=_sites(hosts))
        tenant = Planner(Party(client, "stack-of-tenant-a", "tenant-a", zone=zone))
        tenant.party.enrol()
        tens = {f"ten-{number}": cluster(CHANGED, node_type="two-u") for number in range(runs)}
        estate: dict[str, Any] = {"web": cluster(hosts - CHANGED * runs), **tens}
        tenant.deploy(clusters=estate)
        changed = [{**estate, f"ten-{number}": cluster(CHANGED)} for number in range(runs)]
        added = [{**estate, f"more-{number}": cluster(CHANGED)} for number in range(runs)]
        return _evidence(tenant, changed, Path(folder) / "a"), _evidence(tenant, added, Path(folder) / "b")


def _sites(hosts: int) -> dict[str, Any]:
    """A site whose racks and addresses are enough for all hosts."""
    sites: dict[str, Any] = facility(hosts // PER_RACK + 8, rated_w=60_000)["sites"]
    sites["dc1"]["address_pools"] = {"v4": {"prefix": "10.80.0.0/16", "gateway": "10.80.0.1"}}
    return sites


def _evidence(tenant: Planner, changes: Sequence[dict[str, Any]], folder: Path) -> Planned:
    """Median of: propose, render, snapshot, plan, sign, register, write the bundle, and compare all that differs."""
    times, cpu, bundle, files = [], [], {}, 0
    for number, clusters in enumerate(changes):
        begun, worked = time.perf_counter(), time.process_time()
        tenant.plan(at=datetime.now(UTC), clusters=clusters)
        bundle = tenant.bundle(folder / f"bundle-{number}")
        contents = read_contents(bundle)
        found = file_diffs(*contents.changed())
        times.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - worked)
        files = len(found)
        if contents.proposal.unplaced or contents.snapshot.findings:
            raise AssertionError(contents.proposal.unplaced, contents.snapshot.findings)
    return Planned(statistics.median(times), statistics.median(cpu), files, bundle)


def _verified(bundle: dict[str, bytes], runs: int) -> list[Figure]:
    """A bundle in which every file is new: verified, and made into a page."""
    checks = verify_bundle(bundle, render=rendered_files)
    wrong = [check.line() for check in checks if check.verdict == "wrong"]
    if wrong:
        raise AssertionError(wrong)
    files = len(json.loads(bundle["rendered.json"]))
    report = report_of(read_contents(bundle), checks)
    verified = median_s(lambda: verify_bundle(bundle, render=rendered_files), runs=runs)
    page = median_s(lambda: report_html(report), runs=runs)
    return [
        Figure(f"verify a bundle of {files} files", verified, "s", 5),
        Figure("report of it, HTML", page, "s"),
        Figure("  its size", len(report_html(report).encode()) / 1e6, "MB", 5),
    ]


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
