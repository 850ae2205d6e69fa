"""Whatever somebody gives to a command: it ends with a sentence and its exit code, and never with a fault of ours."""

import argparse
import shutil
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.soak import is_full
from support.wrong_inputs import SMALL, UNUSABLE, Leaf, leaves, make_project, run, with_value, wrong_values
from zonewright import cli

pytestmark = pytest.mark.slow

TABLE = Path(__file__).resolve().parents[1] / "fixtures" / "estate" / "table.csv"
GOLDEN_SWITCHES = Path(__file__).resolve().parents[1] / "golden" / "switches"
YEAR = ("--from", "2025-01-01T00:00:00+00:00", "--to", "2026-01-01T00:00:00+00:00")
GOOD: dict[str, tuple[str, ...]] = {
    "init": ("new",),
    "check": (str(SMALL),),
    "fit": ("--kw", "1", "--u", "1"),
    "explain": ("web-001", "--stack", "good"),
    "outage": ("dc1/a/01/01", "--zone", str(SMALL)),
    "drain": ("dc1/a/01/01", "--zone", str(SMALL)),
    "zone show": (str(SMALL),),
    "zone types": (str(SMALL),),
    "rules list": (str(SMALL),),
    "rules show": ("reuse-first", str(SMALL)),
    "rules lint": (str(SMALL),),
    "rules test": (str(SMALL),),
    "rules impact": ("none", "--zone", str(SMALL)),
    "adopt": ("adopted", "--csv", str(TABLE)),
    "export": (str(SMALL), "--netbox", "http://127.0.0.1:9"),
    "pue evaluate": ("readings.csv", "--meters", "meters.yaml", *YEAR),
    "pue forecast": ("--site", "dc1", "--add", "1kW"),
    "pue import": ("readings.csv", "--site", "dc1", "--zone", str(SMALL)),
    "pue correct": ("readings.csv", "--site", "dc1", "--zone", str(SMALL), "--by", "anna", "--reason", "misread"),
    "pue corrections": ("--site", "dc1"),
    "pue status": (),
    "pue lost": (
        *("--site", "dc1", "--from", "2026-01-01T00:00Z", "--to", "2026-01-02T00:00Z"),
        *("--zone", str(SMALL), "--by", "anna", "--reason", "disk"),
    ),
    "pue prune": (),
    "render": ("--stack", "good"),
    "diff": ("--stack", "good"),
    "remediate": (
        str(GOLDEN_SWITCHES / "sites" / "dc1" / "switches" / "leaf-a1.cfg"),
        "--intended",
        str(GOLDEN_SWITCHES),
    ),
    "change plan": ("--stack", "good"),
    "change show": ("PLAN",),
    "change export": ("PLAN", "--output", "out"),
    "change approve": ("PLAN", "--key", "ben.pem"),
    "change reject": ("PLAN", "--key", "ben.pem", "--comment", "no"),
    "change report": ("bundle", "--output", "report.md"),
    "change list": (),
    "audit verify": ("bundle",),
    "audit telemetry": ("bundle",),
    "pue signed": (),
    "watch": ("--once",),
    "audit complete": (),
    "audit period": ("--from", "2026-01-01", "--to", "2026-12-31"),
    "stack new": ("other", "--party", "tenant-a", "--declaration", str(SMALL / "tenant-a.yaml")),
    "ledger init": (str(SMALL),),
    "ledger load": (str(SMALL), "--only", "tenant-b"),
    "ledger unload": (str(SMALL), "--only", "tenant-b"),
    "ledger status": (),
    "ledger who": ("dc1",),
    "pue report": ("dc1",),
    "ledger forecast": ("north",),
    "ledger offers": ("dc1",),
    "ledger find": ("web-001",),
    "ledger found": ("--list",),
    "ledger reconcile": ("--state", "state.json"),
    "ledger history": (),
    "ledger checkpoint": (),
    "ledger verify": (),
    "ledger backup": ("kept.db",),
    "ledger copy": ("postgresql:///nowhere",),
    "ledger restore": ("kept.db",),
    "ledger prune": ("--dry-run",),
    "ledger upgrade": (),
    "access grant": ("runner", "--party", "tenant-a", "--role", "tenant"),
    "access list": (),
    "access rotate": ("runner",),
    "access revoke": ("runner", "--why", "lost"),
    "reserve list": (),
    "reserve renew": ("--stack", "good", "--for", "30d", "--why", "late"),
    "reserve free": ("--stack", "good", "--why", "over"),
    "recover": ("--stack", "good"),
    "serve": ("--port", "PORT"),
    "fleet plan": (),
    "fleet deploy": (),
    "fleet status": (),
    "fleet verify": (),
    "fleet rollback": (),
    "fleet uninstall": (),
    "fleet trust": (),
    "fleet run": ("--command", "true"),
    "fleet inventory": (),
    "secret key": (),
    "secret list": ("rendered",),
    "secret fill": ("rendered", "filled"),
    "policy": (),
    "engine ensure": (),
    "engine status": (),
    "engine env": (),
    "schema": ("zone",),
    "completion": ("bash",),
}
"""Arguments of each command that are as they should be; PLAN, PORT and PAGE are those of the run."""
INSTEAD = {("check", "stack"): ("zone",), ("check", "ledger"): ("zone",), ("explain", "zone"): ("stack",)}
"""What of those is left out where another argument takes its place."""
MORE = {
    ("check", "ledger"): ("--stack", "good"),
    ("pue forecast", "zone"): (),
    ("render", "verdicts"): ("--validate",),
    ("render", "sign_verdicts"): ("--validate", "--key", "ben.pem"),
    ("render", "key"): ("--validate", "--sign-verdicts", "signed"),
    ("change export", "show"): ("--for-party",),
    ("change export", "key"): ("--for-party",),
    ("fleet inventory", "ledger"): ("--stack", "good"),
    ("serve", "node"): ("--issue", "agent"),
    ("fleet rollback", "configuration"): ("--configs",),
    ("secret list", "record"): ("--changed",),
    ("watch", "key"): ("--webhook", "https://127.0.0.1:9/hook"),
    ("watch", "webhook"): ("--key", "ben.pem"),
    ("watch", "token_file"): ("--key", "ben.pem", "--webhook", "https://127.0.0.1:9/hook"),
}
"""What an argument needs beside it to be looked at."""
FAULTY = ("Traceback", "has a fault", "validation error for", "For further information", "Errno")


class _Page(BaseHTTPRequestHandler):
    """A web page that answers everything."""

    def do_POST(self) -> None:
        """Take the body, answer with a page."""
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(name="page", scope="module")
def _page() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    root = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        return root, make_project(root)


@cache
def _whole_parser() -> argparse.ArgumentParser:
    """The whole command line, made once: 30 ms of CPU for each of a hundred tests."""
    return cli.parser()


@pytest.fixture(name="project")
def _project(
    made: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, str, int]]:
    """A copy of the project as the working directory, the digest of its plan, and a port that is taken."""
    root = tmp_path / "project"
    shutil.copytree(made[0], root, symlinks=True)
    monkeypatch.chdir(root)
    monkeypatch.setenv("ZONEWRIGHT_PULUMI", "/none/pulumi")
    monkeypatch.setenv("ZONEWRIGHT_LEDGER_WAIT_S", "1")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    parser = _whole_parser()
    monkeypatch.setattr(cli, "parser", lambda _words: parser)
    with socket.socket() as taken, Path("/dev/null").open(encoding="utf-8") as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield root, made[1], taken.getsockname()[1]


MANY, TURNS = 8, 3
"""An argument that so many commands have is read by one function for all: its inputs take so many turns among them."""


@cache
def _commands() -> tuple[list[str], Counter[str]]:
    """The commands by name, and how many have each argument."""
    every = list(leaves())
    return [leaf.name for leaf in every], Counter(action.dest for leaf in every for action in leaf.actions())


def _takes(leaf: Leaf, action: argparse.Action, number: int) -> bool:
    """Whether a command takes an input in this run; a soak takes all."""
    names, commands_with = _commands()
    return is_full() or commands_with[action.dest] < MANY or (names.index(leaf.name) + number) % TURNS == 0


def test_inputs_that_take_turns_are_taken_by_some_command() -> None:
    """An argument that many commands have gets each of its inputs at two commands and more."""
    taken: Counter[tuple[str, int]] = Counter()
    for leaf in leaves():
        for action in leaf.actions():
            taken.update((action.dest, n) for n in range(len(wrong_values(action, ""))) if _takes(leaf, action, n))
    many = [dest for dest, count in _commands()[1].items() if count >= MANY]
    assert {"ledger", "stack"} <= {*many}
    assert min(count for (dest, _), count in taken.items() if dest in many) >= MANY // TURNS


def _cases(leaf: Leaf, base: tuple[str, ...], page: str) -> Iterator[tuple[argparse.Action, str, list[str]]]:
    for action in leaf.actions():
        own = base
        for dest in INSTEAD.get((leaf.name, action.dest), ()):
            own = () if dest == "zone" else tuple(word for word in own if word not in (f"--{dest}", "good"))
        own = (*own, *MORE.get((leaf.name, action.dest), ()))
        for number, value in enumerate(wrong_values(action, page)):
            if not _takes(leaf, action, number):
                continue
            fresh = tuple(f"other-{action.dest}-{number}" if word == "other" else word for word in own)
            yield action, value, with_value(leaf, fresh, action, value)


def test_every_command_has_its_good_arguments() -> None:
    """A new command is walked too: the table of arguments has every command of the command line, and no other."""
    assert set(GOOD) == {leaf.name for leaf in leaves()}


@pytest.mark.parametrize("leaf", list(leaves()), ids=lambda leaf: leaf.name)
def test_a_command_ends_with_a_sentence(leaf: Leaf, project: tuple[Path, str, int], page: str) -> None:
    """Each argument of each command with each input of its kind: an exit code, a sentence, and no fault of ours."""
    words = {"PLAN": project[1], "PORT": str(project[2])}
    base = tuple(words.get(word, word) for word in GOOD[leaf.name])
    wrong = []
    for action, value, arguments in _cases(leaf, base, page):
        code, out, err = run(*leaf.path, *arguments)
        told = err.strip() or (out.strip() if code != 2 else "")
        if code not in {0, 1, 2, 3} or (code and not told) or any(word in out + err for word in FAULTY):
            wrong.append(f"{action.dest}={value[:40]!r}: {code}: {err.strip()[:300] or out[:100]}")
        if code == 0 and value in UNUSABLE and (action.dest == "stack" or action.metavar == "URL"):
            wrong.append(f"{action.dest}={value!r} was taken")
    assert not wrong, "\n".join(wrong)
