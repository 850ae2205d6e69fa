"""Device types of an inventory as node types: by what the ports of a device say, and by assumptions for the rest."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from zonewright.estate.naming import line_of_text
from zonewright.estate.records import BayTemplateRecord, DeviceRecord, PortTemplateRecord, PowerPortRecord
from zonewright.estate.work import AdoptionWork
from zonewright.model import NodeType
from zonewright.model.derived_type import derived_type
from zonewright.model.device_type import DeviceType, TypeOverlay
from zonewright.model.supply import FeedName

_PASSIVE = re.compile(r"(?i)patch|panel|blank|shelf|cable|organi[sz]er|odf|splice|tray")
_MOST_SUPPLIES = 12
_OVERLAY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceKind:
    """What a device is.

    Attributes:
        id: id of its node type.
        node_type: its figures.
        exact_u: its height, a half where it has one.
    """

    id: str
    node_type: NodeType
    exact_u: float


class Types:
    """The node types that devices need, made as they are asked for.

    Args:
        work: the adoption.
    """

    def __init__(self, work: AdoptionWork) -> None:
        self._work = work
        self._ports = _by_type(work.estate.port_templates.values())
        self._bays = _by_type(work.estate.bay_templates.values())
        self._roles = _roles(work.estate.devices.values())
        self._faulty: set[int] = set()
        self._variants: dict[tuple[object, ...], DeviceKind | None] = {}
        self.node_types: dict[str, NodeType] = {}

    def of(
        self,
        device: DeviceRecord,
        ports: Sequence[PowerPortRecord],
        *,
        single: FeedName | None = None,
        extra_kg: float = 0,
    ) -> DeviceKind | None:
        """The kind of a device; None where its type is none, which is noted.

        Args:
            device: the device.
            ports: its own power ports, which count before those of its type.
            single: the feed that all its supplies hang on, where that is one.
            extra_kg: weight of what stands in its bays.
        """
        figures = tuple(sorted((port.maximum_draw or 0, port.allocated_draw or 0) for port in ports))
        key = (device.device_type.id, figures, single is not None, extra_kg)
        if key not in self._variants:
            self._variants[key] = self._made(device.device_type.id, ports, single=single, extra_kg=extra_kg)
        return self._variants[key]

    def _made(
        self, number: int, ports: Sequence[PowerPortRecord], *, single: FeedName | None, extra_kg: float
    ) -> DeviceKind | None:
        node_type = self._derived(number, ports)
        if node_type is None:
            return None
        changes: dict[str, object] = {}
        if single is not None and node_type.power_supplies > 1:
            changes = {"power_supplies": 1, "power_supplies_required": 1, "power_supply_w": None}
        if extra_kg:
            changes["weight_kg"] = min(2000.0, round(node_type.weight_kg + extra_kg, 3))
        node_type = node_type.model_copy(update=changes)
        record = self._work.estate.device_types[number]
        name = self._work.id_of("types", number, record.slug, word="type")
        for other in (name, *(f"{name[:54]}-v{count}" for count in range(2, 1_000))):
            if self.node_types.setdefault(other, node_type) == node_type:
                return DeviceKind(id=other, node_type=node_type, exact_u=record.u_height)
        return None

    def _derived(self, number: int, ports: Sequence[PowerPortRecord]) -> NodeType | None:
        record = self._work.estate.device_types[number]
        subject = record.slug or f"type {number}"
        said: Sequence[PowerPortRecord | PortTemplateRecord] = ports or self._ports.get(number, ())
        passive = (
            not said
            and not self._bays.get(number)
            and bool(_PASSIVE.search(" ".join((record.model, *self._roles.get(number, ())))))
        )
        try:
            device = DeviceType.model_validate(
                {
                    "manufacturer": line_of_text(record.manufacturer.name) or "unknown",
                    "model": line_of_text(record.model) or subject,
                    "slug": self._work.id_of("types", number, record.slug, word="type"),
                    "u_height": record.u_height,
                    "is_full_depth": record.is_full_depth,
                    "is_powered": not passive,
                    "weight": record.weight or None,
                    "weight_unit": record.weight_unit if record.weight else None,
                    "airflow": record.airflow,
                    "power-ports": [
                        {"maximum_draw": port.maximum_draw or None, "allocated_draw": port.allocated_draw or None}
                        for port in said[:_MOST_SUPPLIES]
                    ],
                    "module-bays": [
                        {"name": bay.name, "label": bay.label or None} for bay in self._bays.get(number, ())
                    ],
                }
            )
        except ValidationError as error:
            self._fault(
                number, subject, "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            )
            return None
        known = self._known(device.slug)
        lacks = derived_type(device, known).lacks
        found = derived_type(device, {**known, _OVERLAY: self._assumed(device.slug, lacks, passive=passive)})
        if found.node_type is None and not found.unfit:
            self._fault(number, subject, f"lacks {', '.join(found.lacks)}")
        elif found.node_type is None and record.u_height > 0 and record.subdevice_role != "child":
            self._fault(number, subject, found.unfit)
        return found.node_type

    def _fault(self, number: int, subject: str, text: str) -> None:
        if number not in self._faulty:
            self._faulty.add(number)
            self._work.note("device types", subject, f"cannot be a node type: {text}", is_fault=True)

    def _known(self, slug: str) -> Mapping[str, TypeOverlay]:
        """What was found out of a type."""
        told = self._work.assumptions
        fields: dict[str, object] = {}
        for entry in (told.passive_weight_kg_per_u, told.type_weight_kg_per_u):
            if slug in entry.known:
                fields["weight_kg"] = entry.known[slug]
        if slug in told.type_draw_w_per_u.known:
            draw = round(told.type_draw_w_per_u.known[slug])
            fields |= {"maximum_draw": draw, "allocated_draw": draw}
        if slug in told.type_power_supplies.known:
            fields["power_supplies"] = round(told.type_power_supplies.known[slug])
        return {slug: TypeOverlay.model_validate({"source": "assumptions.yaml, known", **fields})} if fields else {}

    def _assumed(self, slug: str, lacks: Iterable[str], *, passive: bool) -> TypeOverlay:
        """Class defaults for what is missing, each noted as one to work off."""
        fields: dict[str, object] = {}
        if "weight_kg" in lacks:
            name = "passive_weight_kg_per_u" if passive else "type_weight_kg_per_u"
            fields["weight_kg_per_u"] = self._work.amount(name, slug)
        if "maximum_draw" in lacks:
            fields["maximum_draw_per_u"] = round(self._work.amount("type_draw_w_per_u", slug))
        if "power_supplies" in lacks:
            fields["power_supplies"] = round(self._work.amount("type_power_supplies", slug))
        return TypeOverlay.model_validate({"source": "assumptions.yaml, default", **fields})


_Template = TypeVar("_Template", PortTemplateRecord, BayTemplateRecord)


def _by_type(templates: Iterable[_Template]) -> dict[int, list[_Template]]:
    found: dict[int, list[_Template]] = {}
    for one in templates:
        if one.device_type is not None:
            found.setdefault(one.device_type.id, []).append(one)
    return found


def _roles(devices: Iterable[DeviceRecord]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for device in devices:
        if device.role is not None:
            found.setdefault(device.device_type.id, set()).add(device.role.name)
    return found
