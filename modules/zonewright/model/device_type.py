"""Device types and module types as NetBox's device-type library writes them, and what a zone says beside them."""

import re
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from zonewright.model.base import Declared, Identifier, Line
from zonewright.model.cooling import Cooling
from zonewright.model.node_ports import NodeBond, NodeInterface, bond_faults
from zonewright.model.zone import Airflow, TypePattern

PortDraw = Annotated[int, Field(ge=1, le=200_000)]
_SUPPLY = re.compile(r"(?i)(?:^|[^a-z])(?:psu|psm|pem|pwr|power|pm(?=[0-9]+$)|ps(?=[ #-]?(?:[0-9]+|[a-d])?$))")
"""What names a bay for a power supply: PSU1, PS-A, PEM0, Power Supply 2, Power Tray Slot 0."""


class _Library(Declared):
    """A file of the library, or a part of one: fields that node types have no use for are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)


class PowerPort(_Library):
    """A power port."""

    maximum_draw: PortDraw | None = None
    """Nameplate draw of the port in watts."""
    allocated_draw: PortDraw | None = None
    """Budgeted draw of the port in watts."""

    @property
    def nameplate(self) -> int | None:
        """What it is rated for in watts; its budget where it says no nameplate, None where it says neither."""
        return self.maximum_draw or self.allocated_draw


class ModuleBay(_Library):
    """A bay for a module, such as a power supply, a fan or a card."""

    name: Annotated[str, Field(max_length=200)] = ""
    """Its name, such as PSU1."""
    label: Annotated[str, Field(max_length=200)] | None = None
    """What is printed beside it."""

    @property
    def is_for_supply(self) -> bool:
        """Whether its name or its label says that a power supply goes into it."""
        return any(_SUPPLY.search(text) for text in (self.name, self.label or ""))


Ports = Annotated[tuple[PowerPort, ...], Field(max_length=64, strict=False, alias="power-ports")]


class ModuleType(_Library):
    """A file of the library's module types; only power supplies count here."""

    manufacturer: Line
    """Who makes it."""
    model: Line
    """The maker's model name."""
    part_number: Line | None = None
    """The maker's part number."""
    power_ports: Ports = ()
    """Its power ports."""

    @property
    def nameplate(self) -> int:
        """What it is rated for in watts; 0 where it is no power supply, or does not say."""
        return sum(port.nameplate or 0 for port in self.power_ports)


class DeviceType(_Library):
    """A file of NetBox's device-type library; fields that node types have no use for are passed over."""

    manufacturer: Line
    """Who makes it."""
    model: Line
    """The maker's model name."""
    slug: Identifier
    """Id of the node type."""
    u_height: Annotated[float, Field(ge=0, le=60, multiple_of=0.5, strict=False)]
    """Height in rack units; a half one takes a whole one."""
    is_full_depth: bool = True
    """Whether it takes both faces of the rack."""
    is_powered: bool = True
    """Whether it draws power; a patch panel does not."""
    subdevice_role: Literal["parent", "child"] | None = None
    """Whether it holds others in device bays, or stands in such a bay itself."""
    weight: Annotated[float, Field(gt=0, le=5_000_000, strict=False)] | None = None
    """Weight, in ``weight_unit``."""
    weight_unit: Literal["kg", "g", "lb", "oz"] | None = None
    """Unit of the weight."""
    airflow: Line | None = None
    """Direction of the cooling air."""
    cooling_method: Cooling | None = None
    """The cooling that it needs, as NetBox says it from 4.7 on."""
    cooling: Cooling = "air"
    """Ours: the cooling that it needs, where ``cooling_method`` does not say it."""
    power_ports: Ports = ()
    """Its power supplies, where they are built in."""
    module_bays: Annotated[tuple[ModuleBay, ...], Field(max_length=1_000, strict=False, alias="module-bays")] = ()
    """Its bays for modules; those for power supplies count."""


class TypeOverlay(Declared):
    """What a zone says of device types that match: weight, power, cooling and ports, and where the figures are from."""

    source: Annotated[Line, Field(min_length=1)]
    """Where the figures come from, such as a data sheet or a measurement with its date."""
    weight_kg: Annotated[float, Field(gt=0, le=2000, strict=False)] | None = None
    """Weight in kilograms."""
    weight_kg_per_u: Annotated[float, Field(gt=0, le=500, strict=False)] | None = None
    """Weight in kilograms of each of its rack units."""
    maximum_draw: PortDraw | None = None
    """Nameplate draw of the whole node in watts."""
    maximum_draw_per_u: PortDraw | None = None
    """Nameplate draw in watts of each of its rack units."""
    allocated_draw: PortDraw | None = None
    """Budgeted draw of the whole node in watts."""
    power_supply: Line | None = None
    """Model or part number of the module type that is in its bays for power supplies."""
    power_supplies: Annotated[int, Field(ge=1, le=16)] | None = None
    """Power supplies."""
    power_supplies_required: Annotated[int, Field(ge=1, le=16)] | None = None
    """Power supplies that must be fed for the node to stay up."""
    airflow: Airflow | None = None
    """Direction of the cooling air."""
    cooling: Cooling | None = None
    """The cooling that it needs."""
    interfaces: Annotated[tuple[NodeInterface, ...], Field(max_length=64, strict=False)] = ()
    """Its network ports, by the names that its system gives to them; those of its file are the maker's labels."""
    bonds: Annotated[tuple[NodeBond, ...], Field(max_length=8, strict=False)] = ()
    """How these ports form bonds, as in a node type."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        faults = list(bond_faults(self.interfaces, self.bonds))
        if faults:
            raise ValueError("; ".join(faults))
        for field in ("weight_kg", "maximum_draw"):
            if getattr(self, field) is not None and getattr(self, f"{field}_per_u") is not None:
                message = f"expected {field} or {field}_per_u, not both"
                raise ValueError(message)
        return self


class TypeOverlays(Declared):
    """The file ``device-types.overlay.yaml``: what a zone says of device types, beside their files.

    An entry with a whole slug counts before what the file says. An entry with a pattern only fills in what is missing;
    of several, the first one that has the field.
    """

    types: dict[TypePattern, TypeOverlay]
    """Entries by slug, or by a pattern of slugs such as ``dell-poweredge-*``."""
