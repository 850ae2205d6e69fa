"""``python -m bench [SUBJECT ...]``: measure, print a table, exit 1 when a limit is missed."""

import argparse
import sys
from pathlib import Path

from bench import (
    admissions,
    agent,
    agent_run,
    audit,
    clients,
    core,
    demo,
    estate,
    fleet,
    fleet_many,
    gateway,
    ingest,
    journal,
    nodes,
    offered,
    paths,
    power,
    remote,
    render,
    rows,
    rules,
    start,
    switches,
    year,
    zone,
)
from bench.figures import document, table
from bench.pace import BARE_PREVIEW_S, pace, paced

SUBJECTS = {
    "start": start.figures,
    "core": core.figures,
    "rows": rows.figures,
    "nodes": nodes.figures,
    "zone": zone.figures,
    "paths": paths.figures,
    "rules": rules.figures,
    "power": power.figures,
    "fleet": fleet.figures,
    "audit": audit.figures,
    "render": render.figures,
    "switches": switches.figures,
}


def main() -> int:
    """Run the chosen subjects."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure zonewright against bare baselines.")
    parser.add_argument(
        "subjects",
        nargs="*",
        metavar="SUBJECT",
        help=f"of {', '.join(SUBJECTS)} (default: these), admissions, clients, demo, estate, ingest, journal, offered, "
        "remote, year, agent, agent-run, fleet-many, gateway",
    )
    parser.add_argument("--runs", type=int, default=3, help="how often each is run; medians are given (default: 3)")
    parser.add_argument("--nodes", type=int, nargs="+", default=[10, 200, 1000], help="sizes of the subject nodes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--minutes", type=float, help="length of the subjects agent (5) and agent-run (1)")
    arguments = parser.parse_args()
    subjects = {
        **SUBJECTS,
        "admissions": admissions.figures,
        "clients": clients.figures,
        "demo": demo.figures,
        "estate": estate.figures,
        "ingest": ingest.figures,
        "journal": journal.figures,
        "offered": offered.figures,
        "remote": remote.figures,
        "year": year.figures,
        "fleet-many": fleet_many.figures,
        "gateway": gateway.figures,
        "agent": lambda *_: agent.figures(arguments.minutes or 5),
        "agent-run": lambda *_: agent_run.figures(arguments.minutes or 1),
    }
    unknown = [name for name in arguments.subjects if name not in subjects]
    if unknown:
        parser.error(f"no subject {', '.join(unknown)}; there are: {', '.join(subjects)}")
    measured = []
    for name in arguments.subjects or SUBJECTS:
        print(f"{name}:", flush=True)
        figures = paced(subjects[name](arguments.runs, arguments.nodes))
        print(table(figures), flush=True)
        measured += figures
    if pace.cache_info().currsize:
        print(f"limits in seconds: those of a bare preview of {BARE_PREVIEW_S:g} s, times {pace():.2f}", flush=True)
    if arguments.json:
        arguments.json.write_text(document(measured) + "\n", encoding="utf-8")
    return 0 if all(figure.is_met for figure in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
