"""Values on the wire: what the SDK's own provider loses on the way in or out (unknowns, numbers, secrets)."""

import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.rpc import UNKNOWN

from support.ledger_party import Party, node_inputs
from support.provider_process import ProviderProcess
from zonewright.provider import values
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
