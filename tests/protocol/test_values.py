"""Values on the wire: what the SDK's own provider loses on the way in or out (unknowns, numbers, secrets)."""

import asyncio
import threading
from collections.abc import Mapping
from typing import Any, cast

import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2
from pulumi.runtime.rpc import UNKNOWN

from support.ledger_party import Party, node_inputs
from support.provider_process import ProviderProcess, urn
from zonewright.ledger.protocol.admission_messages import AdmissionStanding, HeldBy
from zonewright.ledger.transport.client import LedgerClient
from zonewright.provider import values
from zonewright.provider.answers import CallContext, shown
from zonewright.provider.resource import CheckedResource, Input, Memory, ProviderSession, Resource
from zonewright.provider.servicer import Servicer
from zonewright.provider.values import from_struct, to_struct, unknown


def test_the_sentinel_is_the_sdks() -> None:
    """Unknown is written as the string by which the SDK and the engine know it."""
    assert values.UNKNOWN == UNKNOWN
    assert to_struct({"a": unknown})["a"] == UNKNOWN


def test_values_survive_the_way_out_and_back() -> None:
    """Text, whole and broken numbers, truth, lists, mappings and unknowns come back as they went."""
    data = {"text": "x", "whole": 3, "broken": 1.5, "yes": True, "list": [1, "a", unknown], "map": {"k": unknown}}
    assert from_struct(to_struct(data)) == data


def test_a_secret_is_its_value() -> None:
    """A value that an engine wraps as secret is read as the value itself."""
    struct = Struct()
    struct.update({"ledger": {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "v"}})
    assert from_struct(struct) == {"ledger": "v"}


def _secret(value: object) -> dict[str, object]:
    return {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": value}


def test_what_was_secret_stays_secret() -> None:
    """An answer has as secrets what the request had as such, also inside of a mapping or a list, and nothing else."""
    given = {"a": _secret("x"), "b": {"c": _secret("y"), "d": "z"}, "e": ["u", _secret("v")], "gone": _secret("w")}
    made = {"a": "x", "b": {"c": "y", "d": "z"}, "e": ["u", "v"], "f": "new"}
    marked = values.mark_secrets(to_struct(made), to_struct(given))
    expected = {"a": _secret("x"), "b": {"c": _secret("y"), "d": "z"}, "e": _secret(["u", "v"]), "f": "new"}
    assert marked == to_struct(expected)
    assert values.mark_secrets(marked, to_struct(given)) == to_struct(expected), "it is marked once"


class Thing(CheckedResource):
    """A resource type whose inputs nobody is asked about."""

    inputs: Mapping[str, Input] = {"note": Input("string", "a note", required=False)}
    plain = ()


@pytest.mark.parametrize("given", [{}, {"note": "x"}, {"note": None}])
def test_checked_inputs_are_the_given_ones_without_those_that_are_none(given: dict[str, str | None]) -> None:
    """What nobody is asked about is answered as it came, but for what is there without a value."""
    servicer = Servicer("", {"zonewright:index:Thing": cast("Resource", Thing())})
    servicer._session = cast("ProviderSession", object())
    news = Struct()
    news.update(given)
    request = provider_pb2.CheckRequest(urn=urn("Thing", "one"), news=news)
    answer = asyncio.run(servicer.Check(request, cast("CallContext", None)))
    assert from_struct(answer.inputs) == {name: value for name, value in given.items() if value is not None}


def test_a_difference_that_asks_nobody_does_not_wait_for_the_engine_either() -> None:
    """What it says to the engine is said from another thread: the one that hears all calls waits for nobody."""
    held = HeldBy(holder="b" * 16, generation=3)
    memory = Memory(standing=AdmissionStanding(current=True, holders={"node": {"web-001": held}}, deployed={}, step=1))
    told: list[tuple[str, bool]] = []

    def log(_urn: str, text: str) -> None:
        told.append((text, threading.current_thread() is threading.main_thread()))

    servicer = Servicer("")
    servicer._memory = memory
    servicer._session = ProviderSession(ledger=cast("LedgerClient", None), log=log, warn=log, status=log, memory=memory)
    inputs: dict[str, Any] = {
        "stackId": "fin-3f2a9c017b44",
        "claim": "web-001",
        "nodeType": "server",
        "rack": "a/b/c/d",
    }
    inputs |= {"position": 1, "face": "front", "addresses": {}}
    request = provider_pb2.DiffRequest(urn=urn("Node", "web-001"), id="fin-3f2a9c017b44/web-001")
    request.olds.CopyFrom(to_struct({**inputs, "generation": 1, "holder": "a" * 16}))
    request.old_inputs.CopyFrom(to_struct(inputs))
    request.news.CopyFrom(to_struct(inputs))
    answer = asyncio.run(servicer.Diff(request, cast("CallContext", None)))
    assert list(answer.diffs) == ["rack"]
    assert told == [("another resource holds web-001 in the ledger; this update takes it over", False)]


@pytest.mark.parametrize("step", ["check", "create", "update"])
def test_no_step_of_a_life_tells_a_secret(provider: ProviderProcess, tenant: Party, step: str) -> None:
    """A node whose rack was declared as a secret has it as one in inputs and outputs, so the state is encrypted."""
    inputs = node_inputs(tenant)
    request = to_struct({**inputs, "rack": _secret(inputs["rack"])})
    name = urn("Node", "web-001")
    if step == "check":
        answer = provider.stub.Check(provider_pb2.CheckRequest(urn=name, news=request)).inputs
    elif step == "create":
        answer = provider.stub.Create(provider_pb2.CreateRequest(urn=name, properties=request)).properties
    else:
        id_, state = provider.create("Node", "web-001", inputs)
        update = provider_pb2.UpdateRequest(urn=name, id=id_, olds=to_struct(state), news=request)
        answer = provider.stub.Update(update).properties
    assert answer["rack"] == to_struct({"rack": _secret(inputs["rack"])})["rack"]
    assert answer["face"] == "front"


def test_an_unknown_input_passes_check_as_unknown(provider: ProviderProcess, tenant: Party) -> None:
    """No rule runs on the sentinel's text, and the engine gets it back as unknown."""
    checked = provider.check("Node", "web-001", node_inputs(tenant, rack=unknown, position=unknown))
    assert checked["rack"] is unknown
    assert checked["position"] is unknown


def test_the_admission_takes_no_unknown_places(provider: ProviderProcess, tenant: Party) -> None:
    """A change that depends on what is not known yet cannot be admitted whole, and is told so."""
    inputs = {
        "stackId": tenant.stack_id,
        "party": "tenant-a",
        "lineage": "lineage-1",
        "demandDigest": "d" * 64,
        "places": unknown,
        "renderedDigest": unknown,
    }
    with pytest.raises(ValueError, match="places, renderedDigest: expected plain values"):
        provider.check("Admission", "admission", inputs)


def test_a_preview_leaves_out_what_is_not_known(provider: ProviderProcess, tenant: Party) -> None:
    """A create in preview answers with inputs and without outputs, which the engine then shows as unknown."""
    inputs = node_inputs(tenant)
    _, outputs = provider.create("Node", "web-001", inputs, preview=True)
    assert outputs == inputs
    assert ("web-001", "admitted") in tenant.states()


def test_numbers_come_back_whole(provider: ProviderProcess, tenant: Party) -> None:
    """The engine sends every number as a float; a rack unit is still an integer for the rules and the ledger."""
    checked = provider.check("Node", "web-001", node_inputs(tenant))
    assert type(checked["position"]) is int
    with pytest.raises(ValueError, match=r"input 'position': expected integer.*got number 1.5"):
        provider.check("Node", "web-001", node_inputs(tenant, position=1.5))


def test_a_secret_at_the_end_of_what_is_shown_is_not_shown_in_part() -> None:
    """A long value is looked through as a whole before its begin is repeated in a sentence."""
    token = "gh" + "p_" + "a1B2c3D4e5" * 4
    assert token[:8] not in shown("x " * 90 + token)
