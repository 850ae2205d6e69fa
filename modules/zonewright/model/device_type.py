"""A device type as NetBox's device-type library writes it, and the node type that it stands for."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from zonewright.model.base import Declared, Identifier, Line
from zonewright.model.site import Cooling
from zonewright.model.zone import Airflow, NodeType

_KILOGRAMS = {"kg": 1.0, "g": 0.001, "lb": 0.453_592_37, "oz": 0.028_349_523_125}
PortDraw = Annotated[int, Field(ge=1, le=200_000)]


class PowerPort(Declared):
    """A power port; fields that node types have no use for are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    name: Line
    """Its name, such as PSU1."""
    maximum_draw: PortDraw | None = None
    """Nameplate draw of the port in watts."""
    allocated_draw: PortDraw | None = None
    """Budgeted draw of the port in watts."""


class DeviceType(Declared):
    """A file of NetBox's device-type library; fields that node types have no use for are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    manufacturer: Line
    """Who makes it."""
    model: Line
    """The maker's model name."""
    slug: Identifier
    """Id of the node type."""
    u_height: Annotated[float, Field(ge=1, le=52, multiple_of=1, strict=False)]
    """Height in rack units."""
    is_full_depth: bool = True
    """Whether it takes both faces of the rack."""
    weight: Annotated[float, Field(gt=0, le=5_000_000, strict=False)]
    """Weight, in ``weight_unit``; NetBox does not require it, racks that may carry so much do."""
    weight_unit: Literal["kg", "g", "lb", "oz"]
    """Unit of the weight."""
    airflow: Line | None = None
    """Direction of the cooling air."""
    cooling: Cooling = "air"
    """Ours: the cooling that it needs."""
    power_ports: Annotated[tuple[PowerPort, ...], Field(min_length=1, max_length=12, strict=False, alias="power-ports")]
    """Its power supplies; each must say its draw."""

    @property
    def lacks_draw(self) -> bool:
        """Whether some port says neither its nameplate nor its budgeted draw."""
        return any(port.maximum_draw is None and port.allocated_draw is None for port in self.power_ports)

    def node_type(self) -> NodeType:
        """The node type: half of the supplies carry it (rounded up); a budget that is not stated is the nameplate.

        The nameplate of the node is the sum over as many ports as are required, since each is rated to carry its
        share alone; the budget is the sum of ``allocated_draw`` over all ports, where all state it. The rating of a
        supply is kept where that many of them cannot carry the budget, so that it is said.
        """
        required = -(-len(self.power_ports) // 2)
        nameplates = sorted((port.maximum_draw or port.allocated_draw or 0 for port in self.power_ports), reverse=True)
        budgets = [port.allocated_draw for port in self.power_ports]
        allocated = sum(budget or 0 for budget in budgets)
        is_short = required * nameplates[-1] < (allocated if all(budgets) else 0)
        maximum = max(sum(nameplates[:required]), allocated)
        airflows: dict[str, Airflow] = {
            name: name
            for name in ("front-to-rear", "rear-to-front", "left-to-right", "right-to-left", "side-to-rear", "passive")
        }
        return NodeType(
            manufacturer=self.manufacturer,
            model=self.model,
            u_height=int(self.u_height),
            is_full_depth=self.is_full_depth,
            weight_kg=round(self.weight * _KILOGRAMS[self.weight_unit], 3),
            cooling=self.cooling,
            airflow=airflows.get(self.airflow or "front-to-rear", "mixed"),
            maximum_draw=maximum,
            allocated_draw=allocated if all(budgets) else maximum,
            power_supplies=len(self.power_ports),
            power_supplies_required=required,
            power_supply_w=nameplates[-1] if is_short else None,
        )
