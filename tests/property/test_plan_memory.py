"""What a process remembers of earlier decisions makes the next one faster, and never another one."""

import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import _lru_cache_wrapper
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from support.ledger_party import Party
from support.planner import Planner, one_salt
from support.signing import zone_with
from support.soak import examples
from support.zone_project import cluster, facility
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Zone

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
RACKS = 3


def memories() -> Iterator[Any]:
    """Everything of zonewright that remembers answers."""
    for name, module in list(sys.modules.items()):
        if name.startswith("zonewright."):
            yield from (one for one in vars(module).values() if isinstance(one, _lru_cache_wrapper))


def forget() -> None:
    """Make the process as a fresh one."""
    for one in memories():
        one.cache_clear()


@st.composite
def clusters(draw: st.DrawFn) -> dict[str, Any]:
    """Clusters of the same names in every example, so that what is remembered of one could be taken for another's."""
    places = st.fixed_dictionaries({"rack": st.sampled_from([f"dc1/a/01/{n:02}" for n in range(1, RACKS + 1)])})
    one: dict[str, st.SearchStrategy[Any]] = {
        "node_type": st.sampled_from(["one-u", "two-u"]),
        "feed": st.sampled_from(["A", "B"]),
        "places": st.dictionaries(st.sampled_from(["001", "002"]), places, max_size=1),
        "without": st.lists(st.just("003"), max_size=1),
    }
    names = draw(st.lists(st.sampled_from(["web", "db"]), min_size=1, max_size=2, unique=True))
    return {name: cluster(draw(st.integers(3, 5)), **draw(st.fixed_dictionaries(one))) for name in names}


@settings(max_examples=examples(15), deadline=None)
@given(st.lists(clusters(), min_size=2, max_size=3))
def test_a_plan_has_the_same_bytes_in_a_fresh_process_and_in_one_that_remembers(steps: list[dict[str, Any]]) -> None:
    """Over changes that follow each other, plan and bundle made with all that was remembered are those made without."""
    zone = Zone.model_validate(zone_with())
    with (
        one_salt(),
        tempfile.TemporaryDirectory() as folder,
        LedgerClient(f"sqlite:///{folder}/l.db", create=True, clock=lambda: AT) as client,
    ):
        client.call(verbs.INIT, InitRequest(zone=zone))
        Party(client, "stack-of-operator", "operator", zone=zone).bring_up(sites=facility(RACKS)["sites"])
        tenant = Planner(Party(client, "stack-of-tenant-a", "tenant-a", zone=zone))
        tenant.party.enrol()
        for wanted in steps:
            warm, _ = tenant.plan(at=AT, clusters=wanted)
            bundle = tenant.bundle()
            assert any(one.cache_info().hits for one in memories())
            forget()
            cold, _ = tenant.plan(at=AT, clusters=wanted)
            assert cold.text() == warm.text()
            assert tenant.bundle() == bundle
            tenant.complete(tenant.admit(clusters=wanted))
