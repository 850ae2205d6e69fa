"""Resources of a stack as a policy pack gets them, read into the types that rules know."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from zonewright.ledger.protocol.change import parse_place
from zonewright.model.asset import RowAsset, SiteAsset
from zonewright.model.asset_properties import cluster_of, row_of, site_of
from zonewright.model.base import Identifier
from zonewright.model.demand import ClusterDemand, Demand
from zonewright.model.rack_position import RackPosition

PREFIX = "zonewright:index:"
ADMITTED = frozenset({"Site", "Row", "Duct", "Link", "Node", "SiteConfig"})
"""Kinds of resources that exist only under an admission."""
_MOST_SHOWN = 100
_POSITION = TypeAdapter(RackPosition)


class NotKnown:
    """A value that is not known before the update."""

    def __repr__(self) -> str:
        return "not known yet"


not_known = NotKnown()


@dataclass(frozen=True, slots=True, kw_only=True)
class StackResource:
    """One resource of a stack.

    Attributes:
        type: its Pulumi type, such as ``zonewright:index:Node``.
        name: its name in the program.
        urn: its URN.
        properties: plain data; ``not_known`` stands for what is not known before the update.
        ledger: URL of the ledger of its provider; empty where the provider has none.
    """

    type: str
    name: str
    urn: str
    properties: Mapping[str, Any]
    ledger: str = ""

    @property
    def kind(self) -> str:
        """Its type without the package; empty for a resource of another package."""
        return self.type.removeprefix(PREFIX) if self.type.startswith(PREFIX) else ""


def _place(text: str) -> str:
    parse_place(text)
    return text


class AdmissionInputs(BaseModel):
    """What an Admission says; one that this run of the engine leaves out shows no places."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, alias_generator=to_camel)

    stack_id: str
    party: Identifier | None = None
    demand_digest: str = ""
    rendered_digest: str = ""
    places: dict[str, Annotated[str, AfterValidator(_place)]] = Field(default_factory=dict)


_ADMISSION = TypeAdapter(AdmissionInputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What is wrong with one resource, or with the stack where the URN is empty."""

    urn: str
    text: str


@dataclass(slots=True)
class ReadStack:
    """What the resources of a stack show.

    Attributes:
        admissions: the Admission of each stack id; a stack has one, and one that is about to go.
        sites: by id.
        rows: by path.
        clusters: by id.
        seats: place of each node by its name.
        urns: by what a finding names: a node, a cluster or a path.
        faults: what cannot be read.
        has_unread_admission: one of the faults is an Admission's.
    """

    admissions: dict[str, StackResource] = field(default_factory=dict)
    sites: dict[str, SiteAsset] = field(default_factory=dict)
    rows: dict[str, RowAsset] = field(default_factory=dict)
    clusters: dict[str, ClusterDemand] = field(default_factory=dict)
    seats: dict[str, RackPosition] = field(default_factory=dict)
    urns: dict[str, str] = field(default_factory=dict)
    faults: list[Violation] = field(default_factory=list)
    has_unread_admission: bool = False


def read_stack(resources: Iterable[StackResource]) -> ReadStack:
    """Read what resources of ours show; what one does not show as expected is a fault, and the others go on."""
    found = ReadStack()
    for resource in resources:
        if not resource.kind:
            continue
        try:
            _read(found, resource)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            text = f"property {where[:_MOST_SHOWN]}: {first['msg'].lower()}"
            found.faults.append(_unreadable(resource, text))
        except (KeyError, TypeError, ValueError) as error:
            found.faults.append(_unreadable(resource, f"property {str(error)[:_MOST_SHOWN]} is missing or no value"))
    return found


def _read(found: ReadStack, resource: StackResource) -> None:
    kind, properties = resource.kind, resource.properties
    if kind == "Admission":
        found.has_unread_admission = True  # until it is read to its end
        inputs = {field.alias: properties.get(str(field.alias)) for field in AdmissionInputs.model_fields.values()}
        unknown = sorted(str(name) for name, value in inputs.items() if _is_unknown(value))
        if unknown:
            found.faults.append(_unreadable(resource, f"{', '.join(unknown)}: not known before the update"))
            return
        found.admissions[_ADMISSION.validate_python(properties).stack_id] = resource
        found.has_unread_admission = False
        return
    if kind not in {*_SHOWN, "Node"}:
        return
    unknown = sorted(name for name, value in _shown(properties).items() if _is_unknown(value))
    if unknown:
        found.faults.append(_unreadable(resource, f"{', '.join(unknown)}: not known before the update"))
    elif kind == "Node":
        name = _text(properties["claim"])
        found.seats[name] = _POSITION.validate_python({part: properties[part] for part in ("rack", "position", "face")})
        found.urns[name] = resource.urn
    elif properties:  # a cluster of an older version shows nothing
        name = resource.name if kind == "TenantCluster" else _text(properties["asset"])
        _SHOWN[kind](found, name, _shown(properties))
        found.urns[name] = resource.urn


def _site(found: ReadStack, name: str, shown: Mapping[str, Any]) -> None:
    site = site_of(shown)
    _require(name, site)
    found.sites[name] = site


def _row(found: ReadStack, name: str, shown: Mapping[str, Any]) -> None:
    row = row_of(shown)
    _require(name, row)
    found.rows[name] = row


def _require(name: str, asset: SiteAsset | RowAsset) -> None:
    """What the ledger asks of an asset: its name is one of its kind, and what it says in short can be read."""
    Demand(zone="unknown", zone_digest="", party="unknown", assets={name: asset})


def _cluster(found: ReadStack, name: str, shown: Mapping[str, Any]) -> None:
    found.clusters[name] = cluster_of(shown)


_SHOWN = {"Site": _site, "Row": _row, "TenantCluster": _cluster}
_BESIDE = frozenset({"stackId", "asset", "digest", "generation", "holder"})
"""Properties of a resource that are none of the thing: which it is, and what the ledger says of it."""


def _shown(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in _BESIDE}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _is_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_is_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(_is_unknown(item) for item in value)
    return value is not_known


def _unreadable(resource: StackResource, why: str) -> Violation:
    text = (
        f"{resource.kind} {resource.name} cannot be judged: {why}; expected plain values, as zonewright.deploy() and "
        "zonewright.Stack give them"
    )
    return Violation(urn=resource.urn, text=text)
