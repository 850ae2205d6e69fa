"""The service against its own interface: Schemathesis asks each route what its schema allows, and what it does not."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.types import ASGIApp

from support.served_ledger import open_settings
from support.soak import fix_seed, is_full, seeded
from support.zone_project import ZONE
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.access_messages import GrantRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone
from zonewright.server.agents import issue_token
from zonewright.server.assembly import Assembly
from zonewright.server.openapi import document, paths

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OF_AGENTS = ("/v1/metrics", "/v1/agent-health", "/v1/witness")
ROUTES = 12
"""How many are asked outside a soak, others in each run: a run prints its seed."""
EVERYTHING = GrantRequest(
    principal="all", party="operator", kind="person", roles=["facility-operator", "approver", "authority"], days=1
)


@pytest.fixture(name="app", scope="module")
def _app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ASGIApp, dict[str, str]]]:
    """A whole service, and the token of each kind of caller by the path that it is for."""
    folder = tmp_path_factory.mktemp("service")
    with LedgerClient("sqlite:///l.db", root=folder, create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=Zone.model_validate(ZONE)))
        token = client.call(verbs.GRANT, EVERYTHING).token
    agent = issue_token(folder / "agents.yaml", "host-1", "core-001")
    with Assembly(open_settings(folder), say=print) as assembly:
        yield assembly.app, {"": token} | dict.fromkeys(OF_AGENTS, agent)


def test_routes_keep_to_the_interface(app: tuple[ASGIApp, dict[str, str]]) -> None:
    """No answer is a fault of the service, and each has a status, a type and a form that the interface names."""
    service, tokens = app
    interface = schemathesis.openapi.from_dict(document())
    found = (one.ok() for one in interface.get_all_operations() if isinstance(one, Ok))
    operations = {(one.path, one.method): one for one in found}
    assert {path for path, _ in operations} == document()["paths"].keys()
    asked = sorted(operations) if is_full() else seeded("interface").sample(sorted(operations), ROUTES)
    for path, method in asked:
        asking(operations[path, method], service, tokens.get(path, tokens[""]))()


def asking(operation: APIOperation[Any, Any, Any, Any], service: ASGIApp, bearer: str) -> Callable[[], None]:
    """What asks one route, both what its schema allows and what it does not."""

    @seed(fix_seed())
    @settings(
        max_examples=300 if is_full() else 4,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of([operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode]))
    def ask(case: "schemathesis.Case[Any]") -> None:
        response = case.call(app=service, headers={"authorization": f"Bearer {bearer}"})
        case.validate_response(response, checks=CHECKS)

    return ask


def test_each_route_is_in_the_interface() -> None:
    """What is counted by name is in the interface."""
    assert paths() == document()["paths"].keys()
