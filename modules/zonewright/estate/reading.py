"""From what an inventory answered to records, with everything that is wrong with it in one run. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from pydantic import ValidationError

from zonewright.declare.problem import shown
from zonewright.estate.records import (
    AddressRecord,
    BayTemplateRecord,
    CableRecord,
    DeviceBayRecord,
    DeviceRecord,
    DeviceTypeRecord,
    FeedRecord,
    LocationRecord,
    PanelRecord,
    PortTemplateRecord,
    PowerOutletRecord,
    PowerPortRecord,
    PrefixRecord,
    RackRecord,
    Record,
    SiteRecord,
    TenantRecord,
    UnitReservationRecord,
    VlanRecord,
)

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estate:
    """Everything that was read, each kind by its number in the inventory."""

    tenants: Mapping[int, TenantRecord]
    sites: Mapping[int, SiteRecord]
    locations: Mapping[int, LocationRecord]
    racks: Mapping[int, RackRecord]
    reservations: Mapping[int, UnitReservationRecord]
    panels: Mapping[int, PanelRecord]
    feeds: Mapping[int, FeedRecord]
    device_types: Mapping[int, DeviceTypeRecord]
    port_templates: Mapping[int, PortTemplateRecord]
    bay_templates: Mapping[int, BayTemplateRecord]
    devices: Mapping[int, DeviceRecord]
    power_ports: Mapping[int, PowerPortRecord]
    outlets: Mapping[int, PowerOutletRecord]
    device_bays: Mapping[int, DeviceBayRecord]
    cables: Mapping[int, CableRecord]
    vlans: Mapping[int, VlanRecord]
    prefixes: Mapping[int, PrefixRecord]
    addresses: Mapping[int, AddressRecord]


KINDS: Mapping[str, tuple[str, type[Record]]] = {
    "tenants": ("tenancy/tenants", TenantRecord),
    "sites": ("dcim/sites", SiteRecord),
    "locations": ("dcim/locations", LocationRecord),
    "racks": ("dcim/racks", RackRecord),
    "reservations": ("dcim/rack-reservations", UnitReservationRecord),
    "panels": ("dcim/power-panels", PanelRecord),
    "feeds": ("dcim/power-feeds", FeedRecord),
    "device_types": ("dcim/device-types", DeviceTypeRecord),
    "port_templates": ("dcim/power-port-templates", PortTemplateRecord),
    "bay_templates": ("dcim/module-bay-templates", BayTemplateRecord),
    "devices": ("dcim/devices", DeviceRecord),
    "power_ports": ("dcim/power-ports", PowerPortRecord),
    "outlets": ("dcim/power-outlets", PowerOutletRecord),
    "device_bays": ("dcim/device-bays", DeviceBayRecord),
    "cables": ("dcim/cables", CableRecord),
    "vlans": ("ipam/vlans", VlanRecord),
    "prefixes": ("ipam/prefixes", PrefixRecord),
    "addresses": ("ipam/ip-addresses", AddressRecord),
}
"""By field of an estate the endpoint of NetBox's API, and what one of its objects is read as."""
assert tuple(KINDS) == tuple(one.name for one in fields(Estate))  # noqa: S101 - a slip of this file, at its import
REFERENCES: Mapping[str, Mapping[str, str]] = {
    "sites": {"tenant": "tenants"},
    "locations": {"site": "sites", "parent": "locations"},
    "racks": {"site": "sites", "location": "locations", "tenant": "tenants"},
    "reservations": {"rack": "racks", "tenant": "tenants"},
    "panels": {"site": "sites", "location": "locations"},
    "feeds": {"power_panel": "panels", "rack": "racks"},
    "devices": {"device_type": "device_types", "site": "sites", "rack": "racks", "tenant": "tenants"},
    "power_ports": {"device": "devices"},
    "outlets": {"device": "devices", "power_port": "power_ports"},
    "device_bays": {"device": "devices"},
    "vlans": {"tenant": "tenants"},
    "prefixes": {"vlan": "vlans", "tenant": "tenants"},
}
"""By field of an estate which references must lead to something that was read too."""
_MOST = 200


def read_estate(answers: Mapping[str, Sequence[object]]) -> tuple[Estate, tuple[str, ...]]:
    """The records of an inventory's answers, and a sentence for each fault; what is faulty is left out.

    Args:
        answers: objects by endpoint, such as ``dcim/racks``.
    """
    faults: list[str] = []
    read: dict[str, Any] = {
        field: _records(endpoint, kind, answers.get(endpoint, ()), faults) for field, (endpoint, kind) in KINDS.items()
    }
    for field, references in REFERENCES.items():
        endpoint = KINDS[field][0]
        for record in tuple(read[field].values()):
            for name, target in references.items():
                found = getattr(record, name)
                if found is not None and found.id not in read[target]:
                    faults.append(
                        f"{endpoint} {record.shown}: {name}: expected one of {KINDS[target][0]}, got {found.shown}, "
                        "which was not read; export both, or let the token see both"
                    )
                    read[field].pop(record.id, None)
    more = len(faults) - _MOST
    told = (*faults[:_MOST], *((f"and {more:,} more faults; correct these first",) if more > 0 else ()))
    return Estate(**read), told


def _records(endpoint: str, kind: type[R], objects: Sequence[object], faults: list[str]) -> dict[int, R]:
    found: dict[int, R] = {}
    for index, one in enumerate(objects):
        try:
            record = kind.model_validate(one)
        except ValidationError as error:
            faults += [_told(endpoint, index, one, wrong) for wrong in error.errors(include_url=False)]
            continue
        if record.id in found:
            faults.append(f"{endpoint} {record.shown}: expected each object once, got it twice; export again")
        found.setdefault(record.id, record)
    return found


def _told(endpoint: str, index: int, one: object, wrong: Any) -> str:
    which = one.get("uuid") or one.get("id", f"[{index}]") if isinstance(one, Mapping) else f"[{index}]"
    field = ".".join(map(str, wrong["loc"])) or "object"
    reason = wrong["msg"][:1].lower() + wrong["msg"][1:]
    return f"{endpoint} {which}: {field}: {reason}, got {shown(wrong['input'])[:80]}; correct it in the inventory"
