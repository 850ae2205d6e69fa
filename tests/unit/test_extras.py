"""Each command with each install: what lacks a module names the extra that brings it, and that extra is enough."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from support.declared import top_modules
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
# Each command with words that lead it to what it imports, and the install that it needs; the base has no name.
COMMANDS = {
    "init new": "",
    f"check {ZONE}": "",
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
    f"pue forecast --site dc1 --add 1kW --zone {ZONE}": "stack",
    f"pue import readings.csv --site dc1 --zone {ZONE}": "stack",
    f"pue correct readings.csv --site dc1 --zone {ZONE} --by anna --reason misread": "stack",
    "pue corrections --site dc1": "stack",
    f"pue status --zone {ZONE}": "stack",
    "pue prune": "stack",
    "render --stack a": "stack",
    "diff --stack a": "stack",
    "change plan --stack a": "stack",
    "change show a-plan": "stack",
    "change export a-plan --output out": "stack",
    "change approve a-plan --key key": "stack",
    "change reject a-plan --key key --comment no": "stack",
    "change report bundle --output report.html": "audit",
    "change list": "stack",
    "audit verify bundle": "audit",
    "audit complete": "stack",
    "audit period --from 2026-01-01 --to 2026-02-01": "stack",
    "stack new b --party operator-b --declaration tenant.yaml": "",
    f"ledger init {ZONE}": "stack",
    f"ledger load {ZONE}": "stack",
    f"ledger unload {ZONE}": "stack",
    "ledger status": "stack",
    "ledger who dc1": "stack",
    "ledger find web-001": "stack",
    "ledger found --list": "stack",
    "ledger reconcile --state state.json": "stack",
    "ledger history": "stack",
    "ledger checkpoint": "stack",
    "ledger verify": "stack",
    "ledger backup kept.db": "stack",
    "ledger restore kept.db": "stack",
    "ledger copy postgresql:///zone": "stack",
    "ledger prune --dry-run": "stack",
    "ledger upgrade": "stack",
    "access grant runner --party tenant-a --role tenant": "stack",
    "access list": "stack",
    "access rotate runner": "stack",
    "access revoke runner --why lost": "stack",
    "reserve --stack a --for 30d --why later": "stack",
    "reserve list": "stack",
    "reserve renew --stack a --for 30d --why later": "stack",
    "reserve free --stack a --why over": "stack",
    "recover --stack a": "stack",
    "serve --ledger ledger.db": "stack",
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
        extra: frozenset(base | top_modules(extra)) for extra in ("", "audit", "stack", "netbox", "fleet", "policy")
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


def is_enough(install: str, extra: str) -> bool:
    """Whether an install has what an extra brings."""
    return installed()[extra] <= installed()[install]


@pytest.mark.parametrize("install", ["", "audit", "stack"])
def test_what_lacks_a_module_names_its_extra(tmp_path: Path, install: str) -> None:
    """Where an install is too small a command ends with 2 and says what to install; where it is enough, none does."""
    commands = [
        command
        for command, extra in COMMANDS.items()
        if not (is_enough(install, extra) and command.startswith(NOT_RUN_WHOLE))  # they would do their work
    ]
    wrong = []
    for command, (code, said) in walk(tmp_path, install, commands).items():
        extra = COMMANDS[command]
        names_it = code == 2 and said.count("\n") == 1 and f"; pip install 'zonewright[{extra}]' brings it" in said
        lacks = "this command needs" in said or "zonewright has a fault" in said
        expected = not lacks if is_enough(install, extra) else names_it or bool(install and not lacks)
        if not expected:
            wrong.append(f"{command} -> {code}: {said}")
    assert wrong == []
