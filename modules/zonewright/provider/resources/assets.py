"""Site, Row, Duct and Link: what operators bring in. Racks and feeds are data of the row, not resources."""

import typing
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, Literal, Union

from pydantic import BaseModel

from zonewright.ledger.protocol.holding_messages import HoldingKind
from zonewright.model.asset_properties import property_name
from zonewright.model.network import Duct, Link
from zonewright.model.site import Row, Site
from zonewright.provider.resource import DIGEST, STACK_ID, Data, Difference, Input, ProviderSession, compare
from zonewright.provider.resources.holding import HELD, HoldingResource

_SCALARS: Mapping[type, Literal["boolean", "integer", "number"]] = {
    bool: "boolean",
    int: "integer",
    float: "number",
}


def _inputs(model: type[BaseModel], *leave_out: str, **more: Input) -> dict[str, Input]:
    """What an asset of a model takes: all other fields of it, so that a preview can show and a policy judge them."""
    named = {
        property_name(name): _input(field.annotation, name, model)
        for name, field in model.model_fields.items()
        if name not in leave_out
    }
    return {
        "stackId": STACK_ID,
        "asset": Input("string", "path of the asset, such as qp-dc1/a/01 or links/l03", replaces=True),
        "digest": Input("string", "digest of its declaration", pattern=DIGEST),
        **named,
        **more,
    }


def _input(annotation: Any, name: str, model: type[BaseModel]) -> Input:
    said = f"`{name}` of the {model.__name__.lower()} as declared"
    kinds = set(_kinds(annotation))
    for kind in ("object", "array"):
        if kind in kinds:
            return Input(kind, said, required=False, nested=True)
    scalars = [word for of_type, word in _SCALARS.items() if of_type in kinds]
    return Input(scalars[-1] if scalars else "string", said, required=False)


def _kinds(annotation: Any) -> Iterator[Any]:
    """What a value of a field may be: a type, or ``object`` or ``array``."""
    origin = typing.get_origin(annotation)
    if origin in (Union, UnionType, typing.Annotated):
        inner = typing.get_args(annotation)
        for one in inner[:1] if origin is typing.Annotated else inner:
            yield from _kinds(one)
    elif origin is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        yield "object"
    elif origin is tuple:
        yield "array"
    else:
        yield annotation


class AssetResource(HoldingResource):
    """What all assets have in common; from the confirm on others may place on it."""

    token: str
    description: str
    named, drifts = "asset", "digest"
    kept = ("stackId", "asset", "generation")
    inputs: Mapping[str, Input]

    def told(self, data: Data) -> dict[str, Any]:
        """The properties that say what the asset is, without those that say which it is."""
        return {name: data[name] for name in self.inputs if name in data and name not in ("stackId", "asset", "digest")}

    def known(self, data: Data) -> dict[str, Any]:
        """The ledger has the digest and the properties of what it admitted."""
        return {"digest": data["digest"], **data["properties"]}

    def expect(self, new: Data) -> dict[str, Any]:
        """The properties must be those of the asset that was admitted: what a policy judged is what comes in."""
        return {"digest": new["digest"], "properties": self.told(new)}

    def diff(self, session: ProviderSession, urn: str, id_: str, old: Data, new: Data) -> Difference:
        """What changed in the declaration. A state of an older version has no properties, and its digest decides."""
        if old.get("digest") == new["digest"]:
            same = {name: value for name, value in old.items() if name not in self.inputs}
            which = {name: old[name] for name in ("stackId", "asset") if name in old}
            return super().diff(session, urn, id_, {**same, **new, **which}, new)
        difference = compare(self.inputs, old, new)
        shown = {path: kind for path, kind in difference.changes.items() if path != "digest"}
        return Difference(shown or difference.changes, difference.replaces)


class SiteResource(AssetResource):
    """A data centre or an edge site."""

    token = "zonewright:index:Site"  # noqa: S105 - a Pulumi type token
    description = "A data centre or edge site that its operator brings into the zone."
    kind: HoldingKind = "site"
    inputs: Mapping[str, Input] = _inputs(Site, "was")
    outputs: Mapping[str, Input] = {**inputs, **HELD}


class DuctResource(AssetResource):
    """A duct with its bores."""

    token = "zonewright:index:Duct"  # noqa: S105 - a Pulumi type token
    description = "A duct segment that a network operator brings into the zone."
    kind: HoldingKind = "duct"
    inputs: Mapping[str, Input] = _inputs(
        Duct, "route", "was", routePoints=Input("integer", "how many points its route has", required=False)
    )
    outputs: Mapping[str, Input] = {**inputs, **HELD}


class LinkResource(AssetResource):
    """A fibre link between two sites."""

    token = "zonewright:index:Link"  # noqa: S105 - a Pulumi type token
    description = "A fibre link between two sites, through one bore of each of its ducts."
    kind: HoldingKind = "link"
    inputs: Mapping[str, Input] = _inputs(Link)
    outputs: Mapping[str, Input] = {**inputs, **HELD}


class RowResource(AssetResource):
    """A row of racks with their feeds."""

    token = "zonewright:index:Row"  # noqa: S105 - a Pulumi type token
    description = "A row of racks. The racks and their feeds are data of the row."
    kind: HoldingKind = "row"
    inputs: Mapping[str, Input] = _inputs(
        Row, "was", room=Input("object", "its room as declared, without rows", required=False, nested=True)
    )
    outputs: Mapping[str, Input] = {**inputs, **HELD}
