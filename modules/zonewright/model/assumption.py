"""What is assumed of an estate that is taken over, where its inventory says nothing (``assumptions.yaml``)."""

from typing import Annotated

from pydantic import Field

from zonewright.model.base import Declared, Line

Amount = Annotated[float, Field(gt=0, le=1_000_000, strict=False)]


class AssumedAmount(Declared):
    """A figure that the inventory does not state."""

    default: Amount
    """What counts for all whose figure is not known."""
    source: Line
    """Where the default comes from."""
    open: Annotated[tuple[Line, ...], Field(strict=False)] = ()
    """Those that it counts for: the list to work off. It is written again at each run."""
    known: dict[Line, Amount] = Field(default_factory=dict)
    """What was found out, by name; it counts before the default."""


class AssumedName(Declared):
    """A name or an address that the inventory does not state."""

    default: Line
    """What counts for all of which it is not known; ``{site}`` is the id of the site."""
    source: Line
    """Where the default comes from."""
    open: Annotated[tuple[Line, ...], Field(strict=False)] = ()
    """Those that it counts for: the list to work off. It is written again at each run."""
    known: dict[Line, Line] = Field(default_factory=dict)
    """What was found out, by name; it counts before the default."""


class Assumptions(Declared):
    """The file ``assumptions.yaml`` of an estate that was taken over. Write into ``known`` what you find out."""

    type_weight_kg_per_u: AssumedAmount = AssumedAmount(
        default=14, source="class default: a rack server of 2 U has 28 kg"
    )
    """Kilograms of each rack unit of a device type without a weight; what is known is the whole type's weight."""
    passive_weight_kg_per_u: AssumedAmount = AssumedAmount(default=3, source="class default: a patch panel")
    """The same of a type that draws no power, such as a patch panel."""
    type_draw_w_per_u: AssumedAmount = AssumedAmount(default=350, source="class default: a server of two sockets")
    """Watts of each rack unit of a device type whose power ports say nothing; what is known is the whole type's."""
    type_power_supplies: AssumedAmount = AssumedAmount(default=2, source="class default: two supplies, one is enough")
    """Power supplies of a device type without power ports and without bays for supplies."""
    rack_max_weight_kg: AssumedAmount = AssumedAmount(default=1000, source="class default: static load of a 42 U rack")
    """Kilograms that a rack may carry which does not say it."""
    rack_feed_w: AssumedAmount = AssumedAmount(default=3680, source="class default: one feed of 16 A at 230 V")
    """Rating in watts of the one feed A of a rack without power feeds."""
    single_supply_feed: AssumedName = AssumedName(default="A", source="class default")
    """The feed, A or B, of a device with one power supply whose cable is not recorded."""
    panel_substation: AssumedName = AssumedName(
        default="{site}-grid", source="one substation for all panels of a site, which is the worst case"
    )
    """The substation of a power panel."""
    pool_gateway: AssumedName = AssumedName(default="first", source="the first address of a prefix")
    """The gateway of a prefix in which no address is described as one; ``first``, or an address."""
    site_district: AssumedName = AssumedName(default="unassigned", source="no region in the inventory")
    """The district of a site without a region."""
    site_operator: AssumedName = AssumedName(default="operator", source="no tenant in the inventory")
    """The party that operates a site without a tenant."""
    rack_room: AssumedName = AssumedName(default="main", source="no location in the inventory")
    """The room of a rack without a location."""
