"""A small zone with its ledger, and Pulumi projects of several parties on it, all in one temporary folder."""

import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, chdir, closing, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest import mock

import psutil
import yaml

from support import light_engine
from support.attached_provider import attached
from support.once import made_once
from support.second_opinion import require_second
from support.warm_python import warm_python
from zonewright import engine as engine_room
from zonewright.audit.evidence.bundle import read_bundle
from zonewright.cli import main
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.holding_messages import Holding
from zonewright.ledger.protocol.journal_messages import HistoryRequest
from zonewright.ledger.protocol.stack_messages import ReportRequest
from zonewright.ledger.transport.client import LedgerClient

REPOSITORY = Path(__file__).resolve().parents[2]
PROVIDER = REPOSITORY / "modules" / "zonewright" / "provider"
PROJECT = "zone-test"
MARK = "ZONEWRIGHT_TEST_PROJECT"
LIMIT_S = 180.0
WITH_PROVIDER = ("destroy", "import", "preview", "refresh", "up")
"""Commands of the engine that start providers."""

ZONE: dict[str, Any] = {
    "zone": "small",
    "title": "A small zone",
    "districts": {"north": {"title": "North"}},
    "parties": {
        "operator": {"title": "Operator", "roles": ["facility-operator"]},
        **{f"tenant-{letter}": {"title": f"Tenant {letter}", "roles": ["tenant"]} for letter in "abcdefgh"},
    },
    "node_types": {
        "one-u": {
            "manufacturer": "Acme",
            "model": "One",
            "u_height": 1,
            "weight_kg": 18,
            "maximum_draw": 300,
            "allocated_draw": 200,
        },
        "two-u": {
            "manufacturer": "Acme",
            "model": "Two",
            "u_height": 2,
            "weight_kg": 30,
            "maximum_draw": 600,
            "allocated_draw": 300,
        },
    },
}


RACKS_PER_ROW = 40


def facility(racks: int, *, rated_w: int = 12_500, u_height: int = 42) -> dict[str, Any]:
    """The operator's file: site ``dc1``, room ``a``, rows ``01`` and on with so many racks in all."""
    feeds = {name: {"power_panel": panel, "rated_w": rated_w} for name, panel in (("A", "pa"), ("B", "pb"))}
    rows = {
        f"{number:02}": {"racks": min(RACKS_PER_ROW, racks - first), "u_height": u_height, "feeds": feeds}
        for number, first in enumerate(range(0, racks, RACKS_PER_ROW), start=1)
    }
    return {
        "owner": "operator",
        "sites": {
            "dc1": {
                "title": "Data centre 1",
                "district": "north",
                "address_pools": {"v4": {"prefix": "10.80.0.0/20", "gateway": "10.80.0.1"}},
                "name_servers": ["10.80.0.2"],
                "power_panels": {"pa": {"substation": "sub-1"}, "pb": {"substation": "sub-2"}},
                "rooms": {"a": {"rows": rows}},
            }
        },
    }


def cluster(count: int, *, node_type: str = "one-u", **more: Any) -> dict[str, Any]:
    """One cluster of a tenant in ``dc1``."""
    return {"site": "dc1", "node_type": node_type, "count": count, **more}


@dataclass(kw_only=True)
class Stack:
    """One party's Pulumi project with a backend of its own, on the shared ledger.

    Attributes:
        root: folder of its Pulumi.yaml.
        name: name of the stack.
        stack_id: its identity in the ledger.
        environment: what `pulumi` runs under.
        ledger_url: the ledger, as its configuration names it.
        zone_folder: folder of zone.yaml.
        limit_s: how long a command may take, in seconds.
        is_attached: our provider runs in this process, where the engine is waited for.
    """

    root: Path
    name: str
    stack_id: str
    party: str
    environment: dict[str, str]
    ledger_url: str
    zone_folder: Path
    limit_s: float = LIMIT_S
    is_attached: bool = False

    def declare(self, **fields: Any) -> None:
        """Write the party's file."""
        path = self.zone_folder / f"{'facility' if self.party == 'operator' else 'tenant'}-{self.party}.yaml"
        path.write_text(yaml.safe_dump({"owner": self.party, **fields}, sort_keys=False), encoding="utf-8")

    def program(self, text: str) -> None:
        """Replace the program, which calls ``deploy()`` as it was made."""
        (self.root / "program" / "__main__.py").write_text(text, encoding="utf-8")

    def urn(self, kind: str, name: str) -> str:
        """URN of one of our resources in the state."""
        return next(str(item["urn"]) for item in self.resources(kind) if item["urn"].endswith(f"::{name}"))

    def run(
        self, *arguments: str, check: bool = True, variables: Mapping[str, str] = MappingProxyType({})
    ) -> subprocess.CompletedProcess[str]:
        """Run `pulumi` to its end; output and errors come together in ``stdout``."""
        environment = {**self.environment, **variables}
        with self._provider(environment, is_used=arguments[0] in WITH_PROVIDER) as attaching:
            result = subprocess.run(
                ["pulumi", "--non-interactive", "--color", "never", *arguments],
                cwd=self.root,
                env={**environment, **attaching},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=self.limit_s,
                check=False,
            )
        assert not check or result.returncode == 0, result.stdout
        return result

    def _provider(self, environment: Mapping[str, str], *, is_used: bool) -> AbstractContextManager[Mapping[str, str]]:
        """Our provider while a command runs; the variables by which it attaches."""
        if is_used and self.is_attached:
            return attached(self.root / "program", environment)
        return nullcontext({})

    def up(self, *arguments: str, variables: Mapping[str, str] = MappingProxyType({})) -> str:
        """`pulumi up --yes --skip-preview`; gives its output."""
        return self.run("up", "--yes", "--skip-preview", *arguments, variables=variables).stdout

    def refused(self, *arguments: str, variables: Mapping[str, str] = MappingProxyType({})) -> str:
        """Run a `pulumi` command that must fail; gives its output, which must hold no traceback."""
        result = self.run(*arguments, check=False, variables=variables)
        assert result.returncode != 0, result.stdout
        assert "Traceback" not in result.stdout, result.stdout
        return result.stdout

    def start(self, *arguments: str, variables: Mapping[str, str] = MappingProxyType({})) -> subprocess.Popen[bytes]:
        """Start `pulumi` and leave it running; its output goes to ``output.txt``."""
        with (self.root / "output.txt").open("wb") as output:
            return subprocess.Popen(
                ["pulumi", "--non-interactive", "--color", "never", *arguments],
                cwd=self.root,
                env={**self.environment, **variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def zonewright(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run our own command line in this project, in this process: a start of its own costs a second and a half.

        A bundle that it verifies the independent verifier looks at too.
        """
        self._seconded(arguments)
        said, complained = io.StringIO(), io.StringIO()
        with (
            chdir(self.root),
            mock.patch.dict(os.environ, self.environment, clear=True),
            redirect_stdout(said),
            redirect_stderr(complained),
        ):
            code = main(list(arguments))
        return subprocess.CompletedProcess(arguments, code, said.getvalue(), complained.getvalue())

    def process(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same in a process of its own, as `recover` needs it: what the engine prints goes where it prints."""
        self._seconded(arguments)
        with self._provider(self.environment, is_used=arguments[0] == "recover") as attaching:
            return subprocess.run(
                [self.environment["ZONEWRIGHT_PYTHON"], "-m", "zonewright.cli", *arguments],
                cwd=self.root,
                env={**self.environment, **attaching},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
                check=False,
            )

    def _seconded(self, arguments: Sequence[str]) -> None:
        if tuple(arguments[:2]) == ("audit", "verify") and (self.root / arguments[2]).exists():
            require_second(read_bundle(self.root / arguments[2]))

    def state(self) -> dict[str, Any]:
        """The deployment as the backend's file has it, which is what `pulumi stack export` shows."""
        path = self.root / ".zonewright" / ".pulumi" / "stacks" / PROJECT / f"{self.name}.json"
        deployment: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["checkpoint"].get("latest") or {}
        return deployment

    def outputs(self) -> dict[str, Any]:
        """What the program exports, as the state has it; none of the tests' is a secret."""
        stack = next(item for item in self.state()["resources"] if item["type"] == "pulumi:pulumi:Stack")
        exported: dict[str, Any] = stack["outputs"]
        return exported

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """Resources of one of our types, such as ``Node``; those pending deletion are left out."""
        return [
            item
            for item in self.state().get("resources", [])
            if item["type"] == f"zonewright:index:{kind}" and not item.get("delete")
        ]

    def holdings(self, state: str | None = None) -> list[Holding]:
        """What the ledger holds for this stack."""
        with LedgerClient(self.ledger_url, root=self.root) as client:
            held = client.call(verbs.REPORT, ReportRequest(stack_id=self.stack_id)).holdings
        return [item for item in held if state in (None, item.state)]

    def places(self) -> dict[str, str]:
        """Place of each current claim, as ``rack U``."""
        return {
            item.name: f"{item.data['rack']} U{item.data['position']}"
            for item in self.holdings()
            if item.kind == "node" and item.state in ("admitted", "active")
        }

    def agrees(self) -> None:
        """Assert that active claims are exactly the nodes of the state, in the same places."""
        nodes = {
            item["inputs"]["claim"]: f"{item['inputs']['rack']} U{item['inputs']['position']}"
            for item in self.resources("Node")
        }
        active = {
            item.name: f"{item.data['rack']} U{item.data['position']}"
            for item in self.holdings("active")
            if item.kind == "node"
        }
        assert active == nodes

    def settled(self) -> None:
        """Assert that state and ledger agree and nothing is half done."""
        self.agrees()
        assert self.holdings("admitted") == []
        assert self.holdings("releasing") == []
        assert self.state().get("pending_operations", []) == []


def _init(engine: engine_room.Engine, root: Path, name: str) -> None:
    """Make a project with one empty stack; half a second of CPU."""
    (root / "program").mkdir()
    project = {
        "name": PROJECT,
        "runtime": "python",
        "main": "program",
        "stackConfigDir": "program",
        "backend": {"url": "file://./.zonewright"},
    }
    (root / "Pulumi.yaml").write_text(yaml.safe_dump(project), encoding="utf-8")
    program = "from zonewright.program import deploy\n\ndeploy()\n"
    (root / "program" / "__main__.py").write_text(program, encoding="utf-8")
    base = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "COV_"))}
    variables = {**engine_room.environment(engine, root=root, base=base), **light_engine.variables()}
    command = ["pulumi", "--non-interactive", "stack", "init", name, "--secrets-provider", light_engine.PROVIDER]
    subprocess.run(command, cwd=root, env={**base, **variables}, stdin=subprocess.DEVNULL, check=True, timeout=LIMIT_S)


def moved(original: Path, folder: Path) -> None:
    """Copy projects with their states into a folder; they are at home there then."""
    shutil.copytree(original, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("backups", "logs"))
    for path in folder.rglob("*"):
        if path.suffix in (".json", ".yaml", ".bak"):
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace(str(original), str(folder)), encoding="utf-8")
    for path in folder.rglob("Pulumi.yaml"):  # which stack of a project is selected is kept by its path
        (selected,) = path.parent.glob(".zonewright/pulumi-home/workspaces/*.json")
        digest = hashlib.sha1(str(path).encode(), usedforsecurity=False).hexdigest()
        name = selected.name.removesuffix("-workspace.json").rpartition("-")[0]
        selected.rename(selected.with_name(f"{name}-{digest}-workspace.json"))


def _provider_of(root: Path) -> Path:
    """Where a project has its provider."""
    project = yaml.safe_load((root / "Pulumi.yaml").read_text(encoding="utf-8"))
    return Path(project["plugins"]["providers"][0]["path"])


@dataclass(kw_only=True)
class SmallZone:
    """A zone's folder with a ledger, and the stacks on it.

    Attributes:
        folder: the temporary folder.
        engine: the Pulumi engine.
        zone: the content of zone.yaml.
        warm: whether its processes are forks of a Python that has done their imports.
    """

    folder: Path
    engine: engine_room.Engine
    zone: Mapping[str, Any] = field(default_factory=lambda: ZONE)
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    warm: bool = True

    @property
    def ledger_url(self) -> str:
        """URL of the ledger, by absolute path: the projects lie in folders of their own."""
        return f"sqlite:///{self.folder / 'ledger.db'}"

    def create(self) -> "SmallZone":
        """Write zone.yaml and register it."""
        zone_folder = self.folder / "zone"
        zone_folder.mkdir()
        (zone_folder / "zone.yaml").write_text(yaml.safe_dump(dict(self.zone), sort_keys=False), encoding="utf-8")
        assert main(["ledger", "init", str(zone_folder), "--ledger", self.ledger_url]) == 0
        return self

    def stack(
        self,
        party: str,
        *,
        name: str | None = None,
        stack_id: str | None = None,
        ledger_url: str | None = None,
        folder: str | None = None,
        provider: Path = PROVIDER,
    ) -> Stack:
        """A party's project with one stack; a second one with the same ``stack_id`` is a second clone."""
        name = name or party
        root = self.folder / (folder or f"project-{party}-{name}")
        moved(made_once(f"stack-{name}", lambda at: _init(self.engine, at, name)), root)
        project = yaml.safe_load((root / "Pulumi.yaml").read_text(encoding="utf-8"))
        project["plugins"] = {"providers": [{"name": "zonewright", "path": str(provider)}]}
        (root / "Pulumi.yaml").write_text(yaml.safe_dump(project), encoding="utf-8")
        role = "facility" if party == "operator" else "tenant"
        settings = root / "program" / f"Pulumi.{name}.yaml"
        config = {
            "zone:declaration": os.path.relpath(self.folder / "zone" / f"{role}-{party}.yaml", root),
            "zone:ledger": ledger_url or self.ledger_url,
            "zone:stackId": stack_id or f"{name}-{uuid.uuid4().hex[:12]}",
        }
        known = yaml.safe_load(settings.read_text(encoding="utf-8"))
        settings.write_text(yaml.safe_dump({**known, "config": config}), encoding="utf-8")
        return self.opened(party, name=name, folder=root.name)

    def opened(self, party: str, *, name: str | None = None, folder: str | None = None) -> Stack:
        """A stack that was made before, by ``stack``."""
        name = name or party
        root = self.folder / (folder or f"project-{party}-{name}")
        config = yaml.safe_load((root / "program" / f"Pulumi.{name}.yaml").read_text(encoding="utf-8"))["config"]
        base = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "COV_"))}
        variables = {**engine_room.environment(self.engine, root=root, base=base), **light_engine.variables()}
        if self.warm:
            variables |= warm_python().variables()
        return Stack(
            root=root,
            name=name,
            stack_id=config["zone:stackId"],
            party=party,
            environment={**base, **variables, MARK: self.mark},
            ledger_url=self.ledger_url,
            zone_folder=self.folder / "zone",
            is_attached=self.warm and _provider_of(root) == PROVIDER,
        )

    def operator(self, racks: int = 2, **shape: Any) -> Stack:
        """The operator's stack, brought up."""
        stack = self.stack("operator")
        stack.declare(**{key: value for key, value in facility(racks, **shape).items() if key != "owner"})
        stack.up()
        return stack

    def taken_from(self, original: Path) -> "SmallZone":
        """Fill the folder with a copy of a zone's; its projects and their states are at home here then."""
        moved(original, self.folder)
        return self

    def refusals(self) -> list[dict[str, int]]:
        """How often each rule spoke against each change that the journal tells as refused."""
        with LedgerClient(self.ledger_url) as ledger:
            entries = ledger.call(verbs.HISTORY, HistoryRequest()).entries
        return [entry.payload["rules"] for entry in entries if entry.kind == "refused"]

    def change_ledger(self, statement: str) -> None:
        """Change the ledger by SQL, behind its back."""
        with closing(sqlite3.connect(self.folder / "ledger.db")) as connection, connection:
            assert connection.execute(statement).rowcount > 0

    def processes(self) -> list[psutil.Process]:
        """Every process that was started by a stack of this zone and still runs."""
        mine = []
        for process in psutil.process_iter():
            try:
                marked = process.environ().get(MARK) == self.mark
                if marked and process.status() != psutil.STATUS_ZOMBIE:
                    mine.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return mine

    def no_process_left(self, within_s: float = 10.0) -> list[str]:
        """Wait until none is left; give the command lines of those that are."""
        until = time.monotonic() + within_s
        while (left := self.processes()) and time.monotonic() < until:
            time.sleep(0.05)
        return [" ".join(process.cmdline()) for process in left]
