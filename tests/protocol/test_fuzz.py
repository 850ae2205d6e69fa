"""Whatever a program or a state file gives a resource is answered with a sentence, and never with a fault."""

import time
from collections.abc import Iterator
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
    if name == "stackId":
        return STACK
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


def called(process: ProviderProcess, method: str, kind: str, old: dict[str, Any], new: dict[str, Any]) -> str:
    """What a method says when it says no; empty where it does not."""
    id_ = f"{STACK}/dc1"
    try:
        if method == "check":
            process.check(kind, "n", new, old)
        elif method == "diff":
            process.diff(kind, "n", old_inputs=old, state=old, new=new, id_=id_)
        elif method == "create":
            process.create(kind, "n", new)
        elif method == "read":
            process.read(kind, "n", id_, inputs=old, outputs=new)
        elif method == "update":
            process.update(kind, "n", id_, state=old, new=new)
        else:
            process.delete(kind, "n", id_, inputs=old, outputs=new)
    except ValueError as error:
        return str(error)
    except grpc.RpcError as error:
        return str(error.details())
    return ""


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
    resource = RESOURCES[kind]
    whole = {name: plausible(name, one) for name, one in {**resource.outputs, **resource.inputs}.items()}
    inputs = {name: whole[name] for name in resource.inputs}
    method = data.draw(st.sampled_from(METHODS))
    sides = [dict(whole), dict(inputs)] if method in {"diff", "update"} else [dict(inputs), dict(whole)]
    if method in {"check", "create"}:
        sides = [dict(inputs), dict(inputs)]
    side = data.draw(st.sampled_from(sides))
    side[data.draw(st.sampled_from([*sorted(side), "other"]))] = data.draw(STRANGE)
    begin = time.monotonic()
    said = called(fuzzed, method, kind.rpartition(":")[2], *sides)
    assert "has a fault" not in said, said[:500]
    assert "Traceback" not in said
    assert len(said) < MOST_SHOWN, said[:200]
    assert time.monotonic() - begin < 60  # nothing waits for what cannot come
