"""Every verb on every store and road: carried out at least once, refused, and asked for something that is no request.

So a test of what is decided above the store needs one store: `tests/ledger_stores.yaml` says which ones run on more.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from support.ledger_party import Party
from support.ledger_places import on_postgresql
from support.ledger_proxy import ledger_service
from support.planner import Planner
from support.roads import HTTP, on_every_road, road_of
from support.signing import policy, zone_with
from support.verb_requests import FUNCTIONS_BY_NAME, least_request
from support.zone_project import cluster, facility
from zonewright.ledger import LedgerMisuseError, LedgerRefusedError
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import EvaluateRequest
from zonewright.ledger.protocol.found_messages import FoundRequest
from zonewright.ledger.protocol.holding_messages import Confirmation, ConfirmManyRequest
from zonewright.ledger.protocol.messages import Message
from zonewright.ledger.protocol.outage_messages import DrainRequest
from zonewright.ledger.protocol.pack_messages import PackImpactRequest
from zonewright.ledger.protocol.reservation_messages import FreeRequest, RenewRequest, ReserveRequest
from zonewright.ledger.protocol.stack_messages import InitRequest, ReconcileRequest
from zonewright.ledger.protocol.verbs import Answer, Request, Verb
from zonewright.ledger.transport.client import LedgerClient
from zonewright.ledger.verbs.table import FUNCTIONS
from zonewright.model import Zone

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
STACK = "stack-of-tenant-a"
PACK = {"title": "Another", "valid_from": "2026-01-01", "valid_until": "2035-12-31", "limits": {}}
CONTENT = {**zone_with(one=policy({"operators": 1}, parties=["tenant-a"])), "rule_packs": {"another": PACK}}
ZONE_FILE = Zone.model_validate(CONTENT)
WEB: dict[str, Any] = {"clusters": {"web": cluster(2)}}
REFUSED = {
    "enrol", "reconcile", "evaluate", "admit", "renew", "free", "confirm", "confirm-many", "complete", "drain",
    "pack-impact", "snapshot", "plan", "verdict",
}  # fmt: skip
"""What decides something refuses the least request; the others have an answer to it, or call it misuse."""


class NoRequest(Message):
    """What no verb asks for."""

    nonsense: int = 1


@pytest.fixture(name="client")
def _client(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[LedgerClient]:
    path = tmp_path / "ledger.db"
    with ExitStack() as ends:
        made = ends.enter_context(LedgerClient(f"sqlite:///{path}", create=True, clock=lambda: AT))
        if road_of(request) == HTTP:
            service = ends.enter_context(ledger_service(path, clock=lambda: AT))
            made = ends.enter_context(LedgerClient(service.url))
        yield made


def story(client: LedgerClient) -> None:
    """A tenant reserves, plans, is approved, comes up, and what its operator finds and asks."""
    client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
    Party(client, "stack-of-operator", "operator", zone=ZONE_FILE).bring_up(sites=facility(2)["sites"])
    tenant = Planner(Party(client, STACK, "tenant-a", zone=ZONE_FILE))
    tenant.party.enrol()
    demand = tenant.party.demand(**WEB)
    client.call(verbs.RESERVE, ReserveRequest(stack_id=STACK, party="tenant-a", days=30, why="later", demand=demand))
    client.call(verbs.RENEW, RenewRequest(stack_id=STACK, days=40, why="later still"))
    client.call(verbs.FREE, FreeRequest(stack_id=STACK, why="now"))
    plan, _ = tenant.plan(at=AT, **WEB)
    tenant.verdict(plan, "ben", at=AT)
    admission = tenant.admit(**WEB)
    first = Confirmation(kind="node", name="web-001", generation=0)
    client.call(verbs.CONFIRM_MANY, ConfirmManyRequest(stack_id=STACK, confirms=[first]))
    tenant.complete(admission)
    tenant.roll_out(plan)
    again = tenant.party.propose(demand, reserve=False)
    assert tenant.party.propose(demand, reserve=False, remember=False) == again
    client.call(
        verbs.EVALUATE,
        EvaluateRequest(
            stack_id=STACK,
            party="tenant-a",
            lineage=tenant.party.lineage,
            demand_digest=again.demand_digest,
            seats=again.seats,
            addresses=again.addresses,
        ),
    )
    client.call(verbs.DRAIN, DrainRequest(subjects=["dc1/a/01/01"]))
    client.call(verbs.PACK_IMPACT, PackImpactRequest(pack="another"))
    found = FoundRequest(party="operator", subject="web-001", rack="dc1/a/01/02", position=30, why="seen", contact="Al")
    client.call(verbs.FOUND, found)
    client.call(verbs.RECONCILE, ReconcileRequest(stack_id=STACK, lineage=tenant.party.lineage, holders=[]))


@on_every_road("client")
def test_every_verb_is_carried_out_and_refused(client: LedgerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a story, the least request of each verb for a stack and for nobody's, and what is no request."""
    seen: dict[str, set[str]] = defaultdict(set)
    asked = LedgerClient.call

    def noted(self: LedgerClient, verb: Verb[Request, Answer], request: Request) -> Answer:
        try:
            answer = asked(self, verb, request)
        except LedgerMisuseError:
            seen["misuse"].add(verb.name)
            raise
        except LedgerRefusedError:
            seen["refused"].add(verb.name)
            raise
        seen["carried out"].add(verb.name)
        return answer

    monkeypatch.setattr(LedgerClient, "call", noted)
    story(client)
    for name, verb in FUNCTIONS_BY_NAME.items():
        for stack, party in ((STACK, "tenant-a"), ("stack-of-nobody", "tenant-b")):
            least = least_request(name, ZONE_FILE, party=party, stack_id=stack, principal="x")
            with suppress(LedgerMisuseError, LedgerRefusedError):
                client.call(verb, least)
        with pytest.raises(LedgerMisuseError):
            client.call(verb, NoRequest())
    assert seen["carried out"] == FUNCTIONS_BY_NAME.keys()
    assert seen["refused"] >= REFUSED
    assert seen["misuse"] == FUNCTIONS_BY_NAME.keys()


def test_each_verb_is_carried_out_by_a_function_of_its_messages() -> None:
    """It is named, so that a run imports only those that it calls; what it takes and gives is the verb's."""
    for verb, function in FUNCTIONS.items():
        _, request, answer = get_type_hints(function).values()
        assert (request, answer) == (verb.request, verb.answer), verb.name


def test_the_table_of_stores_names_tests_that_there_are() -> None:
    """Each test that runs on PostgreSQL too is there, under the name that the table has."""
    here = Path(__file__).parent
    there = {
        (path.stem, node.name)
        for path in here.glob("test_*.py")
        if path.stem in {module for module, _ in on_postgresql()}
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    assert on_postgresql() - there == set()
