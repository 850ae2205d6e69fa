"""What a facility operator declares: sites, rooms, rows of racks, baseline and networks."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from zonewright.model.base import Date, Declared, FormerIds, FormerRows, Identifier, Line
from zonewright.model.cooling import Cooling
from zonewright.model.coverage import Tower
from zonewright.model.ip import Address, Network
from zonewright.model.metering import Meter, MeterBoundary, MeterHost, Overhead, PlantState
from zonewright.model.site_network import (
    AddressPool,
    RouterNetwork,
    SiteVlan,
    management_faults,
    pools_for,
    vlan_faults,
)
from zonewright.model.site_servers import (
    Alertmanager,
    Dnssec,
    SecondDhcpServer,
    SecondRouter,
    second_dhcp_faults,
    second_router_faults,
    stretched_faults,
)
from zonewright.model.supply import (
    BackupPower,
    Derating,
    FeedName,
    Phase,
    PowerElement,
    PowerFeed,
    PowerPanel,
)
from zonewright.model.switch import Switch, switch_faults
from zonewright.model.works import PlannedWork

Face = Literal["front", "rear"]
_PART = {"is_part": True}


ProtectionLevel = Annotated[int, Field(ge=1, le=5)]


class Baseline(Declared):
    """Equipment that already stands in racks and belongs to no stack."""

    racks: Line
    """Rack numbers within the row, such as ``01..40`` or ``03,07``."""
    position: Annotated[int, Field(ge=1, le=60)]
    """Lowest rack unit, counted from the bottom."""
    u_height: Annotated[int, Field(ge=1, le=60)]
    """Height in rack units."""
    face: Face = "front"
    """Side of the rack it is mounted on."""
    is_full_depth: bool = True
    """Whether it takes both faces."""
    allocated_draw: Annotated[int, Field(ge=0, le=200_000)]
    """Draw in watts in each of the racks."""
    weight_kg: Annotated[float, Field(ge=0, le=3000, strict=False)] = 0.0
    """Weight in kilograms in each of the racks."""
    power_supplies: Annotated[int, Field(ge=1, le=12)] = 2
    """Power supplies; they alternate between feeds A and B, beginning with A."""
    power_supplies_required: Annotated[int, Field(ge=1, le=12)] = 1
    """Power supplies that must be fed for it to stay up."""
    feed: FeedName = "A"
    """The feed of equipment that has a single power supply."""
    leg: Phase | None = None
    """Phase that it hangs on; without it, the phase of its lowest unit."""
    protection_level: ProtectionLevel = 1
    """Level of protection (MLPS 2.0, GB/T 22239-2019) of what runs on it, 1 to 5."""


class RowPlace(Declared):
    """Where the racks of a row stand, in metres in the plan of the site, from a corner that its operator chooses."""

    x_m: Annotated[float, Field(ge=-100_000, le=100_000, strict=False)]
    """Of the middle of its first rack."""
    y_m: Annotated[float, Field(ge=-100_000, le=100_000, strict=False)]
    """Of the middle of its first rack."""
    z_m: Annotated[float, Field(ge=-1_000, le=1_000, strict=False)] = 0.0
    """Height of its floor."""
    along: Literal["x", "y"] = "x"
    """The direction in which the numbers of its racks rise."""
    pitch_m: Annotated[float, Field(gt=0, le=10, strict=False)] = 0.6
    """From the middle of one rack to that of the next."""

    def of_rack(self, number: int) -> tuple[float, float, float]:
        """Metres of the middle of a rack.

        Args:
            number: of the rack, from 1 on.

        Example:
            >>> RowPlace(x_m=2, y_m=10, along="y", pitch_m=0.5).of_rack(3)
            (2.0, 11.0, 0.0)
        """
        away = (number - 1) * self.pitch_m
        return (self.x_m + away, self.y_m, self.z_m) if self.along == "x" else (self.x_m, self.y_m + away, self.z_m)


class Row(Declared):
    """A row of identical racks. Its id may be a range (``01..25``), which declares that many identical rows."""

    was: FormerRows = ()
    """Id that it had before, in its room or as ``room/row``, or ids from the newest on; what stands in it stays."""
    racks: Annotated[int, Field(ge=1, le=40)]
    """How many racks stand in the row; they are numbered from 01."""
    u_height: Annotated[int, Field(ge=1, le=60)] = 42
    """Height of each rack in rack units."""
    max_weight_kg: Annotated[int, Field(ge=100, le=3000)] = 1200
    """Weight that each rack may carry, in kilograms."""
    status: Literal["planned", "active", "decommissioning", "failed"] = "active"
    """As in NetBox: new claims are placed in active rows only. Nothing in a failed row has power."""
    failed_racks: Line = ""
    """Numbers of racks that have failed, such as ``03,07`` or ``01..04``; nothing in them has power."""
    derated_racks: Annotated[dict[Line, Derating], Field(max_length=40)] = Field(default_factory=dict)
    """Part of the rating of both feeds that is left for now in some racks, by their numbers, such as ``03,07: 0.5``."""
    rack_cooling_kw: Annotated[float, Field(gt=0, le=1_000, strict=False)] | None = None
    """Heat in kilowatts that the cooling of each rack takes away; without it, it is not judged."""
    cooling_kw: Annotated[float, Field(gt=0, le=100_000, strict=False)] | None = None
    """Heat in kilowatts that the cooling of the whole row takes away, with its largest unit lost."""
    cage: Identifier | None = None
    """The cage that it stands in, by an id in its room; without it, its racks stand open in the room."""
    place: RowPlace | None = None
    """Where it stands, for clusters that ask for a distance."""
    feeds: Annotated[dict[FeedName, PowerFeed], Field(min_length=1)]
    """The feeds at each rack: A and B, or one of them."""
    baseline: dict[Identifier, Baseline] = Field(default_factory=dict)
    """What already stands in the row, by id."""


class Room(Declared):
    """A room of a site."""

    title: Line = ""
    """Name for people."""
    status: Literal["planned", "active", "decommissioning"] = "active"
    """New claims go into active rooms, or into a planned room if ``may_open`` names the party."""
    cooling: Cooling = "air"
    """How its racks are cooled; a node needs a room with the cooling of its type. A hybrid room has air and liquid."""
    fixed_kw: Annotated[float, Field(ge=0, le=100_000, strict=False)] = 0.0
    """Power in kilowatts that the room takes as soon as it is open, whatever its IT load."""
    cooling_kw: Annotated[float, Field(gt=0, le=100_000, strict=False)] | None = None
    """Heat in kilowatts that its cooling takes away with its largest unit lost; without it, it is not judged."""
    floor_m2: Annotated[float, Field(gt=0, le=1_000_000, strict=False)] | None = None
    """Floor in square metres on which its racks stand."""
    may_open: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """Parties that may place the first claim in a planned room."""
    rows: dict[Line, Row] = Field(default_factory=dict)
    """Rows by id or by range of ids."""


class Location(Declared):
    """Where a site is. The reference system is stated, because WGS84 and GCJ-02 differ by hundreds of metres."""

    latitude: Annotated[float, Field(ge=-90, le=90, strict=False)]
    """Degrees north."""
    longitude: Annotated[float, Field(ge=-180, le=180, strict=False)]
    """Degrees east."""
    crs: Literal["WGS84"]
    """Coordinate reference system; only WGS84 is accepted."""


class Site(Declared):
    """A data centre or an edge site."""

    title: Line
    """Name for people."""
    was: FormerIds = ()
    """Id that it had before, or ids from the newest on; its rows and all that stands in them stay."""
    kind: Literal["data-centre", "edge"] = "data-centre"
    """What kind of site it is."""
    district: Identifier
    """Id of the district."""
    location: Location | None = None
    """Coordinates."""
    commissioned: Date | None = None
    """The day of its commissioning, such as 2024-12-01; limits for newly built sites depend on it."""
    land_ha: Annotated[float, Field(gt=0, le=1_000_000, strict=False)] | None = None
    """Land in hectares that it takes, for the district's ``land_ha``."""
    overhead: Overhead | None = None
    """What it draws besides its IT load; without it, rules on energy cannot judge the site."""
    backup: BackupPower | None = None
    """What carries it when the grid is lost."""
    tower: Tower | None = None
    """The tower, mast or roof for radio stations that stands there."""
    diversity: Annotated[float, Field(gt=0, le=1, strict=False)] = 1.0
    """Share of the claimed power that is drawn at once, for the gate on the energy ratio; thousandths count."""
    as_number: Annotated[int, Field(ge=1, le=4_294_967_294)] | None = None
    """Number of its autonomous system in the zone's routing."""
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*$", max_length=64)] = "UTC"
    """Name in the IANA time zone database."""
    name_servers: Annotated[tuple[Address, ...], Field(strict=False)] = ()
    """Resolvers that nodes of the site use."""
    dnssec: Dnssec | None = None
    """The key by which its name servers sign its own zones; without it they are not signed."""
    time_servers: Annotated[tuple[Address, ...], Field(strict=False)] = ()
    """Time servers that nodes of the site use."""
    management: Annotated[tuple[Network, ...], Field(strict=False)] = ()
    """Networks from which administrators reach hosts of the site."""
    vlans: dict[Identifier, SiteVlan] = Field(default_factory=dict)
    """VLANs by id, such as one for each tenant that the network keeps apart."""
    address_pools: dict[Identifier, AddressPool] = Field(default_factory=dict)
    """Address pools by id; a node gets one address from each that its tenant may use."""
    networks: dict[Identifier, RouterNetwork] = Field(default_factory=dict)
    """Other networks at the site's router, by id."""
    switches: Annotated[dict[Identifier, Switch], Field(max_length=2_000)] = Field(default_factory=dict)
    """Switches by id; each gets a configuration in the language of its platform."""
    loopbacks: Annotated[tuple[Address, ...], Field(max_length=2, strict=False)] = ()
    """Addresses of the router itself, at most one of each IP version; they do not go down with a link."""
    default_gateways: Annotated[tuple[Address, ...], Field(strict=False)] = ()
    """Next hops out of the zone, each in a network with the role ``upstream``; other sites get a default route."""
    second_router: SecondRouter | None = None
    """Another router that takes over as gateway if the first one is lost."""
    second_dhcp_server: SecondDhcpServer | None = None
    """Another DHCP server that leases on if the first one is lost."""
    alertmanagers: Annotated[dict[Identifier, Alertmanager], Field(max_length=16)] = Field(default_factory=dict)
    """Who is told of the alerts of the site's Prometheus, by id."""
    power_panels: dict[Identifier, PowerPanel] = Field(default_factory=dict)
    """Power panels by id."""
    power: dict[Identifier, PowerElement] = Field(default_factory=dict)
    """Elements of the supply by id, from the substations to the breakers; optional."""
    rooms: dict[Identifier, Room] = Field(default_factory=dict)
    """Rooms by id."""
    works: dict[Identifier, PlannedWork] = Field(default_factory=dict)
    """Works that are planned, by id: what is out of service, or carries less, and when."""
    hosts: dict[Identifier, MeterHost] = Field(default_factory=dict)
    """Hosts by id whose agents or gateways read meters of the site; an id is unique in the zone."""
    meters: dict[Identifier, Meter] = Field(default_factory=dict)
    """Energy meters by id."""
    boundary: MeterBoundary | None = None
    """Which of the meters make the energy ratio of the site."""
    plant: dict[Identifier, PlantState] = Field(default_factory=dict)
    """States of the plant by id; the load model is fitted to the readings of the present one."""

    @model_validator(mode="after")
    def _routed(self, info: ValidationInfo) -> Self:
        if info.context == _PART:
            return self
        if len({one.version for one in self.loopbacks}) < len(self.loopbacks):
            message = "two loopbacks of one IP version; leave one of them out"
            raise ValueError(message)
        upstream = [one.prefix for one in self.networks.values() if one.role == "upstream"]
        for gateway in self.default_gateways:
            if not any(gateway.version == prefix.version and gateway in prefix for prefix in upstream):
                message = f"default gateway {gateway} is in no network with the role 'upstream'; declare that network"
                raise ValueError(message)
        faults = list(vlan_faults(self.vlans, self.address_pools, self.networks))
        if self.as_number is None and any(one.tenant is not None for one in self.vlans.values()):
            faults.append("a VLAN of a tenant at a site without as_number, so that no router keeps it apart")
        if self.second_router is not None:
            faults += second_router_faults(
                self.second_router, self.as_number, self.loopbacks, self.vlans, self.address_pools, self.networks
            )
        if self.dnssec is not None and not self.name_servers:
            faults.append(
                "a key for 'dnssec' at a site without name_servers that could sign; name them, or leave it out"
            )
        if self.second_dhcp_server is not None:
            leases = any(one.dynamic is not None for one in self.address_pools.values())
            pools, networks = self.address_pools.values(), self.networks.values()
            inside = [*(one.prefix for one in pools), *(one.prefix for one in networks)]
            faults += second_dhcp_faults(self.second_dhcp_server, inside, leases=leases)
        faults += management_faults(self.management, self.vlans, self.address_pools)
        faults += stretched_faults(
            self.vlans, self.address_pools, self.networks, self.loopbacks, has_two=self.second_router is not None
        )
        faults += switch_faults(self.switches, routers=1 if self.second_router is None else 2)
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def pools_for(self, party: str) -> dict[str, AddressPool]:
        """The pools that the nodes of a party get addresses of."""
        return pools_for(party, self.vlans, self.address_pools)

    def seen_by(self, party: str) -> Self:
        """The site without the VLANs and pools of other tenants, and without what only its own servers need.

        Whose they are, and where the operator keeps a key, is told to nobody else.
        """
        hidden = {key for key, one in self.vlans.items() if one.tenant not in {None, party}}
        second = self.second_dhcp_server
        if not hidden and self.dnssec is None and second is None and not self.alertmanagers:
            return self
        return self.model_copy(
            update={
                "dnssec": None,
                "alertmanagers": {},
                "second_dhcp_server": second.without_files() if second is not None else None,
                "vlans": {key: one for key, one in self.vlans.items() if key not in hidden},
                "address_pools": {key: one for key, one in self.address_pools.items() if one.vlan not in hidden},
            }
        )

    @classmethod
    def part(cls, said: Mapping[str, Any]) -> Self:
        """What ``seen_by`` has left of a site, as a proposal tells it; it was judged whole, with what is not told.

        Args:
            said: its fields.
        """
        return cls.model_validate_json(json.dumps(said), context=_PART)

    @property
    def has_chain(self) -> bool:
        """Whether it declares how its panels are supplied, and what they carry."""
        return bool(self.power) or any(
            panel.supplied_by or panel.rated_kw or panel.redundancy != "N" or panel.status == "failed"
            for panel in self.power_panels.values()
        )

    @property
    def all_loopbacks(self) -> dict[str, Address]:
        """Addresses of the routers themselves, by where they stand in the declaration of the site."""
        second = self.second_router.loopbacks if self.second_router is not None else ()
        found = {f"loopbacks.{index}": one for index, one in enumerate(self.loopbacks)}
        return found | {f"second_router.loopbacks.{index}": one for index, one in enumerate(second)}

    @property
    def fixed_addresses(self) -> tuple[Address, ...]:
        """Addresses of servers that the site itself has; no node gets one of them."""
        return (*self.name_servers, *self.time_servers, *self.dhcp_servers)

    @property
    def dhcp_servers(self) -> tuple[Address, ...]:
        """Where the two DHCP servers of a pair hear each other, the first one first; none without a pair."""
        second = self.second_dhcp_server
        return (second.first_address, second.address) if second is not None else ()
