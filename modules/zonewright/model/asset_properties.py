"""Assets and clusters as properties of their resources: what a preview shows, and what a policy judges, field by field.

They are a view of what the ledger decides on, never its source: a confirm compares them with the admitted asset.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from zonewright.model.asset import AnyAsset, DuctAsset, LinkAsset, RowAsset, SiteAsset
from zonewright.model.cluster import Cluster
from zonewright.model.demand import ClusterDemand
from zonewright.model.network import Link
from zonewright.model.site import Baseline, Room, Row, Site
from zonewright.model.site_network import AddressPool, RouterNetwork, SiteVlan
from zonewright.model.supply import PowerElement, PowerFeed, PowerPanel
from zonewright.model.switch import SwitchInterface
from zonewright.model.zone import NodeType

_QUIET = {Baseline, Cluster, NodeType, Room, PowerElement, PowerPanel, SwitchInterface}
"""Of these only what is not as usual is shown."""
_QUIET_FIELDS = {
    (PowerFeed, "status"),
    (Link, "drained"),
    (Link, "cores_in_use"),
    (AddressPool, "role"),
    (RouterNetwork, "vrf"),
    (SiteVlan, "vni"),
    (SiteVlan, "vrf"),
}
"""Of these fields, too: a stack from before they were there has nothing to update."""
_LOWER = re.compile(r"_([a-z0-9])")
_UPPER = re.compile(r"(?<=[a-z0-9])([A-Z])")
TYPE_OF_NODES = "nodeTypeDeclared"
"""Property of a cluster with the fields of its node type, so that its nodes can be judged without the zone's file."""


def asset_properties(asset: AnyAsset) -> dict[str, Any]:
    """The fields of an asset, named as Pulumi names properties; what is empty is left out.

    A feed also has ``availableW``: the watts of its rating that may be used. Of a baseline and of a row's room only
    what is not as usual is there, because a hall has many rows; and of a duct's route the number of its points.

    Example:
        >>> from zonewright.model.network import Link
        >>> asset_properties(LinkAsset(link=Link(a="dc1", b="dc2", ducts=("d-01",), cores=12)))
        {'a': 'dc1', 'b': 'dc2', 'ducts': ['d-01'], 'cores': 12, 'status': 'active'}
    """
    if isinstance(asset, SiteAsset):
        return _fields(asset.site, leave_out=("was",))
    if isinstance(asset, LinkAsset):
        return _fields(asset.link)
    if isinstance(asset, DuctAsset):
        return {**_fields(asset.duct, leave_out=("route", "was")), "routePoints": len(asset.duct.route.points)}
    room = _fields(asset.room, leave_out=("rows",))
    return {**_fields(asset.row, leave_out=("was",)), **({"room": room} if room else {})}


def cluster_properties(wanted: ClusterDemand) -> dict[str, Any]:
    """The fields of a cluster that are not as usual, in the same way, without places: its nodes have those."""
    return {**_fields(wanted.cluster, leave_out=("places",)), TYPE_OF_NODES: _fields(wanted.node_type)}


def site_of(properties: Mapping[str, Any]) -> SiteAsset:
    """The site that properties of a Site show; it has no offers, because they are no fields of the site.

    Raises:
        ValidationError: when they show none.
    """
    return SiteAsset(site=Site.model_validate_json(json.dumps(fields_of(properties))))


def row_of(properties: Mapping[str, Any]) -> RowAsset:
    """The row that properties of a Row show.

    Raises:
        ValidationError: when they show none.
    """
    fields = fields_of(properties)
    room = Room.model_validate_json(json.dumps(fields.pop("room", {})))
    for feed in fields.get("feeds", {}).values():
        feed.pop("available_w", None)  # computed from what stands beside it
    return RowAsset(row=Row.model_validate_json(json.dumps(fields)), room=room)


def cluster_of(properties: Mapping[str, Any]) -> ClusterDemand:
    """The cluster that properties of a TenantCluster show, with its node type.

    Raises:
        ValidationError: when they show none.
    """
    fields = fields_of(properties)
    node_type = NodeType.model_validate_json(json.dumps(fields.pop("node_type_declared", {})))
    return ClusterDemand(cluster=Cluster.model_validate_json(json.dumps(fields)), node_type=node_type)


def fields_of(properties: Any) -> Any:
    """Properties as fields: ``nodeType`` becomes ``node_type``. Ids have no capitals, and the feeds A and B stay.

    Numbers without a fraction become integers again, because the engine knows only one kind of number.

    Example:
        >>> fields_of({"uHeight": 42.0, "feeds": {"A": {"ratedW": 6250}}})
        {'u_height': 42, 'feeds': {'A': {'rated_w': 6250}}}
    """
    if isinstance(properties, Mapping):
        return {
            _UPPER.sub(lambda match: f"_{match[1].lower()}", str(key)): fields_of(item)
            for key, item in properties.items()
        }
    if isinstance(properties, list):
        return [fields_of(item) for item in properties]
    return int(properties) if isinstance(properties, float) and properties.is_integer() else properties


def property_name(field: str) -> str:
    """A field's name as a property's.

    Example:
        >>> property_name("u_height")
        'uHeight'
    """
    return _LOWER.sub(lambda match: match[1].upper(), field)


def _fields(item: BaseModel, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    fields = type(item).model_fields
    usual = {
        name
        for name, field in fields.items()
        if (type(item) in _QUIET or (type(item), name) in _QUIET_FIELDS) and _is_default(item, field, name)
    }
    found = {
        property_name(name): _plain(getattr(item, name))
        for name in fields
        if name not in usual and name not in leave_out
    }
    if isinstance(item, PowerFeed):
        found["availableW"] = item.available_w
    return {name: value for name, value in found.items() if value not in (None, "", [], {})}


def _is_default(item: BaseModel, field: FieldInfo, name: str) -> bool:
    return not field.is_required() and getattr(item, name) == field.get_default(call_default_factory=True)


def _plain(value: object) -> Any:
    """Numbers, truth values and text as they are; days, addresses and networks as text."""
    if isinstance(value, BaseModel):
        return _fields(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
