"""Each command with each install: what lacks a module names the extra that brings it, and that extra is enough."""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from support.declared import top_modules
from support.zone_project import REPOSITORY
from zonewright.cli import main, parser

pytestmark = pytest.mark.slow

ZONE = "made/zone"

STATE = json.dumps(
    {
        "deployment": {
            "resources": [
                {
                    "type": "zonewright:index:Enrolment",
                    "urn": "urn:pulumi:a::x::zonewright:index:Enrolment::enrolment",
                    "inputs": {"stackId": "a-0123456789ab", "party": "operator-b"},
                    "outputs": {"stackId": "a-0123456789ab", "party": "operator-b", "lineage": "0" * 32},
                }
            ]
        }
    }
)
FLEET = """\
party: operator-b
login: {user: deploy}
agent: {url: "http://127.0.0.1:9/v1/metrics"}
hosts: {web-001: {address: 127.0.0.1, port: 9, site: dc1}}
"""
# Each command with words that lead it to what it imports, and the install that it needs; the base has no name.
COMMANDS = {
    "init new": "",
    f"check {ZONE}": "",
    "check reference": "",
    "fit --kw 1 --u 1": "stack",
    "explain core-001 --stack a": "stack",
    f"outage dc1/a/01/01 --zone {ZONE}": "",
    f"drain dc1/a/01/01 --zone {ZONE}": "",
    f"zone show {ZONE}": "",
    f"zone types {ZONE}": "",
    f"rules list {ZONE}": "",
    f"rules show reuse-first {ZONE}": "",
    f"rules lint {ZONE}": "",
    f"rules test {ZONE}": "",
    f"rules impact none --zone {ZONE}": "",
    "adopt adopted --csv table.csv": "",
    f"export {ZONE} --netbox http://127.0.0.1:9": "netbox",
    "pue evaluate readings.csv --meters meters.yaml --from 2026-01-01 --to 2026-02-01": "",
    f"pue forecast --site dc1 --add 1kW --zone {ZONE}": "ledger",
    f"pue import readings.csv --site dc1 --zone {ZONE}": "ledger",
    f"pue correct readings.csv --site dc1 --zone {ZONE} --by anna --reason misread": "ledger",
    "pue corrections --site dc1": "ledger",
    f"pue status --zone {ZONE}": "ledger",
    f"pue lost --site dc1 --from 2026-01-01T00Z --to 2026-01-02T00Z --zone {ZONE} --by anna --reason disk": "ledger",
    "pue prune": "ledger",
    "render --stack a": "stack",
    "diff --stack a": "stack",
    "remediate leaf-a1.cfg --intended intended": "network",
    "change plan --stack a": "stack",
    "change show a-plan": "stack",
    "change export a-plan --output out": "stack",
    "change approve a-plan --key key": "stack",
    "change reject a-plan --key key --comment no": "stack",
    "change report bundle --output report.html": "audit",
    "change list": "stack",
    "audit verify bundle": "audit",
    "audit telemetry gw-1.xz": "audit",
    "pue signed": "ledger",
    "watch --once": "ledger",
    "audit complete": "stack",
    "audit period --from 2026-01-01 --to 2026-02-01": "stack",
    "stack new b --party operator-b --declaration tenant.yaml": "",
    f"ledger init {ZONE}": "ledger",
    f"ledger load {ZONE}": "ledger",
    f"ledger unload {ZONE}": "ledger",
    "ledger status": "ledger",
    "ledger who dc1": "ledger",
    "ledger find web-001": "ledger",
    "pue report": "ledger",
    "ledger forecast": "ledger",
    "ledger offers": "ledger",
    "ledger found --list": "ledger",
    "ledger reconcile --state state.json": "ledger",
    "ledger history": "ledger",
    "ledger checkpoint": "ledger",
    "ledger verify": "ledger",
    "ledger backup kept.db": "ledger",
    "ledger restore kept.db": "ledger",
    "ledger copy postgresql:///zone": "ledger",
    "ledger prune --dry-run": "ledger",
    "ledger upgrade": "ledger",
    "access grant runner --party tenant-a --role tenant": "ledger",
    "access list": "ledger",
    "access rotate runner": "ledger",
    "access revoke runner --why lost": "ledger",
    "reserve --stack a --for 30d --why later": "stack",
    "reserve list": "stack",
    "reserve renew --stack a --for 30d --why later": "stack",
    "reserve free --stack a --why over": "stack",
    "recover --stack a": "stack",
    "serve --ledger ledger.db": "ledger",
    "fleet plan": "fleet",
    "fleet deploy": "fleet",
    "fleet status": "fleet",
    "fleet verify": "fleet",
    "fleet rollback": "fleet",
    "fleet uninstall": "fleet",
    "fleet trust": "fleet",
    "fleet run --command true": "fleet",
    "fleet inventory": "fleet",
    "secret key": "",
    "secret list readings.csv": "",
    "secret fill readings.csv out": "stack",
    "policy": "policy",
    "engine ensure": "",
    "engine status": "",
    "engine env": "",
    "schema zone": "",
    "completion bash": "",
}
LACKS = re.compile("this command needs|zonewright has a fault")
# They start programs, serve until they are ended, or build.
NOT_RUN_WHOLE = ("recover", "serve", "engine ensure")

WALK = """
import contextlib, io, json, sys
blocked, commands = map(json.loads, sys.argv[1:])
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from zonewright.cli import main
told = {}
for command in commands:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(command.split())
        except SystemExit as left:
            code = left.code
    told[command] = [code, err.getvalue()]
print(json.dumps(told))
"""


def leaves(of: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command."""
    below = [action for action in of._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield words
    for action in below:
        for name, one in action.choices.items():
            yield from leaves(one, (*words, name))


def test_every_command_is_walked() -> None:
    """A new command says with which install it works."""
    words = [tuple(command.split()) for command in COMMANDS]
    missing = [leaf for leaf in leaves(parser()) if not any(given[: len(leaf)] == leaf for given in words)]
    assert missing == []


@cache
def installed() -> dict[str, frozenset[str]]:
    """Top modules of others by install, from the smallest on; each install has the base too."""
    base = top_modules("")
    return {
        extra: frozenset(base | top_modules(extra))
        for extra in ("", "audit", "ledger", "stack", "netbox", "network", "fleet", "policy")
    }


def walk(folder: Path, install: str, commands: list[str]) -> dict[str, tuple[int, str]]:
    """Exit code and standard error of each command, where only an install's modules can be imported."""
    (folder / "Pulumi.yaml").write_text("name: x\nruntime: python\n", encoding="utf-8")
    config = 'config: {"zone:declaration": z/t.yaml, "zone:ledger": "sqlite:///l.db", "zone:stackId": a-0123456789ab}\n'
    (folder / "Pulumi.a.yaml").write_text(config, encoding="utf-8")
    assert main(["init", str(folder / "made")]) == 0
    facility = folder / ZONE / "facility-operator.yaml"
    meters = "    meters: {utility: {point: utility, rating_w: 90000}, ups: {point: ups-output, rating_w: 90000}}\n"
    meters += "    boundary: {category: PUE1, facility: [utility], it: [ups]}\n"
    facility.write_text(
        facility.read_text(encoding="utf-8").replace("    rooms:\n", f"{meters}    rooms:\n", 1), "utf-8"
    )
    reading = "utility,,2026-01-01T01:00:00Z,1"
    (folder / "readings.csv").write_text(f"meter,start,time,value\n{reading}\n", encoding="utf-8")
    (folder / "table.csv").write_text("site,rack\ndc,r1\n", encoding="utf-8")
    (folder / "meters.yaml").write_text("{}", encoding="utf-8")
    (folder / "tenant.yaml").write_text("owner: operator-b\n", encoding="utf-8")
    (folder / "l.db").write_bytes(b"")
    (folder / "reference").symlink_to(REPOSITORY / "stacks" / "zones" / "reference")
    (folder / "intended" / "switches").mkdir(parents=True)
    for one in (folder, folder / "intended" / "switches"):
        (one / "leaf-a1.cfg").write_text("hostname leaf-a1\n", encoding="utf-8")
    (folder / "fleet.yaml").write_text(FLEET, encoding="utf-8")
    (folder / "state.json").write_text(STATE, encoding="utf-8")
    for name in ("bundle", "a-plan"):
        (folder / name).mkdir()
    blocked = sorted(frozenset().union(*installed().values()) - installed()[install])
    arguments = [sys.executable, "-c", WALK, json.dumps(blocked), json.dumps(commands)]
    # Nothing of the machine's own: a key is made here, and no engine is looked for, fetched or built.
    environment = {**os.environ, "ZONEWRIGHT_FINGERPRINT_KEY": str(folder / "key"), "PATH": str(folder)}
    done = subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )
    return {command: (code, said) for command, (code, said) in json.loads(done.stdout).items()}


def test_what_lacks_a_module_names_its_extra(tmp_path: Path) -> None:
    """With the base alone a command that needs more ends with 2 and says what to install; the others do not."""
    commands = [command for command, extra in COMMANDS.items() if extra or not command.startswith(NOT_RUN_WHOLE)]
    wrong = []
    for command, (code, said) in walk(tmp_path, "", commands).items():
        extra = COMMANDS[command]
        names_it = code == 2 and said.count("\n") == 1 and f"; pip install 'zonewright[{extra}]' brings it" in said
        if not names_it if extra else LACKS.search(said):
            wrong.append(f"{command} -> {code}: {said}")
    assert wrong == []


@pytest.mark.parametrize("install", ["audit", "fleet", "ledger", "network", "stack"])
def test_an_extra_is_enough_for_its_commands(tmp_path: Path, install: str) -> None:
    """Each command finds all that it imports where the extra that it names is installed, and no other."""
    commands = [
        command
        for command, extra in COMMANDS.items()
        if extra == install and not command.startswith(NOT_RUN_WHOLE)  # they would do their work
    ]
    assert [
        f"{command} -> {code}: {said}"
        for command, (code, said) in walk(tmp_path, install, commands).items()
        if LACKS.search(said)
    ] == []


def test_an_operator_is_told_what_a_ledger_in_a_file_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The extra of operators has no SQL: with a ledger that is no service they are told the install for both."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "zonewright.ledger.transport.in_process", None)
    for name, text in (("Pulumi.yaml", "name: x\nruntime: python\n"), ("fleet.yaml", FLEET)):
        Path(name).write_text(text, encoding="utf-8")
    for url, extra in (("sqlite:///l.db", "ledger"), ("postgresql://localhost/x", "postgresql")):
        assert main(["fleet", "deploy", "--ledger", url]) == 2
        said = capsys.readouterr().err
        assert (
            f"pip install 'zonewright[fleet,{extra}]' brings it, or name a service: --ledger https://HOST:PORT" in said
        )
        assert said.count("\n") == 1
