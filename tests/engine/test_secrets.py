"""Planted secrets are in nothing that a change leaves behind, by the real engine and commands."""

import base64
import json
import re
from bisect import bisect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.planted import a_password, a_private_key, a_word, files_below, forms_of, leaks
from support.signing import key_of, policy, zone_with
from support.vault_server import VaultServer, vault_server
from support.zone_project import SmallZone, Stack, cluster, facility
from zonewright import engine as engine_room
from zonewright.audit.evidence.bundle import read_bundle, write_folder
from zonewright.program.debug_messages import VARIABLE as DEBUG_MESSAGES

pytestmark = pytest.mark.engine

REFERENCES = {
    "env": "ref+env://ZONEWRIGHT_SECRET_BGP",
    "vault": "ref+vault://network/l-vault#/keys/bgp",
}
VERBOSE = ("-v=9", "--logtostderr")
PROGRAM = """\
import pulumi

from zonewright.program import deploy

config = pulumi.Config("mine")
config.require_secret("password")
config.require_secret_object("nested")
deploy()
"""
EXPORTS = 'pulumi.export("password", config.require_secret("password"))\n'
"""The engine logs at level 9 what a program exports, secrets too (seen with 3.259): this is run without that log."""


def network(references: dict[str, str]) -> dict[str, Any]:
    """Two sites with routers, and a link with a password for each reference."""
    one = facility(1)["sites"]["dc1"]
    one |= {"as_number": 4200000001, "location": {"crs": "WGS84", "latitude": 31.0, "longitude": 120.8}}
    two = {
        **one,
        "as_number": 4200000002,
        "location": {"crs": "WGS84", "latitude": 31.0, "longitude": 120.9},
        "address_pools": {"v4": {"prefix": "10.81.0.0/20", "gateway": "10.81.0.1"}},
        "name_servers": ["10.81.0.2"],
    }
    links = {
        f"l-{name}": {
            "a": "dc1",
            "b": "dc2",
            "ducts": ["d-01"],
            "cores": 4,
            "prefixes": [f"10.79.0.{2 * number}/31"],
            "password": reference,
        }
        for number, (name, reference) in enumerate(references.items())
    }
    route = {"crs": "WGS84", "points": [[31.0, 120.8], [31.0, 120.9]]}
    return {
        "sites": {"dc1": one, "dc2": two},
        "ducts": {"d-01": {"route": route, "length_m": 12_000, "bores": 8}},
        "links": links,
    }


@pytest.fixture(name="operator")
def _operator(engine: engine_room.Engine, tmp_path: Path) -> Iterator[Stack]:
    """An operator of sites and links, whose changes need an approval; keys of author and approver in ``keys``."""
    content = zone_with(one=policy({"safety": 1}, parties=["operator"]))
    roles = {"title": "Operator", "roles": ["facility-operator", "network-operator"]}
    zone = SmallZone(
        folder=tmp_path, engine=engine, zone={**content, "parties": {**content["parties"], "operator": roles}}
    )
    stack = zone.create().stack("operator")
    (stack.root / "keys").mkdir()
    for person in ("ben", "bea"):
        pem = key_of(person).private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (stack.root / "keys" / f"{person}.pem").write_bytes(pem)
        (stack.root / "keys" / f"{person}.pub").write_text(f"{key_of(person).public} {person}\n", encoding="ascii")
    yield stack
    assert zone.no_process_left() == []


@pytest.fixture(name="vault")
def _vault() -> Iterator[VaultServer]:
    secrets = {"network/l-vault": {"keys": {"bgp": a_word()}}}
    with vault_server(secrets, token=f"hvs.{a_word()}") as server:
        yield server


class Transcript:
    """Runs commands and keeps all that they print in files, so that the hunt goes over it too."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.folder = stack.root / "printed"
        self.folder.mkdir()

    def keep(self, text: str) -> str:
        """Keep what was printed."""
        (self.folder / f"{len(list(self.folder.iterdir())):03}.txt").write_text(text, encoding="utf-8")
        return text

    def pulumi(self, *arguments: str, expect: int = 0) -> str:
        """Run the engine."""
        result = self.stack.run(*arguments, check=False, variables={DEBUG_MESSAGES: "1"})
        assert (result.returncode == 0) == (expect == 0), result.stdout[-4000:]
        return self.keep(result.stdout)

    def zonewright(self, *arguments: str, expect: int = 0) -> str:
        """Run our command line."""
        result = self.stack.process(*arguments)
        told = self.keep(result.stdout + result.stderr)
        assert result.returncode == expect, told
        assert "Traceback" not in told
        return told


def test_a_change_with_secrets_leaves_none_behind(operator: Stack, vault: VaultServer, tmp_path: Path) -> None:
    """Previewed, planned, approved, applied, exported, reported, verified, rendered, filled: no value anywhere.

    The values stand in the environment of every command, in Vault, and in the stack's configuration as secrets of the
    user's own; the engine logs all that it can, and keeps its events.
    """
    planted = {
        "bgp in the environment": a_word(),
        "bgp in Vault": vault.secrets["network/l-vault"]["keys"]["bgp"],
        "Vault's token": vault.token,
        "ledger token": a_password(),
        "sudo password": a_password(),
        "configured password": a_password(),
        "configured object": a_password(),
        "configured key": a_private_key(),
    }
    fingerprint_key = tmp_path / "fingerprint.key"
    operator.environment |= {
        "ZONEWRIGHT_SECRET_BGP": planted["bgp in the environment"],
        "VAULT_ADDR": vault.url,
        "VAULT_TOKEN": vault.token,
        "ZONEWRIGHT_LEDGER_TOKEN": planted["ledger token"],
        "ZONEWRIGHT_SUDO_PASSWORD": planted["sudo password"],
        "ZONEWRIGHT_FINGERPRINT_KEY": str(fingerprint_key),
        "PULUMI_DEBUG_COMMANDS": "true",
    }
    run, ledger = Transcript(operator), ("--ledger", operator.ledger_url)
    run.pulumi("config", "set", "--secret", "mine:password", planted["configured password"])
    for path, name in (("mine:nested.deep.password", "configured object"), ("mine:nested.deep.pem", "configured key")):
        run.pulumi("config", "set", "--secret", "--path", path, "--", planted[name])
    operator.program(PROGRAM)
    operator.declare(**network(REFERENCES))

    events = ("--event-log", str(operator.root / "events.jsonl"))
    run.pulumi("preview", *VERBOSE, *events)
    told = run.zonewright("change", "plan", "--stack", "operator", "--key", "keys/ben.pem", "--reason", "two links")
    plan = told.split()[1]
    run.pulumi("up", "--yes", "--skip-preview", expect=1)
    run.zonewright("change", "approve", plan, "--key", "keys/bea.pem", "--comment", "fine", *ledger)
    run.pulumi("up", "--yes", "--skip-preview", *VERBOSE, "--event-log", str(operator.root / "events-up.jsonl"))
    operator.settled()
    run.zonewright("change", "export", plan, "--output", "change.tar", *ledger)
    run.zonewright("change", "export", plan, "--output", "party", "--for-party", *ledger)
    assert "nothing looks like one" in run.zonewright("audit", "verify", "change.tar", "--keys", "keys")
    for kind in ("html", "md", "json"):
        run.zonewright("change", "report", "change.tar", "--output", f"report.{kind}")
    run.zonewright("change", "show", plan, *ledger)
    run.zonewright("ledger", "checkpoint", *ledger)
    run.zonewright("render", "--stack", "operator", "--out", "rendered")
    run.zonewright("render", "--stack", "operator", "--explain", explained(operator.root / "rendered"))

    filled = tmp_path / "filled"
    _fill(run, vault, planted, filled)
    run.pulumi("refresh", "--yes", *VERBOSE)
    operator.program(PROGRAM.replace("deploy()", f"{EXPORTS}deploy()"))
    run.pulumi("up", "--yes", "--skip-preview", "--event-log", str(operator.root / "events-export.jsonl"))
    run.pulumi("stack", "export", "--file", "state.json")
    run.pulumi("stack", "output", "--json")
    run.pulumi("stack", "history", "--json")
    run.zonewright("audit", "complete", *ledger)
    write_folder(operator.root / "extracted", read_bundle(operator.root / "change.tar"))

    hunted = files_below(tmp_path, but=[filled])
    kinds = {path.name for path in hunted} | {path.suffix for path in hunted}
    assert {"ledger.db", "change.tar", "report.html", "events-up.jsonl", "state.json", ".json"} <= kinds
    assert len(hunted) > 60
    assert leaks(hunted, planted) == []
    assert all(reference in (operator.root / "report.json").read_text("utf-8") for reference in REFERENCES.values())
    assert leaks([filled / "sites" / "dc1" / "etc" / "frr" / "frr.conf"], planted) != []


def _fill(run: Transcript, vault: VaultServer, planted: dict[str, str], filled: Path) -> None:
    """Install the rendered files; then one value changes, and then none can be had any more."""
    run.zonewright("secret", "key")
    assert "changed: new" in run.zonewright("secret", "fill", "rendered", str(filled))
    text = (filled / "sites" / "dc1" / "etc" / "frr" / "frr.conf").read_text(encoding="utf-8")
    for name in ("bgp in the environment", "bgp in Vault"):
        assert f" password {planted[name]}\n" in text
    assert "changed: yes" not in run.zonewright("diff", "--stack", "operator", "--secrets", "--exit-code")
    planted["newer bgp in Vault"] = vault.secrets["network/l-vault"]["keys"]["bgp"] = a_word()
    changed = run.zonewright("diff", "--stack", "operator", "--secrets", "--exit-code", expect=1)
    assert f"# {REFERENCES['vault']}: changed: yes" in changed
    assert f"# {REFERENCES['env']}: changed: no" in changed

    run.stack.environment["VAULT_TOKEN"] = planted["another token"] = a_word()
    del run.stack.environment["ZONEWRIGHT_SECRET_BGP"]
    refused = run.zonewright("secret", "fill", "rendered", "never", expect=1)
    assert "is not set here" in refused
    assert "does not let this token read" in refused


def explained(rendered: Path) -> str:
    """``FILE:LINE`` of a password in a router's file."""
    path = "sites/dc1/etc/frr/frr.conf"
    lines = (rendered / path).read_text(encoding="utf-8").split("\n")
    return f"{path}:{next(number for number, line in enumerate(lines, 1) if ' password ' in line)}"


def _nested(value: str) -> dict[str, Any]:
    return {"web": {**cluster(1), "settings": {"deep": [{"password": value}]}}}


def _titled(value: str) -> dict[str, Any]:
    return {"web": {**cluster(1), "title": f"web, password={value}"}}


WAYS: dict[str, Callable[[], tuple[dict[str, Any], str]]] = {}


def _way(name: str, make: Callable[[str], dict[str, Any]], value: Callable[[], str]) -> None:
    def planted() -> tuple[dict[str, Any], str]:
        secret = value()
        return make(secret), secret

    WAYS[name] = planted


_way("nested in an unknown mapping", _nested, a_word)
_way("in a title", _titled, a_word)
_way("several lines", lambda key: {"web": {**cluster(1), "key": key}}, a_private_key)
_way("several lines in a title", lambda key: {"web": {**cluster(1), "title": key}}, a_private_key)
_way(
    "base64 in a title",
    lambda value: {"web": {**cluster(1), "title": base64.b64encode(f"password={value}".encode()).decode()}},
    a_word,
)
_way("in a URL", lambda value: {"web": {**cluster(1), "title": f"see https://me:{value}@git.example/x"}}, a_word)
_way("as a number of nodes", lambda value: {"web": {**cluster(1), "count": f"token={value}"}}, a_word)
_way("as a key", lambda value: {"web": cluster(1), value: cluster(1)}, lambda: f"AKIA{'0123456789ABCDEF'}")


def test_secrets_in_a_declaration_get_no_further(declared: Stack, tmp_path: Path) -> None:
    """Every command refuses each of them with its line, and neither the ledger nor a log nor a message has one."""
    source = declared.zone_folder / "tenant-tenant-a.yaml"
    run = Transcript(declared)
    planted: dict[str, str] = {}
    together: dict[str, Any] = {}
    for number, (name, plant) in enumerate(WAYS.items()):
        clusters, planted[name] = plant()
        together |= {f"{key}-{number}" if key == "web" else key: value for key, value in clusters.items()}
        declared.declare(clusters=clusters)
        assert leaks([source], {name: planted[name]}) != [] or name == "base64 in a title"
        for told in (
            run.zonewright("change", "plan", "--stack", "tenant-a", expect=1),
            run.zonewright("check", str(declared.zone_folder), expect=1),
            run.zonewright("render", "--stack", "tenant-a", expect=1),
        ):
            assert "tenant-tenant-a.yaml:" in told
            assert "a value that looks like a secret" in " ".join(told.split())
    declared.declare(clusters=together)  # the engine is asked about all at once
    lines = source.read_text(encoding="utf-8").splitlines()
    begins = [number for number, line in enumerate(lines, 1) if re.fullmatch(r"  \S.*:", line)]  # of each cluster
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        told = " ".join(run.pulumi(*command, *VERBOSE, expect=1).split())
        named = re.findall(r"tenant-tenant-a\.yaml:(\d+): a value that looks like a secret", told)
        assert len({bisect(begins, int(line)) for line in named}) == len(WAYS), told
    assert declared.holdings() == []
    assert leaks(files_below(tmp_path, but=[source]), planted) == []


def test_a_secret_in_python_settings_reasons_and_templates_gets_no_further(declared: Stack, tmp_path: Path) -> None:
    """Built in Python, in the ledger's URL, a secret setting, a reason or a template: one sentence each."""
    run, secret = Transcript(declared), a_word()
    own = [declared.root / "program", declared.zone_folder / "templates"]
    declared.run("config", "set", "--secret", "zone:fleet", secret)
    assert "zone:fleet as a secret" in " ".join(run.pulumi("preview", expect=1).split())
    declared.run("config", "rm", "zone:fleet")
    declared.run("config", "set", "zone:ledger", f"https://me:{secret}@ledger.example")
    assert "must not hold a user or password" in " ".join(run.pulumi("preview", *VERBOSE, expect=1).split())
    assert "must not hold a user or password" in run.zonewright("diff", "--stack", "tenant-a", expect=2)
    declared.run("config", "set", "zone:ledger", declared.ledger_url)
    told = run.zonewright("change", "plan", "--stack", "tenant-a", "--reason", f"password={secret}", expect=1)
    assert "this looks like a secret" in told
    template = declared.zone_folder / "templates" / "chrony" / "chrony.conf.j2"
    template.parent.mkdir(parents=True)
    template.write_text(f"# token={secret}\n", encoding="utf-8")
    assert "a value that looks like a secret" in " ".join(run.pulumi("up", "--yes", "--skip-preview", expect=1).split())
    template.unlink()
    source = json.dumps(yaml.safe_load((declared.zone_folder / "zone.yaml").read_text(encoding="utf-8")))
    head = (
        "from zonewright.model import Cluster, Declaration, NodeType, OwnerFile, Zone\n"
        "from zonewright.program import deploy\n"
        f"zone = Zone.model_validate_json({source!r})\n"
        f"title = 'password={secret}'\n"  # on a line of its own: Python shows the line that an error stands in
    )
    declared.program(f"{head}Cluster(site='dc1', node_type='one-u', count=1, title=title)\n")
    assert "title" in run.pulumi("up", "--yes", "--skip-preview", *VERBOSE, expect=1)
    declared.program(
        f"{head}kind = zone.node_types['one-u'].model_copy(update={{'model': title}})\n"
        "zone = zone.model_copy(update={'node_types': {'one-u': kind}})\n"
        "web = Cluster(site='dc1', node_type='one-u', count=1)\n"
        "deploy(Declaration(zone=zone, owners={'tenant-a': OwnerFile(owner='tenant-a', clusters={'web': web})}))\n"
    )
    assert "holds a value that looks like a secret" in " ".join(
        run.pulumi("up", "--yes", "--skip-preview", *VERBOSE, expect=1).split()
    )
    assert declared.holdings() == []
    assert leaks(files_below(tmp_path, but=own), {"secret": secret}) == []


def test_the_hunt_finds_what_is_there(tmp_path: Path) -> None:
    """Each form of a value is found in the midst of others, so that finding nothing means something."""
    secret = a_password()
    for number, (form, data) in enumerate(forms_of(secret)):
        path = tmp_path / str(number)
        path.write_bytes(b"before " + data + b" after")
        assert leaks([path], {"it": secret}), form
    key = a_private_key()
    (tmp_path / "indented").write_text("  " + key.replace("\n", "\n  "), encoding="utf-8")
    (tmp_path / "within").write_bytes(base64.b64encode(b"x" + secret.encode() + b"yz"))
    assert len(leaks([tmp_path / "indented", tmp_path / "within"], {"key": key, "it": secret})) >= 2
