"""The package schema: what SDKs of other languages and the YAML host are made from."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from zonewright.model import Cluster, Duct, Link, Site
from zonewright.model.asset_properties import property_name
from zonewright.provider.components import PLACED, StackComponent, _node_data
from zonewright.provider.functions import FUNCTIONS
from zonewright.provider.resources import RESOURCES
from zonewright.provider.schema import INTERNAL, schema_text

SCHEMA: dict[str, Any] = json.loads(schema_text(RESOURCES, FUNCTIONS, StackComponent))


def references(item: Any) -> Iterator[str]:
    """All references within a part of the schema."""
    if isinstance(item, dict):
        if "$ref" in item:
            yield item["$ref"]
        for one in item.values():
            yield from references(one)
    elif isinstance(item, list):
        for one in item:
            yield from references(one)


def test_each_reference_leads_to_a_type() -> None:
    """What is referred to is there, and no type has the token of a resource."""
    lost = {one for one in references(SCHEMA) if one.startswith("#/") and one[8:] not in SCHEMA["types"]}
    assert lost == set()
    assert SCHEMA["types"].keys() & SCHEMA["resources"].keys() == set()


@pytest.mark.parametrize(("part", "model"), [("clusters", Cluster), ("sites", Site), ("ducts", Duct), ("links", Link)])
def test_a_stack_takes_all_fields_of_a_declaration(part: str, model: type[Any]) -> None:
    """Each part of a Stack has a type with all fields of the declaration, each with what it means."""
    reference = SCHEMA["resources"][StackComponent.token]["inputProperties"][part]["additionalProperties"]["$ref"]
    declared = SCHEMA["types"][reference.removeprefix("#/types/")]
    assert declared["properties"].keys() == {property_name(name) for name in model.model_fields}
    assert all(one["description"] for one in declared["properties"].values())


def test_what_a_node_gives_has_a_type() -> None:
    """The type of a Stack's nodes has what the component puts out."""
    assert set(SCHEMA["types"]["zonewright:index:PlacedNode"]["properties"]) == PLACED.keys()
    assert set(_node_data.__code__.co_consts) >= PLACED.keys() or PLACED.keys() <= {
        text for one in _node_data.__code__.co_consts if isinstance(one, tuple) for text in one
    }


def test_internal_resources_say_so() -> None:
    """All but the Stack is marked as registered by it; the package says who publishes it and what it is set by."""
    marked = {token for token, one in SCHEMA["resources"].items() if one["description"].startswith(INTERNAL)}
    assert marked == SCHEMA["resources"].keys() - {StackComponent.token}
    assert SCHEMA["publisher"]
    assert SCHEMA["config"]["variables"].keys() == SCHEMA["provider"]["inputProperties"].keys() == {"ledger"}
