"""The package schema, generated from the resource types."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from zonewright import __version__
from zonewright.provider.functions import Function
from zonewright.provider.resource import Input, Resource
from zonewright.provider.schema_types import DeclaredTypes

INTERNAL = "Internal: registered by `Stack` and `deploy()`, and refused without an admission of theirs. "
"""Before the description of each resource that a program does not declare itself."""


_SDKS = {
    "nodejs": {"packageName": "zonewright", "respectSchemaVersion": True},
    "python": {"respectSchemaVersion": True, "pyproject": {"enabled": True}},
}
"""What generated SDKs are called, and that they have the version of zonewright that they were made from."""


class Documented(Protocol):
    """A resource or component, as far as the schema tells of it."""

    token: str
    description: str
    inputs: Mapping[str, Input]
    outputs: Mapping[str, Input]


class DocumentedComponent(Documented, Protocol):
    """A component, with the types that only its outputs have."""

    types: Mapping[str, Mapping[str, Input]]


def schema_text(
    resources: Mapping[str, Resource], functions: Mapping[str, Function], component: type[DocumentedComponent]
) -> str:
    """The Pulumi package schema as JSON."""
    types = DeclaredTypes(resources.keys())
    made = {token: _resource(resource, types, before=INTERNAL) for token, resource in sorted(resources.items())}
    ledger = {"type": "string", "description": "URL of the ledger; a token is never part of it"}
    return json.dumps(
        {
            "name": "zonewright",
            "displayName": "zonewright",
            "version": __version__,
            "publisher": "zonewright",
            "description": "Infrastructure as code for the compute clusters of a shared zone",
            "keywords": ["pulumi", "zonewright", "category/infrastructure", "kind/native"],
            "license": "Apache-2.0",
            "language": _SDKS,
            "config": {"variables": {"ledger": ledger}},
            "provider": {
                "description": "The ledger that decides on a stack's changes.",
                "inputProperties": {"ledger": ledger},
                "requiredInputs": ["ledger"],
            },
            "types": types.types()
            | {types.token(name): _object(items, types) for name, items in component.types.items()},
            "resources": {**made, component.token: {**_resource(component, types), "isComponent": True}},
            "functions": {token: _function(function, types) for token, function in sorted(functions.items())},
        },
        indent=2,
    )


def _function(function: Function, types: DeclaredTypes) -> dict[str, Any]:
    return {
        "description": function.description,
        "inputs": _object(function.inputs, types),
        "outputs": _object(function.outputs, types),
    }


def _object(properties: Mapping[str, Input], types: DeclaredTypes) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: _property(item, types) for name, item in properties.items()},
        "required": [name for name, item in properties.items() if item.required],
    }


def _resource(resource: Documented | type[Documented], types: DeclaredTypes, *, before: str = "") -> dict[str, Any]:
    return {
        "description": before + resource.description,
        "inputProperties": {name: _property(item, types) for name, item in resource.inputs.items()},
        "requiredInputs": [name for name, item in resource.inputs.items() if item.required],
        "properties": {name: _property(item, types) for name, item in resource.outputs.items()},
        "required": [name for name, item in resource.outputs.items() if item.required],
    }


def _property(item: Input, types: DeclaredTypes) -> dict[str, Any]:
    kind: dict[str, Any] = {"type": item.type}
    if item.type in ("object", "array"):
        members = "additionalProperties" if item.type == "object" else "items"
        anything = types.reference(item.part) if item.part else {"$ref": "pulumi.json#/Any"}
        kind[members] = anything if item.nested else {"type": "string"}
    return {**kind, "description": item.description, **({"willReplaceOnChanges": True} if item.replaces else {})}
