"""Hosts that get rendered configurations: a ledger with approved and deployed files, and the fleet's file for them."""

import io
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from support.ledger_party import Party
from support.planner import Planner
from support.signing import policy, zone_with
from support.ssh_hosts import SshHost, require_hosts, ssh_hosts
from support.warm_python import warm_python
from support.zone_project import REPOSITORY, facility
from zonewright.changes.rendering import rendered_files
from zonewright.cli import main
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.change_messages import Plan
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone

ONE, TWO = "10.80.0.2", "10.80.0.3"
LEDGER = "sqlite:///.zonewright/ledger.db"
ZONE_FILE = "root/etc/bind/zones/site.zone"
CONFIGURATION: dict[str, Any] = {
    "format": "bind",
    "folder": "/home/operator/root",
    "as_root": False,
    "keep": "/home/operator/kept",
    "reload": "grep -ho '10.80.0.[23]$' ~/root/etc/bind/zones/site.zone >> ~/reloads",
    "check": "test -e ~/root/etc/bind/named.conf",
    "within_s": 2,
    "confirm_s": 6,
}
"""A name server's five files below a folder of the user's own, so that hosts need no root."""


@dataclass
class Facility:
    """The operator's stack in a ledger: what it declares, plans, and has deployed."""

    client: LedgerClient
    planner: Planner
    party: Party
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def declare(self, title: str) -> dict[str, Any]:
        """Sites whose rendered files differ by a word: an address of the site's name server."""
        sites = facility(2)["sites"]
        sites["dc1"]["name_servers"] = [title]
        return dict(sites)

    def plan(self, title: str) -> Plan:
        """Plan it."""
        return self.planner.plan(at=self.clock(), sites=self.declare(title))[0]

    def approve(self, plan: Plan) -> None:
        """Have it approved by another party's person."""
        self.planner.verdict(plan, "carl", at=self.clock())

    def deploy(self, title: str) -> Mapping[str, str]:
        """What ``up`` does: admit and mark the site's files as deployed; gives text by path."""
        sites = self.declare(title)
        self.planner.complete(self.planner.admit(sites=sites))
        demand = self.party.demand(sites=sites)
        return rendered_files(demand, self.party.propose(demand, reserve=False))

    def approved(self, title: str) -> Mapping[str, str]:
        """Planned, approved and deployed."""
        self.approve(self.plan(title))
        return self.deploy(title)


@contextmanager
def facility_in(folder: Path, **zone: Any) -> Iterator[Facility]:
    """The operator's stack in a new ledger; without approval nothing of normal risk is carried out."""
    (folder / ".zonewright").mkdir(parents=True, exist_ok=True)
    known = Zone.model_validate({**zone_with(north=policy({"safety": 1})), **zone})
    with LedgerClient(LEDGER, root=folder, create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=known))
        party = Party(client, "stack-of-operator", "operator", zone=known)
        party.enrol()
        yield Facility(client, Planner(party, "ben"), party)


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    code: int
    stdout: str
    stderr: str


@dataclass
class ConfigWorld:
    """Hosts, the facility's stack, and the command line."""

    folder: Path
    hosts: list[SshHost]
    facility: Facility
    fleet: dict[str, Any]

    def write(self, **configuration: Any) -> None:
        """Write the fleet's file, with some of the configuration changed."""
        self.fleet["configurations"] = {"names": {**CONFIGURATION, **configuration}}
        self.save()

    def save(self) -> None:
        """Write the fleet's file as it is here."""
        (self.folder / "fleet.yaml").write_text(yaml.safe_dump(self.fleet), encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        """The command line of ``zonewright fleet``."""
        return [warm_python().path(), "-m", "zonewright.cli", "fleet", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """What it runs under."""
        path = os.pathsep.join([str(REPOSITORY / "agents"), str(REPOSITORY / "modules")])
        return {**os.environ, "COLUMNS": "100", "PYTHONPATH": path}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``zonewright fleet`` as a process of its own, to be killed."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment,
        )

    def run(self, *arguments: str) -> Ran:
        """Run ``zonewright fleet`` in the project, in this process."""
        return self.command_line("fleet", *arguments)

    def command_line(self, *arguments: str) -> Ran:
        """Run ``zonewright`` in the project, in this process."""
        said, complained = io.StringIO(), io.StringIO()
        with chdir(self.folder), redirect_stdout(said), redirect_stderr(complained):
            code = main(list(arguments))
        return Ran(code, said.getvalue(), complained.getvalue())

    def states(self, *arguments: str) -> dict[str, dict[str, Any]]:
        """Deploy, and give the last event of each host."""
        done = self.run("deploy", "--configs", "--format", "json", *arguments)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert events, done.stderr
        return {event["host"]: event for event in events if event["step"] == "done"}

    def state(self) -> tuple[str, str]:
        """Deploy to the only host; gives state and reason."""
        (event,) = self.states().values()
        return event["state"], event["reason"]

    def text(self, number: int = 0, name: str = ZONE_FILE) -> str:
        """A file of a host's user; empty where there is none."""
        path = self.hosts[number].home / name
        return path.read_text(encoding="utf-8") if path.exists() else ""


@contextmanager
def config_world(
    folder: Path, count: int = 1, *, zone: Mapping[str, Any] = MappingProxyType({}), **options: Any
) -> Iterator[ConfigWorld]:
    """So many hosts and a facility whose first files are approved and deployed."""
    require_hosts(has_runit=bool(options.get("has_runit")))
    project = folder / "project"
    with facility_in(project, **zone) as stack, ssh_hosts(folder, count, **options) as (hosts, key):
        plan = stack.plan(ONE)
        stack.approve(plan)
        stack.deploy(ONE)
        fleet: dict[str, Any] = {
            "party": "operator",
            "login": {"user": hosts[0].user, "keys": [str(key)]},
            "hosts": {
                host.name: {
                    "address": host.address,
                    "port": host.port,
                    "host_keys": [host.public_key],
                    "site": "dc1",
                }
                for host in hosts
            },
            "rollout": {"waves": [{"hosts": 1}, {"percent": 100}]},
        }
        world = ConfigWorld(project, hosts, stack, fleet)
        world.write()
        yield world
