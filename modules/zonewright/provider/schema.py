"""The package schema, generated from the resource types."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from zonewright import __version__
from zonewright.provider.functions import Function
from zonewright.provider.resource import Input, Resource


class Documented(Protocol):
    """A resource or component, as far as the schema tells of it."""

    token: str
    description: str
    inputs: Mapping[str, Input]
    outputs: Mapping[str, Input]


def schema_text(
    resources: Mapping[str, Resource], functions: Mapping[str, Function], component: type[Documented]
) -> str:
    """The Pulumi package schema as JSON."""
    made = {token: _resource(resource) for token, resource in sorted(resources.items())}
    return json.dumps(
        {
            "name": "zonewright",
            "version": __version__,
            "description": "Infrastructure as code for the compute clusters of a shared zone",
            "license": "Apache-2.0",
            "provider": {
                "inputProperties": {
                    "ledger": {"type": "string", "description": "URL of the ledger; a token is never part of it"},
                },
                "requiredInputs": ["ledger"],
            },
            "config": {
                "variables": {
                    "ledger": {"type": "string", "description": "URL of the ledger, for the default provider"},
                },
            },
            "resources": {**made, component.token: {**_resource(component), "isComponent": True}},
            "functions": {token: _function(function) for token, function in sorted(functions.items())},
        },
        indent=2,
    )


def _function(function: Function) -> dict[str, Any]:
    return {
        "description": function.description,
        "inputs": _object(function.inputs),
        "outputs": _object(function.outputs),
    }


def _object(properties: Mapping[str, Input]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: _property(item) for name, item in properties.items()},
        "required": [name for name, item in properties.items() if item.required],
    }


def _resource(resource: Documented | type[Documented]) -> dict[str, Any]:
    return {
        "description": resource.description,
        "inputProperties": {name: _property(item) for name, item in resource.inputs.items()},
        "requiredInputs": [name for name, item in resource.inputs.items() if item.required],
        "properties": {name: _property(item) for name, item in resource.outputs.items()},
        "required": [name for name, item in resource.outputs.items() if item.required],
    }


def _property(item: Input) -> dict[str, Any]:
    kind: dict[str, Any] = {"type": item.type}
    if item.type in ("object", "array"):
        members = "additionalProperties" if item.type == "object" else "items"
        kind[members] = {"$ref": "pulumi.json#/Any"} if item.nested else {"type": "string"}
    return {**kind, "description": item.description, **({"willReplaceOnChanges": True} if item.replaces else {})}
