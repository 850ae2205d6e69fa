"""The audit room: planning and evidence of 10 hosts beside many, verification, drawing, differences, reports."""

import json
import statistics
import tempfile
import time
from collections.abc import Sequence
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
from zonewright.audit.differences import file_diff, unified
from zonewright.audit.elevation import drawing, elevations
from zonewright.audit.report import report_of
from zonewright.audit.report_html import report_html
from zonewright.audit.verify import verify_bundle
from zonewright.ledger import messages as m
from zonewright.ledger import verbs
from zonewright.ledger.client import LedgerClient
from zonewright.model import Zone
from zonewright.model.canonical import digest_of
from zonewright.model.power import Draw
from zonewright.model.world import Feed, Occupant, Rack
from zonewright.program.rendering import rendered_files

SMALL, LARGE, CHANGED = 500, 5_000, 10
PER_RACK = 40


def figures(runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Measure."""
    small, small_bundle = _planned(SMALL, runs)
    large, _ = _planned(LARGE, runs)
    return [
        Figure(f"plan and evidence, {CHANGED} of {SMALL} hosts", small, "s"),
        Figure(f"plan and evidence, {CHANGED} of {LARGE} hosts", large, "s"),
        Figure("  the larger to the smaller", large / small, "times"),
        *_verified(small_bundle, runs),
        _elevation(runs),
        *_lines(runs),
    ]


def _planned(hosts: int, runs: int) -> tuple[float, dict[str, bytes]]:
    """Seconds to propose, render, snapshot, plan, sign and write the bundle of a change of ten hosts beside many."""
    zone = Zone.model_validate(zone_with())
    times = []
    with (
        tempfile.TemporaryDirectory() as folder,
        LedgerClient(f"sqlite:///{Path(folder) / 'l.db'}", create=True) as client,
    ):
        client.call(verbs.INIT, m.InitRequest(zone=zone))
        operator = Party(client, "stack-of-operator", "operator", zone=zone)
        operator.bring_up(sites=facility(hosts // PER_RACK + 4, rated_w=60_000)["sites"])
        tenant = Planner(Party(client, "stack-of-tenant-a", "tenant-a", zone=zone))
        tenant.party.enrol()
        fields: dict[str, Any] = {"clusters": {"web": cluster(hosts)}}
        _admitted(tenant, fields)
        for number in range(runs):
            more: dict[str, Any] = {"clusters": {**fields["clusters"], f"more-{number}": cluster(CHANGED)}}
            begun = time.perf_counter()
            tenant.plan(at=datetime.now(UTC), **more)
            bundle = tenant.bundle(Path(folder) / f"bundle-{number}")
            times.append(time.perf_counter() - begun)
    return statistics.median(times), bundle


def _admitted(tenant: Planner, fields: dict[str, Any]) -> None:
    """Bring the estate in: admitted, and its files deployed, so that the next change differs by ten hosts."""
    client, demand = tenant.party.client, tenant.party.demand(**fields)
    proposal = tenant.party.propose(demand)
    tenant.admit(**fields)
    files = {path: digest_of(text) for path, text in rendered_files(demand, proposal).items()}
    client.call(verbs.DEPLOY, m.DeployRequest(stack_id=tenant.party.stack_id, site="dc1", files=files))


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
