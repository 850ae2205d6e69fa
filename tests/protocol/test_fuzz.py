"""Whatever a program or a state file gives a resource is answered with a sentence, and never with a fault."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.ledger_party import ZONE_FILE, bring_up_racks
from support.provider_process import ProviderProcess, provider_process
from support.soak import count
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.provider.resource import Input
from zonewright.provider.resources import RESOURCES
from zonewright.provider.values import unknown

STACK = "tenant-a-0123456789ab"
PLAUSIBLE = {
    "stackId": STACK,
    "rack": "dc1/a/01/01",
    "face": "front",
    "formats": {"bind": {"files": 1, "bytes": 2}},
}
METHODS = ("check", "diff", "create", "read", "update", "delete")
MOST_SHOWN = 3_000
"""Letters of an answer that says no: a long value is not repeated."""
TEXTS = ["", "x", "a" * 200_000, "\n", "%s", "../..", "sha256:" + "0" * 64, "é" * 400]
STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.just(unknown),
    st.sampled_from([0, -1, 2**53, 1e300, 0.5]),
    st.sampled_from(TEXTS),
    st.sampled_from([[], [1], {}, {"a": 1}, {"a": {"b": []}}, {"a": "b"}, [["a"]] * 500]),
)


def plausible(name: str, declared: Input) -> Any:
    """A value of the declared type."""
    if name in PLAUSIBLE:
        return PLAUSIBLE[name]
    if declared.pattern.startswith("sha256"):
        return "sha256:" + "0" * 64
    return {"string": "dc1", "integer": 1, "number": 1.5, "boolean": True, "object": {"a": "b"}, "array": ["a"]}[
        declared.type
    ]


@pytest.fixture(name="fuzzed", scope="module")
def _fuzzed() -> Iterator[ProviderProcess]:
    with TemporaryDirectory() as name, provider_process(Path(name)) as process:
        url = f"sqlite:///{Path(name) / 'ledger.db'}"
        with LedgerClient(url, create=True) as client:
            client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
            bring_up_racks(client)
        process.configure(url)
        yield process


@dataclass(frozen=True)
class Given:
    """What the engine gives a method: the inputs and outputs in the state, and the inputs of the program."""

    old: dict[str, Any]
    outputs: dict[str, Any]
    new: dict[str, Any]


def given_of(kind: str) -> Given:
    """As a resource of that type has them."""
    resource = RESOURCES[kind]
    old, new = ({name: plausible(name, one) for name, one in resource.inputs.items()} for _ in range(2))
    return Given(old, {name: plausible(name, one) for name, one in resource.outputs.items()}, new)


def called(process: ProviderProcess, method: str, kind: str, sent: Given) -> str:
    """What a method says when it says no; empty where it does not."""
    id_, kind = f"{STACK}/dc1", kind.rpartition(":")[2]
    try:
        if method == "check":
            process.check(kind, "n", sent.new, sent.old)
        elif method == "diff":
            process.diff(kind, "n", old_inputs=sent.old, state=sent.outputs, new=sent.new, id_=id_)
        elif method == "create":
            process.create(kind, "n", sent.new)
        elif method == "read":
            process.read(kind, "n", id_, inputs=sent.old, outputs=sent.outputs)
        elif method == "update":
            process.update(kind, "n", id_, state=sent.outputs, new=sent.new)
        else:
            process.delete(kind, "n", id_, inputs=sent.old, outputs=sent.outputs)
    except ValueError as error:
        return str(error)
    except grpc.RpcError as error:
        return str(error.details())
    return ""


@pytest.mark.parametrize("kind", sorted(RESOURCES), ids=lambda kind: kind.rpartition(":")[2])
@pytest.mark.parametrize("method", METHODS)
def test_what_is_of_the_right_form_is_not_refused_for_it(fuzzed: ProviderProcess, method: str, kind: str) -> None:
    """Inputs and outputs of the declared types come through to the ledger, in every method; a refresh is none's end."""
    said = called(fuzzed, method, kind, given_of(kind))
    assert "has a fault" not in said
    assert "the state's property" not in said
    assert "input '" not in said


@pytest.mark.soak
@settings(
    max_examples=count(3_000),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_no_input_and_no_state_breaks_a_resource(fuzzed: ProviderProcess, data: st.DataObject) -> None:
    """Properties that lack, are of another type, very long or not known: a short sentence, soon."""
    kind = data.draw(st.sampled_from(sorted(RESOURCES)))
    method = data.draw(st.sampled_from(METHODS))
    sent = given_of(kind)
    used = {"check": (sent.new, sent.old), "create": (sent.new,), "update": (sent.outputs, sent.new)}
    side = data.draw(st.sampled_from(used.get(method, (sent.old, sent.outputs))))
    side[data.draw(st.sampled_from([*sorted(side), "other"]))] = data.draw(STRANGE)
    begin = time.monotonic()
    said = called(fuzzed, method, kind, sent)
    assert "has a fault" not in said, said[:500]
    assert "Traceback" not in said
    assert len(said) < MOST_SHOWN, said[:200]
    assert time.monotonic() - begin < 60  # nothing waits for what cannot come
