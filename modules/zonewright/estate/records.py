"""What an inventory says, as records with NetBox's names: only the fields that mean something here. No I/O."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _chosen(value: object) -> object:
    """The value of a choice, which the API gives with its label."""
    return value.get("value") if isinstance(value, Mapping) else value


def _empty(value: object) -> object:
    """A text that is empty where the API gives none."""
    return "" if value is None else value


Choice = Annotated[str | None, BeforeValidator(_chosen)]
RecordText = Annotated[str, BeforeValidator(_empty), Field(max_length=2_000)]
RecordId = Annotated[int, Field(ge=1)]


class Record(BaseModel):
    """An object of the inventory; fields that mean nothing here are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    id: RecordId
    """Its number in the inventory."""
    uuid: RecordText = ""
    """What people see in place of the number, where there is something else."""

    @property
    def shown(self) -> str:
        """Its number as people see it."""
        return self.uuid or str(self.id)


class Ref(Record):
    """A reference to another object."""

    name: RecordText = ""
    slug: RecordText = ""


class TenantRecord(Record):
    """A tenant."""

    name: RecordText
    slug: RecordText


class AsnRecord(BaseModel):
    """Number of an autonomous system."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    asn: int


class SiteRecord(Record):
    """A site."""

    name: RecordText
    slug: RecordText
    status: Choice = "active"
    tenant: Ref | None = None
    region: Ref | None = None
    latitude: float | None = None
    longitude: float | None = None
    time_zone: RecordText = ""
    asns: tuple[AsnRecord, ...] = ()


class LocationRecord(Record):
    """A location: a building, a room, a cage."""

    name: RecordText
    slug: RecordText
    site: Ref
    parent: Ref | None = None
    status: Choice = "active"


class RackRecord(Record):
    """A rack."""

    name: RecordText
    site: Ref
    location: Ref | None = None
    tenant: Ref | None = None
    status: Choice = "active"
    u_height: Annotated[int, Field(ge=1)] = 42
    starting_unit: Annotated[int, Field(ge=1)] = 1
    desc_units: bool = False
    max_weight: float | None = None
    weight_unit: Choice = None


class UnitReservationRecord(Record):
    """Units of a rack that are reserved."""

    rack: Ref
    units: tuple[float, ...]
    tenant: Ref | None = None
    status: Choice = "active"
    description: RecordText = ""


class PanelRecord(Record):
    """A power panel."""

    name: RecordText
    site: Ref
    location: Ref | None = None


class FeedRecord(Record):
    """A power feed."""

    name: RecordText
    power_panel: Ref
    rack: Ref | None = None
    status: Choice = "active"
    type: Choice = "primary"
    supply: Choice = "ac"
    phase: Choice = "single-phase"
    voltage: int = 230
    amperage: int = 16
    max_utilization: int = 80

    @property
    def supply_is_dc(self) -> bool:
        """Whether it is of direct current."""
        return self.supply == "dc"


class DeviceTypeRecord(Record):
    """A device type."""

    manufacturer: Ref
    model: RecordText
    slug: RecordText
    u_height: Annotated[float, Field(ge=0)] = 1.0
    is_full_depth: bool = True
    subdevice_role: Choice = None
    airflow: Choice = None
    weight: float | None = None
    weight_unit: Choice = None


class PortTemplateRecord(Record):
    """A power port of a device type."""

    device_type: Ref | None = None
    name: RecordText
    maximum_draw: int | None = None
    allocated_draw: int | None = None


class BayTemplateRecord(Record):
    """A module bay of a device type."""

    device_type: Ref | None = None
    name: RecordText
    label: RecordText = ""


class DeviceRecord(Record):
    """A device."""

    name: RecordText = ""
    device_type: Ref
    role: Ref | None = None
    tenant: Ref | None = None
    site: Ref
    location: Ref | None = None
    rack: Ref | None = None
    position: float | None = None
    face: Choice = None
    parent_device: Ref | None = None
    status: Choice = "active"
    serial: RecordText = ""


class EndRecord(BaseModel):
    """What is at the other end of a cable's path."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: RecordId


class PowerPortRecord(Record):
    """A power port of a device."""

    device: Ref
    name: RecordText
    maximum_draw: int | None = None
    allocated_draw: int | None = None
    connected_endpoints: tuple[EndRecord, ...] | None = None
    connected_endpoints_type: RecordText = ""


class PowerOutletRecord(Record):
    """An outlet, as of a power strip."""

    device: Ref
    name: RecordText
    power_port: Ref | None = None


class DeviceBayRecord(Record):
    """A bay of a chassis."""

    device: Ref
    name: RecordText
    installed_device: Ref | None = None


class CableRecord(Record):
    """A cable."""

    type: Choice = None
    a_terminations: tuple[dict[str, Any], ...] = ()
    b_terminations: tuple[dict[str, Any], ...] = ()


class VlanRecord(Record):
    """A VLAN."""

    vid: int
    name: RecordText
    site: Ref | None = None
    tenant: Ref | None = None


class PrefixRecord(Record):
    """A prefix."""

    prefix: RecordText
    status: Choice = "active"
    role: Ref | None = None
    vlan: Ref | None = None
    vrf: Ref | None = None
    scope_type: RecordText = ""
    scope_id: int | None = None
    site: Ref | None = None
    tenant: Ref | None = None
    description: RecordText = ""


class HolderRecord(BaseModel):
    """The interface that has an address."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    device: Ref | None = None
    name: RecordText = ""


class AddressRecord(Record):
    """An address."""

    address: RecordText
    status: Choice = "active"
    role: Choice = None
    vrf: Ref | None = None
    dns_name: RecordText = ""
    description: RecordText = ""
    assigned_object: HolderRecord | None = None
