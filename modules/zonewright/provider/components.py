"""``Stack`` for programs in other languages: the engine asks for the component, and its parts are registered here.

The SDK's own code reads the request and writes the answer; what is made is the ``Stack`` of Python programs. Only a run
that has one loads this.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pulumi.provider import ConstructResult, Provider
from pulumi.provider.server import ProviderServicer
from pulumi.runtime import settings as sdk
from pulumi.runtime.proto import provider_pb2
from pydantic import BaseModel, ValidationError

from zonewright import __version__
from zonewright.declare.stack_file import project_root
from zonewright.errors import sentences_of
from zonewright.model import Cluster, Duct, Link, Site
from zonewright.model.asset_properties import fields_of
from zonewright.program.source import program_elsewhere
from zonewright.program.stack import Stack
from zonewright.program.values import PlacedNode
from zonewright.provider.resource import CheckFailedError, Input

_PARTS: Mapping[str, type[BaseModel]] = {"clusters": Cluster, "sites": Site, "ducts": Duct, "links": Link}


PLACED_NODE = "PlacedNode"
PLACED: Mapping[str, Input] = {
    "rack": Input("string", "its rack as site/room/row/rack"),
    "position": Input("integer", "its lowest rack unit, counted from 1 at the bottom"),
    "face": Input("string", "front or rear"),
    "addresses": Input("object", "address with prefix length by id of the pool"),
    "ipv4": Input("array", "its addresses of version 4, without prefix length"),
    "ipv6": Input("array", "its addresses of version 6, without prefix length"),
    "site": Input("string", "id of its site"),
}
"""What a program is given of each node."""


class StackComponent:
    """What the engine may ask to construct."""

    token = "zonewright:index:Stack"  # noqa: S105 - a Pulumi type token
    description = "All clusters, sites, ducts and links of one party, admitted together or refused together."
    types: Mapping[str, Mapping[str, Input]] = {PLACED_NODE: PLACED}
    inputs: Mapping[str, Input] = {
        "party": Input("string", "id of the party whose stack it is"),
        **{
            name: Input(
                "object",
                f"{name} by id, with the fields of the declaration",
                required=False,
                nested=True,
                part=model.__name__,
            )
            for name, model in _PARTS.items()
        },
    }
    outputs: Mapping[str, Input] = {
        "nodes": Input("object", "place and addresses by name of the node", nested=True, part=PLACED_NODE),
        "admission": Input("string", "id of the decision on the change"),
    }


class _Components(Provider):
    """What the SDK calls when it has read a request."""

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: Mapping[str, Any],
        options: pulumi.ResourceOptions | None = None,
    ) -> ConstructResult:
        del resource_type  # there is one
        # The engine starts a provider in the program's folder, and gives it no other word of where the project is.
        sdk.SETTINGS.root_directory = str(project_root(Path.cwd()))
        with program_elsewhere():
            stack = Stack(name, **_arguments(inputs), opts=options)
        nodes = {name: _node_data(node) for name, node in stack.nodes.items()}
        return ConstructResult(stack.urn, {"nodes": nodes, "admission": stack.admission.id})


async def construct(
    engine: str, request: provider_pb2.ConstructRequest, context: Any
) -> provider_pb2.ConstructResponse:
    """Register the parts of a component, and answer when they are there.

    Args:
        engine: the engine's address.
        request: what the engine asks.
        context: of the call.

    Raises:
        CheckFailedError: with all that is wrong.
    """
    if request.type != StackComponent.token:
        raise CheckFailedError(f"zonewright has no component {request.type}; it has: {StackComponent.token}")
    servicer = ProviderServicer(_Components(__version__), [], engine)
    try:
        return await servicer._construct(request, context)  # noqa: SLF001 - its errors would hold a traceback
    except Exception as error:
        if isinstance(error, pulumi.RunError):
            raise CheckFailedError(str(error)) from error
        if sentences := sentences_of(error):
            raise CheckFailedError("\n".join(sentences)) from error
        raise


def _node_data(node: PlacedNode) -> dict[str, Any]:
    return {
        "rack": node.rack,
        "position": node.position,
        "face": node.face,
        "addresses": node.resource.addresses,
        "ipv4": node.ipv4,
        "ipv6": node.ipv6,
        "site": node.site,
    }


def _arguments(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a ``Stack``, from properties; all that is wrong with them in one error."""
    faults = [
        f"input '{name}' is unknown: expected one of {', '.join(StackComponent.inputs)}"
        for name in inputs
        if name not in StackComponent.inputs
    ]
    party = inputs.get("party")
    if not isinstance(party, str):
        faults.append("input 'party' is missing: expected the id of a party as plain text")
    made: dict[str, Any] = {"party": party}
    for part, model in _PARTS.items():
        given = inputs.get(part) or {}
        if _has_output(given) or not isinstance(given, Mapping):
            faults.append(
                f"{part}: expected plain values by id, got outputs of other resources; the whole change must be known "
                "before it can be admitted"
            )
            continue
        made[part] = {}
        for name, properties in given.items():
            try:
                made[part][name] = model.model_validate_json(json.dumps(fields_of(properties)))
            except ValidationError as error:
                faults += [
                    f"{part}.{name}.{'.'.join(str(one) for one in item['loc'])}: {item['msg'].lower()}"
                    for item in error.errors(include_url=False, include_input=False)
                ]
    if faults:
        raise CheckFailedError("\n".join(faults))
    return made


def _has_output(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_output(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_output(item) for item in value)
    return not isinstance(value, str | int | float | bool | None)
