"""From a device type to a node type: which figure counts, where it comes from, and what is missing."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import ceil
from typing import Any, get_args

from zonewright.model.device_type import DeviceType, ModuleType, TypeOverlay
from zonewright.model.zone import Airflow, NodeType

KILOGRAMS = {"kg": 1.0, "g": 0.001, "lb": 0.453_592_37, "oz": 0.028_349_523_125}
_LARGEST_KG, _LARGEST_W, _MOST_SUPPLIES = 2000, 200_000, 16
_AIRFLOWS = get_args(Airflow)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeFigure:
    """A value and where it comes from."""

    value: Any
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedType:
    """What a device type gives.

    Attributes:
        node_type: the node type; None where something is missing.
        figures: each derived field of it with its origin.
        lacks: fields that neither the file nor the overlay has, as the overlay names them.
        unfit: why it can be no node type, whatever an overlay says; empty where it can.
        unknown_supply: the module type that the overlay names for its supplies, where none has that name and a rating.
        notes: what a reader of the figures should know.
    """

    node_type: NodeType | None = None
    figures: Mapping[str, TypeFigure]
    lacks: tuple[str, ...] = ()
    unfit: str = ""
    unknown_supply: str = ""
    notes: tuple[str, ...] = ()


def derived_type(
    device: DeviceType, overlays: Mapping[str, TypeOverlay], module_types: Iterable[ModuleType] = ()
) -> DerivedType:
    """The node type of a device type.

    Args:
        device: the device type.
        overlays: what the zone says beside it, by slug or pattern, in the order of its file.
        module_types: module types that may be its power supplies.
    """
    if device.u_height == 0 or device.subdevice_role == "child":
        what = "it stands in a device bay" if device.subdevice_role == "child" else "its u_height is 0"
        return DerivedType(figures={}, unfit=f"{what}, not in the units of a rack")
    said = _Said(device, overlays, tuple(module_types))
    figures = {
        name: figure
        for name, figure in (
            ("weight_kg", said.weight()),
            ("airflow", said.airflow()),
            ("cooling", said.plain("cooling", device.cooling_method or device.cooling)),
            *said.power(),
        )
        if figure is not None
    }
    if said.unknown_supply:
        return DerivedType(figures=figures, unknown_supply=said.unknown_supply)
    lacks = tuple(name for name in ("weight_kg", "maximum_draw", "power_supplies") if name not in figures)
    if lacks:
        return DerivedType(figures=figures, lacks=lacks)
    values = {name: figure.value for name, figure in figures.items()}
    unfit = _beyond(values)
    if unfit:
        return DerivedType(figures=figures, unfit=unfit)
    node_type = NodeType(
        manufacturer=device.manufacturer,
        model=device.model,
        u_height=ceil(device.u_height),
        is_full_depth=device.is_full_depth,
        **values,
        **said.ports(),
    )
    return DerivedType(node_type=node_type, figures=figures, notes=tuple(_notes(device, node_type)))


def _beyond(values: Mapping[str, Any]) -> str:
    """Which figure is larger than a node's can be; empty where none is."""
    limits = (
        ("weight_kg", _LARGEST_KG, "kg"),
        ("maximum_draw", _LARGEST_W, "W"),
        ("power_supplies", _MOST_SUPPLIES, "power supplies"),
    )
    for name, most, unit in limits:
        if values[name] > most:
            return f"{values[name]:,} {unit} are more than a node can have, which is {most:,}"
    return ""


def _notes(device: DeviceType, made: NodeType) -> Iterator[str]:
    if device.u_height != made.u_height:
        yield f"its {device.u_height:g} U take {made.u_height} U"
    if made.power_supply_w:
        needed = -(-made.allocated_draw // made.power_supply_w)
        yield f"its budget of {made.allocated_draw:,} W needs {needed} power supplies of {made.power_supply_w:,} W"


class _Said:
    """All that is said of one device type: an entry of its own, its file, and entries with patterns, in this order."""

    def __init__(
        self, device: DeviceType, overlays: Mapping[str, TypeOverlay], module_types: tuple[ModuleType, ...]
    ) -> None:
        self._device = device
        self._modules = module_types
        self._units = ceil(device.u_height)
        self.unknown_supply = ""
        own = overlays.get(device.slug)
        self._own = [(device.slug, own)] if own else []
        self._patterns = [
            (key, entry) for key, entry in overlays.items() if "*" in key and fnmatchcase(device.slug, key)
        ]

    def weight(self) -> TypeFigure | None:
        """Kilograms, to the gram."""
        own = self._overlaid(self._own, "weight_kg")
        device = self._device
        if own is None and device.weight is not None and device.weight_unit is not None:
            value = max(0.001, round(device.weight * KILOGRAMS[device.weight_unit], 3))  # a gram at least
            return TypeFigure(value=value, origin=f"file: {device.weight:g} {device.weight_unit}")
        return own or self._overlaid(self._patterns, "weight_kg")

    def airflow(self) -> TypeFigure:
        """The direction of the air; one that node types do not know is mixed."""
        found = self._device.airflow
        known = found if found in _AIRFLOWS else "mixed"
        return self.plain("airflow", known if found else None) or TypeFigure(value="front-to-rear", origin="usual")

    def plain(self, name: str, in_file: Any) -> TypeFigure | None:
        """A field that is as it is said."""
        own = self._overlaid(self._own, name)
        if own is None and in_file is not None:
            return TypeFigure(value=in_file, origin="file")
        return own or self._overlaid(self._patterns, name)

    def ports(self) -> dict[str, Any]:
        """Network ports and bonds of the first entry that names ports."""
        found = next((entry for _, entry in (*self._own, *self._patterns) if entry.interfaces), None)
        return {} if found is None else {"interfaces": found.interfaces, "bonds": found.bonds}

    def power(self) -> Iterator[tuple[str, TypeFigure | None]]:
        """Supplies, those that must be fed, nameplate and budget, as far as they can be told."""
        if not self._device.is_powered:
            none = TypeFigure(value=0, origin="file: is_powered: false")
            for name in ("power_supplies", "power_supplies_required", "maximum_draw", "allocated_draw"):
                yield name, none
            return
        supplies = self._supplies()
        yield "power_supplies", supplies
        count = supplies.value if supplies else 0
        half = -(-count // 2)
        each = self._nameplates(count)
        maximum = self._maximum(each, half)
        if maximum is None:
            return
        budget = self._budget(maximum)
        if budget.value > maximum.value:
            maximum = TypeFigure(value=budget.value, origin=budget.origin)
        yield "maximum_draw", maximum
        yield "allocated_draw", budget
        if count:
            required = self._required(count)
            yield "power_supplies_required", required
            if each and min(each.value) * required.value < budget.value:
                yield "power_supply_w", TypeFigure(value=min(each.value), origin=f"{each.origin}, the weakest")

    def _supplies(self) -> TypeFigure | None:
        device = self._device
        own = self._overlaid(self._own, "power_supplies")
        bays = sum(bay.is_for_supply for bay in device.module_bays)
        if own is None and device.power_ports:
            return TypeFigure(value=len(device.power_ports), origin="file: power-ports")
        if own is None and bays:
            return TypeFigure(value=bays, origin="file: module-bays")
        return own or self._overlaid(self._patterns, "power_supplies")

    def _nameplates(self, count: int) -> TypeFigure | None:
        """What each supply is rated for: of the module that an overlay names, or of the ports of the file.

        A port that says nothing counts as the largest of the others.
        """
        for entries in (self._own, self._patterns):
            if entries is self._patterns and any(port.nameplate for port in self._device.power_ports):
                largest = max(port.nameplate or 0 for port in self._device.power_ports)
                return TypeFigure(
                    value=[port.nameplate or largest for port in self._device.power_ports], origin="file: power-ports"
                )
            named = self._overlaid(entries, "power_supply")
            module = self._module(named.value) if named else None
            if named and module and module.nameplate:
                return TypeFigure(
                    value=[module.nameplate] * count, origin=f"{named.origin}, module type {module.model}"
                )
            if named:
                self.unknown_supply = str(named.value)
                return None
        return None

    def _module(self, name: str) -> ModuleType | None:
        fitting = [one for one in self._modules if name in (one.model, one.part_number)]
        of_maker = [one for one in fitting if one.manufacturer == self._device.manufacturer]
        return next(iter(of_maker or fitting), None)

    def _maximum(self, each: TypeFigure | None, half: int) -> TypeFigure | None:
        """The node's nameplate: of as many supplies as half of them are, since each is rated to carry its share."""
        own = self._overlaid(self._own, "maximum_draw")
        if own is None and each is not None and half:
            ranked = sorted(each.value, reverse=True)
            return TypeFigure(value=sum(ranked[:half]), origin=f"{each.origin}, the largest {half}")
        return own or self._overlaid(self._patterns, "maximum_draw")

    def _budget(self, maximum: TypeFigure) -> TypeFigure:
        own = self._overlaid(self._own, "allocated_draw")
        if own is not None:
            return own
        budgets = [port.allocated_draw for port in self._device.power_ports]
        if budgets and all(budgets):
            return TypeFigure(value=sum(budget or 0 for budget in budgets), origin="file: power-ports")
        usual = self._overlaid(self._patterns, "allocated_draw")
        if usual is not None and usual.value < maximum.value:
            return usual
        return TypeFigure(value=maximum.value, origin="its nameplate")

    def _required(self, count: int) -> TypeFigure:
        """How many must be fed: half of them, rounded up."""
        own = self._overlaid(self._own, "power_supplies_required")
        usual = own or self._overlaid(self._patterns, "power_supplies_required")
        return (
            TypeFigure(value=min(usual.value, count), origin=usual.origin)
            if usual
            else TypeFigure(value=-(-count // 2), origin="half of them")
        )

    def _overlaid(self, entries: list[tuple[str, TypeOverlay]], name: str) -> TypeFigure | None:
        for key, entry in entries:
            value, per_unit = getattr(entry, name), getattr(entry, f"{name}_per_u", None)
            if per_unit is not None:
                value = per_unit * self._units
            if value is not None:
                return TypeFigure(value=value, origin=f"overlay {key}: {entry.source}")
        return None
