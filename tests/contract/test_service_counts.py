"""What the service says of itself: numbers of requests, counters, a log, readiness; and no name of anybody in them."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.asgi import Answer, call
from support.ledger_copy import brought_once
from support.ledger_party import Party
from support.served_ledger import OTHER, OWN, open_settings
from support.zone_project import ZONE, facility
from zonewright.cli.output import report_error
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.access_messages import GrantRequest
from zonewright.ledger.protocol.errors import LedgerMisuseError
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.ledger.transport.paces import LARGE, PaceError, Paces
from zonewright.model import Zone
from zonewright.server.assembly import Assembly
from zonewright.server.counting import ServiceMetrics
from zonewright.server.log import JsonLines

NAMES = ("tenant-a", "tenant-b", "operator", "runner-of", OWN, OTHER, "web", "dc1", "secret-word")
"""What nobody reads in a counter or in the interface."""


@pytest.fixture(name="served")
def _served(tmp_path: Path) -> Iterator[tuple[Assembly, dict[str, str]]]:
    """A service over a ledger with two tenants, and tokens by name."""
    with LedgerClient("sqlite:///l.db", root=tmp_path, create=True) as local:
        local.call(verbs.INIT, InitRequest(zone=Zone.model_validate(ZONE)))

        def bring() -> None:
            Party(local, "stack-of-operator", "operator", zone=Zone.model_validate(ZONE)).bring_up(**facility(2))

        brought_once(local, "counts", bring)
        tokens = {
            name: local.call(
                verbs.GRANT,
                GrantRequest(principal=f"runner-of-{name}", party=party, kind="runner", roles=[role], days=1),
            ).token
            for name, party, role in (("a", "tenant-a", "tenant"), ("overseer", "operator", "authority"))
        }
    with Assembly(open_settings(tmp_path), say=print) as assembly:
        yield assembly, tokens


def ask(assembly: Assembly, token: str, path: str, content: bytes = b"{}") -> Answer:
    """One verb."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return call(assembly.app, "POST", path, content=content, headers=headers)


def page(assembly: Assembly, token: str) -> Answer:
    """The page of counters."""
    return call(assembly.app, "GET", "/metrics/service", headers={"authorization": f"Bearer {token}"})


def samples(text: str) -> dict[str, float]:
    """Value by series, as the parser of the library of Prometheus reads them."""
    return {
        "/".join([one.name, *one.labels.values()]): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_what_districts_have_left_is_for_who_oversees_them(served: tuple[Assembly, dict[str, str]]) -> None:
    """Sums over all parties have a page of their own, which a tenant may not read; that of sites has none of them."""
    assembly, tokens = served

    def read(path: str, name: str) -> Answer:
        return call(assembly.app, "GET", path, headers={"authorization": f"Bearer {tokens[name]}"})

    assert "zonewright_district_resource_used_ratio" in read("/metrics/districts", "overseer").text
    refused = read("/metrics/districts", "a")
    assert (refused.status_code, "zonewright_district" in refused.text) == (401, False)
    sites = read("/metrics", "a")
    assert (sites.status_code, "zonewright_district" in sites.text) == (200, False)


def test_counters_tell_what_was_asked_and_decided(served: tuple[Assembly, dict[str, str]]) -> None:
    """Requests by route and status, admissions by result, the journal's length; of a made-up path only that it was."""
    assembly, tokens = served
    assert ask(assembly, tokens["a"], "/v1/capacity").status_code == 200
    assert ask(assembly, tokens["a"], "/v1/secret-word").status_code == 404
    wrong = b'{"stack_id": "stack-of-tenant-a", "secret-word": 1}'
    assert ask(assembly, tokens["a"], "/v1/admit", wrong).status_code == 400
    found = samples(page(assembly, tokens["overseer"]).text)
    assert found["zonewright_requests_total//v1/capacity/200"] == 1
    assert found["zonewright_requests_total/other/404"] == 1
    assert found["zonewright_admissions_total/undecided"] == 1
    assert found["zonewright_journal_entries"] > 3
    assert [found[f"zonewright_leases_ending/{days}"] for days in (30, 7, 1)] == [0, 0, 0]
    assert found["zonewright_request_duration_seconds_count//v1/capacity"] == 1


def test_leases_that_end_soon_are_counted_within_each_time() -> None:
    """One that ends today counts within each of the times, and none where the ledger does not say."""
    found = samples(ServiceMetrics(lease_days=lambda: [0, 1, 7, 8, 30, 31]).page().decode())
    assert [found[f"zonewright_leases_ending/{days}"] for days in (30, 7, 1)] == [5, 3, 2]
    assert not [name for name in samples(ServiceMetrics().page().decode()) if "leases" in name]


def test_a_refused_admission_is_counted_by_its_rule() -> None:
    """Each rule that refuses counts once; an admission that was refused for another reason counts by its word."""
    metrics = ServiceMetrics()
    metrics.decided("admit", 409, {"unit-overlap", "feed-load"})
    metrics.decided("admit", 409, {"another-lineage"})
    metrics.decided("admit", 200, ())
    metrics.decided("admit", 503, {"locked"})
    metrics.decided("evaluate", 409, {"unit-overlap"})
    found = samples(metrics.page().decode())
    counted = {name: value for name, value in found.items() if name.startswith(("zonewright_adm", "zonewright_ref"))}
    assert {name: value for name, value in counted.items() if "_total" in name} == {
        "zonewright_admissions_total/refused": 2,
        "zonewright_admissions_total/admitted": 1,
        "zonewright_admissions_total/undecided": 1,
        "zonewright_refusals_total/unit-overlap": 1,
        "zonewright_refusals_total/feed-load": 1,
        "zonewright_refusals_total/another-lineage": 1,
    }


def test_counters_and_interface_name_nobody(served: tuple[Assembly, dict[str, str]]) -> None:
    """No party, principal, stack, site or word of a client is in them; a tenant does not read the counters at all."""
    assembly, tokens = served
    for name in ("/v1/capacity", "/v1/secret-word", "/v1/report"):
        ask(assembly, tokens["a"], name, b'{"stack_id": "stack-of-tenant-a"}')
    told = page(assembly, tokens["overseer"]).text
    interface = call(assembly.app, "GET", "/openapi.json").text
    assert "zonewright_requests_total" in told
    assert [name for name in NAMES if name in told.replace("facility-operator", "")] == []
    assert [name for name in NAMES if name not in ("operator", "web", "dc1") and name in interface] == []
    assert page(assembly, tokens["a"]).status_code == 401
    assert page(assembly, "").status_code == 401


def test_each_request_is_a_line_with_the_number_that_its_answer_tells(
    served: tuple[Assembly, dict[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    """The line has who called, status and time, and neither the token nor the query."""
    assembly, tokens = served
    with caplog.at_level(logging.INFO):
        answer = ask(assembly, tokens["a"], "/v1/capacity?secret=word")
    (record,) = [one for one in caplog.records if one.name == "zonewright.requests"]
    line = JsonLines().format(record)
    said = json.loads(line)
    assert said["request_id"] == answer.headers["x-request-id"]
    assert (said["principal"], said["status"], said["path"]) == ("runner-of-a", 200, "/v1/capacity")
    assert said["duration_ms"] >= 0
    assert tokens["a"] not in line
    assert "secret" not in line


def test_a_line_of_the_log_is_one_line() -> None:
    """Whatever a client sends cannot write a line of its own."""
    record = logging.LogRecord("n", logging.INFO, "p", 1, "%s", ('a\n{"level": "error"}',), None)
    assert "\n" not in JsonLines().format(record)


def test_the_command_line_tells_the_number(capsys: pytest.CaptureFixture[str]) -> None:
    """Who asks the operator for help can name the call."""
    error = LedgerMisuseError("request", "the request is wrong")
    error.request_id = "0123456789ab"
    report_error(error)
    assert capsys.readouterr().err == (
        "error: the request is wrong\nerror: the service's log has this call as request id 0123456789ab\n"
    )


def test_it_is_ready_while_its_database_answers(served: tuple[Assembly, dict[str, str]]) -> None:
    """A balancer learns without a token whether to send calls here; health only says that the process answers."""
    assembly, _ = served
    assert call(assembly.app, "GET", "/ready").json() == {"status": "ready"}
    assert assembly.context is not None
    assembly.context.database.close()
    for file in assembly.context.database.path.parent.glob("l.db*"):
        file.unlink()
    answer = call(assembly.app, "GET", "/ready")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "l.db" not in answer.text
    assert call(assembly.app, "GET", "/health").status_code == 200


def test_a_principal_has_its_pace() -> None:
    """It saves ten seconds of calls and no more; another principal has its own."""
    now = [0.0]
    paces = Paces(2, clock_s=lambda: now[0])
    for _ in range(20):
        paces.require_pace("a")
    with pytest.raises(PaceError, match="more than 2 calls a second; nothing was decided; send it again in 1 s"):
        paces.require_pace("a")
    paces.require_pace("b")
    now[0] = 1_000.5
    for _ in range(20):
        paces.require_pace("a")
    with pytest.raises(PaceError):
        paces.require_pace("a")


def test_a_principal_has_its_share_of_requests_at_a_time() -> None:
    """Of all, and of large ones; who goes gives its place to the next."""
    paces = Paces()
    places = [paces.one_of("a") for _ in range(64)]
    grown = [place.__enter__() for place in places]
    with pytest.raises(PaceError), paces.one_of("a"):
        pass
    with paces.one_of("b") as other:
        other(LARGE + 1)
    for tell in grown[:4]:
        tell(LARGE + 1)
        tell(LARGE + 2)
    with pytest.raises(PaceError, match="large"):
        grown[4](LARGE + 1)
    places[0].__exit__(None, None, None)
    grown[4](LARGE + 1)
    for place in places[1:]:
        place.__exit__(None, None, None)
