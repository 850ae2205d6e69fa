"""`kill -9` in the middle of a change: afterwards `recover` leaves state and ledger in agreement."""

import sys
import time
from collections.abc import Iterator

import pytest

from support.ledger_party import bring_up_racks
from support.ledger_proxy import LedgerService, ledger_service
from support.ledger_sums import require_sums
from support.soak import rounds, seeded
from support.zone_project import LIMIT_S, SmallZone, Stack, cluster
from zonewright.ledger.transport.client import LedgerClient

pytestmark = [pytest.mark.engine, pytest.mark.soak]
# A killed engine leaves processes as users have them; otherwise they are forks of a warm Python.
REAL_PYTHON = {"ZONEWRIGHT_PYTHON": sys.executable, "PULUMI_PYTHON_CMD": sys.executable}
WITHOUT_CHECKPOINTS = {"PULUMI_SKIP_CHECKPOINTS": "true", "PULUMI_EXPERIMENTAL": "true"}
COUNT = 8
KINDS = ("admit", "answer", "confirm", "release", "group")
BEGINNING: dict[tuple[str, str], tuple[str, ...]] = {
    ("engine", "checkpoints"): ("confirm", "release"),
    ("provider", "checkpoints"): ("group",),
    ("engine", "no-checkpoints"): ("admit",),
    ("provider", "no-checkpoints"): ("answer",),
}
AT_ONCE = "4"
"""Of the nodes, so that not all are confirmed in one group: the second call of confirms has others of them."""


@pytest.fixture(name="service")
def _service(zone: SmallZone) -> Iterator[LedgerService]:
    with LedgerClient(zone.ledger_url) as client:
        bring_up_racks(client)
    with ledger_service(zone.folder / "ledger.db") as service:
        yield service


def _kill(zone: SmallZone, stack: Stack, victim: str, engine_pid: int) -> None:
    for process in zone.processes():
        if (victim == "engine" and process.pid == engine_pid) or (
            victim == "provider" and "zonewright/provider" in " ".join(process.cmdline())
        ):
            process.kill()
            return
    raise AssertionError(f"no {victim} runs: {(stack.root / 'output.txt').read_text(encoding='utf-8')}")


def _states(stack: Stack) -> list[str]:
    return [item.state for item in stack.holdings() if item.kind == "node"]


@pytest.mark.timeout(36_000)
@pytest.mark.parametrize("checkpoints", ["checkpoints", "no-checkpoints"])
@pytest.mark.parametrize("victim", ["engine", "provider"])
def test_a_kill_in_the_middle_is_recovered(
    zone: SmallZone, service: LedgerService, victim: str, checkpoints: str
) -> None:
    """Killed while a change is admitted, or while some of its claims are confirmed or released: `recover` mends it.

    An admission is held before its transaction, and after it before the answer; a group of confirms too.
    """
    chance = seeded(f"kill {victim} {checkpoints}")
    has_checkpoints = checkpoints == "checkpoints"
    variables = (REAL_PYTHON if victim == "engine" else {}) if has_checkpoints else WITHOUT_CHECKPOINTS
    stack = zone.stack("tenant-a", ledger_url=service.url)
    # What a test begins with is always done, so that in each run there is one kill of each kind at least.
    kinds = BEGINNING[victim, checkpoints] + KINDS
    for number in rounds("engine kills", 75, least=len(BEGINNING[victim, checkpoints])):
        kind = kinds[number % len(kinds)]
        stack.declare(clusters={"keep": cluster(1)} if kind == "release" else {f"c{number}": cluster(COUNT)})
        verb = {"answer": "admit", "group": "confirm"}.get(kind, kind)
        call = {"admit": 1, "confirm": 2}.get(verb, chance.randint(2, COUNT - 1))
        service.door.drop = chance.random() < 0.5
        service.door.hold(verb, call=call, answers=kind in ("answer", "group"))
        running = stack.start("up", "--yes", "--skip-preview", "--parallel", AT_ONCE, variables=variables)
        assert service.door.holding.wait(LIMIT_S), (stack.root / "output.txt").read_text(encoding="utf-8")
        _require_held(service, stack, kind, f"round {number}, {kind}, call {call}")
        _kill(zone, stack, victim, running.pid)
        service.door.clear()
        running.wait(LIMIT_S)
        assert zone.no_process_left() == []
        # Without checkpoints nothing may have been saved; with them recover must manage whatever the kill left.
        lost = checkpoints == "no-checkpoints" and not stack.resources("Enrolment")
        options = ("--take-over",) if lost else ()
        recovered = stack.process("recover", "--stack", stack.name, *options)
        assert recovered.returncode == 0, f"round {number}, call {call}: {recovered.stdout}{recovered.stderr}"
        stack.settled()
        require_sums([zone.folder / "ledger.db"])
        assert zone.no_process_left() == []


def _require_held(service: LedgerService, stack: Stack, kind: str, where: str) -> None:
    """The run is in the middle of what it is to be killed in."""
    if kind in ("admit", "answer"):
        assert _states(stack).count("admitted") == (COUNT if kind == "answer" else 0), f"{where}: {_states(stack)}"
        return
    if kind == "group":  # active, and those of the second call were not answered
        assert _states(stack).count("active") > 1, f"{where}: {_states(stack)}"
        return
    left = "admitted" if kind == "confirm" else "releasing"
    _wait_for_calls(service, stack, left)
    states = _states(stack)
    is_so = {"active", left} <= set(states) if kind == "confirm" else 0 < states.count(left) < COUNT
    assert is_so, f"{where}: {states}"


def _wait_for_calls(service: LedgerService, stack: Stack, left: str) -> None:
    """Wait until all calls before the held one have been answered."""
    until = time.monotonic() + 10
    while time.monotonic() < until and _states(stack).count(left) > COUNT - service.door.hold_from + 1:
        time.sleep(0.05)
