"""A deployer as a process of its own, to be killed: ``python -m support.fleet_deployer DESCRIPTION VERSION``."""

import json
import sys
from contextlib import closing
from pathlib import Path

from support.fleet_world import ALL_AT_ONCE, installed_psutil, release
from zonewright.fleet.agents.artefact import make_artefact
from zonewright.fleet.agents.layout import user_layout
from zonewright.fleet.agents.plan import Recipe
from zonewright.fleet.agents.visit import AgentJob
from zonewright.fleet.inventory import Host
from zonewright.fleet.rollout.rollout import roll_out
from zonewright.fleet.ssh.ssh_transport import SshSettings, SshTransport
from zonewright.fleet.ssh.transport import Target
from zonewright.model.fleet import AgentSettings
from zonewright.server.fleet_routes import ServiceForFleet


def main(description: Path, version: str) -> int:
    """Roll a release out to the hosts of a description; prints the state of each."""
    told = json.loads(description.read_text(encoding="utf-8"))
    targets = [Target(**{**one, "host_keys": tuple(one["host_keys"])}) for one in told["targets"]]
    recipe = Recipe(
        settings=AgentSettings(url=told["url"], interval_s=1.0, sources=("host",)),
        artefacts={"any": make_artefact(release(version), installed_psutil())},
        layout=user_layout("/home/operator/agent"),
    )
    with (
        closing(SshTransport(SshSettings(key_files=(Path(told["key"]),)))) as transport,
        closing(ServiceForFleet(Path(told["agents"]), told["url"])) as service,
    ):
        job = AgentJob(transport=transport, recipe=recipe, service=service, host_deadline_s=60.0, health_s=20.0)
        hosts = [Host(target=target) for target in targets]
        outcomes = roll_out(hosts, job, ALL_AT_ONCE, observe=lambda _event: None)
    sys.stdout.writelines(f"{one.host} {one.state} {one.sentence}\n" for one in outcomes)
    return 0 if {one.state for one in outcomes} <= {"changed", "unchanged"} else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
