"""What the zone's administrator declares: districts, parties and node types (the file ``zone.yaml``)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from zonewright.model.approval import ApprovalPolicy, Signer
from zonewright.model.base import Declared, Identifier, Latitude, Line, Longitude
from zonewright.model.cooling import Cooling
from zonewright.model.coverage import KeyArea
from zonewright.model.ip import Address, Network
from zonewright.model.node_ports import BmcSettings, NodeBond, NodeInterface, bond_faults, ports_of_role
from zonewright.model.own_rule import OwnRule
from zonewright.model.rule_pack import (
    DEFAULTS,
    AsFound,
    Limit,
    LimitName,
    PolicyLevel,
    Ring,
    RulePack,
    Waiver,
    chain_of,
)

EnterpriseSize = Literal["small", "medium", "large"]
Role = Literal["zone-administrator", "facility-operator", "network-operator", "tenant", "auditor"]
Airflow = Literal[
    "front-to-rear", "rear-to-front", "left-to-right", "right-to-left", "side-to-rear", "passive", "mixed"
]


class Extent(Declared):
    """The rectangle that contains everything in the zone."""

    crs: Literal["WGS84"]
    """Coordinate reference system; only WGS84 is accepted."""
    south: Latitude
    """Southern edge, degrees north."""
    west: Longitude
    """Western edge, degrees east."""
    north: Latitude
    """Northern edge, degrees north."""
    east: Longitude
    """Eastern edge, degrees east."""


class District(Declared):
    """An administrative district of the zone."""

    title: Line
    """Name for people."""
    connection_capacity_kw: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    """Power in kilowatts that the grid grants to the data centres of the district."""
    energy_quota_mwh: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """Energy in megawatt-hours that its data centres may take in a year."""
    land_ha: Annotated[float, Field(gt=0, le=1_000_000, strict=False)] | None = None
    """Land in hectares that its sites may take together."""
    source: Line = ""
    """Source of these values."""


NAMES_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$|^[a-z0-9][a-z0-9-]{0,61}\*$"
NamePattern = Annotated[str, Field(pattern=NAMES_PATTERN, max_length=63)]


TYPE_PATTERN = r"^[a-z0-9*](?:[a-z0-9*-]{0,61}[a-z0-9*])?$"
TypePattern = Annotated[str, Field(pattern=TYPE_PATTERN, max_length=63)]
"""The slug of a device type, or a pattern of slugs in which ``*`` stands for any text."""


class ReservedNames(Declared):
    """Names that only one party may use; an id, or the beginning of ids and a star, such as ``l-*``."""

    sites: Annotated[tuple[NamePattern, ...], Field(strict=False)] = ()
    """Ids of sites."""
    ducts: Annotated[tuple[NamePattern, ...], Field(strict=False)] = ()
    """Ids of ducts."""
    links: Annotated[tuple[NamePattern, ...], Field(strict=False)] = ()
    """Ids of links."""
    prefixes: Annotated[tuple[Network, ...], Field(strict=False)] = ()
    """Networks; every address pool and every network of a link inside is the party's."""


class Party(Declared):
    """An organisation that declares things in the zone."""

    title: Line
    """Name for people."""
    roles: Annotated[tuple[Role, ...], Field(min_length=1, strict=False)]
    """What the party may declare."""
    contact: Line = ""
    """How to reach the people who run the party's things: a mail address, a phone number or a page."""
    size: EnterpriseSize | None = None
    """Its size as an enterprise, where quotas ask for it. A party without one counts as large."""
    names: ReservedNames = ReservedNames()
    """Names that are reserved for the party. Any other name belongs to the first party that was admitted with it."""


class NodeType(Declared):
    """A server model. The fields have the names of NetBox's device types, if NetBox has them."""

    manufacturer: Line
    """Who makes it."""
    model: Line
    """The maker's model name."""
    u_height: Annotated[int, Field(ge=1, le=60)]
    """Height in rack units."""
    is_full_depth: bool = True
    """Whether it takes both faces of the rack."""
    weight_kg: Annotated[float, Field(gt=0, le=2000, strict=False)]
    """Weight in kilograms."""
    cooling: Cooling = "air"
    """The cooling that it needs; it stands only in rooms that have it. Hybrid needs air and liquid."""
    airflow: Airflow = "front-to-rear"
    """Direction of the cooling air."""
    maximum_draw: Annotated[int, Field(ge=0, le=200_000)]
    """Nameplate draw of the whole node in watts; 0 for one without power supplies, such as a patch panel."""
    allocated_draw: Annotated[int, Field(ge=0, le=200_000)]
    """Budgeted draw of the whole node in watts; this is what a claim holds."""
    power_supplies: Annotated[int, Field(ge=0, le=16)] = 2
    """Power supplies; they alternate between feeds A and B, beginning with A."""
    power_supplies_required: Annotated[int, Field(ge=0, le=16)] = 1
    """Power supplies that must be fed for the node to stay up."""
    power_supply_worst_share: Annotated[float, Field(ge=0.5, le=1.0, strict=False)] = 0.6
    """Largest part of the draw that one of two live feeds may carry, because supplies share unevenly (0.5 to 1)."""
    power_supply_w: Annotated[int, Field(ge=1, le=200_000)] | None = None
    """Rating of the weakest power supply in watts; without it, supplies that are required are taken to be enough."""
    interfaces: Annotated[tuple[NodeInterface, ...], Field(max_length=64, strict=False)] = ()
    """Its network ports. Without them, a node's bond takes all ports that have a name such as ``en*``."""

    bonds: Annotated[tuple[NodeBond, ...], Field(max_length=8, strict=False)] = ()
    """How its ports form bonds, by the ``lag`` that they name; in any other bond one port is in use at a time."""
    bmc: BmcSettings | None = None
    """What its BMC is set to; without it, no file says so."""

    @property
    def uplinks(self) -> tuple[str, ...]:
        """Ports of a node's bond for data, the first one in use; none where the type does not name its ports."""
        return tuple(one.name for one in ports_of_role(self.interfaces, "data"))

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        powered = {bool(self.power_supplies), bool(self.power_supplies_required), bool(self.allocated_draw)}
        if len(powered) > 1:
            message = (
                "expected a draw and power supplies, or 0 in allocated_draw, power_supplies and power_supplies_required"
            )
            raise ValueError(message)
        for message in bond_faults(self.interfaces, self.bonds):
            raise ValueError(message)
        if self.allocated_draw > self.maximum_draw:
            message = f"allocated_draw {self.allocated_draw} W is above maximum_draw {self.maximum_draw} W"
            raise ValueError(message)
        if self.power_supplies_required > self.power_supplies:
            message = (
                f"power_supplies_required {self.power_supplies_required} is more than "
                f"power_supplies {self.power_supplies}"
            )
            raise ValueError(message)
        return self


class Quota(Declared):
    """The most that may be claimed and reserved in a district, by a party, or by a party in a district."""

    title: Line = ""
    """Name for people."""
    district: Identifier | None = None
    """The district; without it, the whole zone."""
    party: Identifier | None = None
    """The party; without it, all parties together."""
    sizes: Annotated[tuple[EnterpriseSize, ...], Field(max_length=3, strict=False)] = ()
    """Only parties of these sizes count; without it, all. What large ones may not have is kept for the others."""
    it_kw: Annotated[float, Field(gt=0, le=100_000_000, strict=False)] | None = None
    """IT power in kilowatts, by the budgeted draw of nodes."""
    energy_mwh: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """Energy in megawatt-hours that this power takes in a year of 8,760 hours, without overhead."""
    units: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    """Rack units."""
    scarce_from: Annotated[float, Field(gt=0, lt=1, strict=False)] | None = None
    """Part of the quota, such as 0.8, from which it is scarce: then no party takes more than an equal share of it."""
    source: Line = ""
    """Source of the values."""

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if self.district is None and self.party is None:
            message = "expected a district, a party, or both"
            raise ValueError(message)
        if self.party is not None and self.sizes:
            message = "expected a party or sizes, and not both: a party has one size"
            raise ValueError(message)
        if self.party is not None and self.scarce_from is not None:
            message = "expected no scarce_from beside a party: it shares its quota with nobody"
            raise ValueError(message)
        if self.it_kw is None and self.energy_mwh is None and self.units is None:
            message = "expected one of it_kw, energy_mwh and units"
            raise ValueError(message)
        return self


USAGE_LIMITS: tuple[LimitName, ...] = ("tenants-per-site", "shared-sites-percent")
"""Limits of the rule that counts the tenants of sites."""


class Zone(Declared):
    """The administrator's file: who takes part, where, and with which equipment."""

    zone: Identifier
    """Id of the zone."""
    title: Line
    """Name for people."""
    districts: dict[Identifier, District]
    """The districts, by id."""
    parties: dict[Identifier, Party]
    """The parties, by id."""
    node_types: dict[Identifier, NodeType] = Field(default_factory=dict)
    """Server models that clusters may use, by id."""
    device_types: Annotated[tuple[TypePattern, ...], Field(max_length=1_000, strict=False)] | None = None
    """Files of ``device-types/`` that clusters may use, by slug or pattern such as ``dell-*``; without it, all."""
    extent: Extent | None = None
    """Where the zone lies; coordinates outside are refused."""
    rule_packs: dict[Identifier, RulePack] = Field(default_factory=dict)
    """Rule packs by id."""
    rule_pack: Identifier | None = None
    """The pack in force; without one, only physical rules apply."""
    waivers: dict[Identifier, Waiver] = Field(default_factory=dict)
    """Waivers by id."""
    as_found: dict[Identifier, AsFound] = Field(default_factory=dict)
    """What an estate that was taken over broke already, by id."""
    quotas: dict[Identifier, Quota] = Field(default_factory=dict)
    """Quotas of districts and parties, by id."""
    rings: dict[Identifier, Ring] = Field(default_factory=dict)
    """Rings of links by id."""
    key_areas: Annotated[dict[Identifier, KeyArea], Field(max_length=1_000)] = Field(default_factory=dict)
    """Places that radio stations must cover, by id."""
    signers: dict[Identifier, Signer] = Field(default_factory=dict)
    """Persons who sign plans and verdicts, by id."""
    approvals: dict[Identifier, ApprovalPolicy] = Field(default_factory=dict)
    """Approval policies by id."""
    verdict_signers: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """Ids of the signers whose verdicts of validators count, such as a build service."""
    service: (
        Annotated[
            str, Field(pattern=r"^https?://(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$", max_length=200)
        ]
        | None
    ) = None
    """URL at which sites reach the zone's service, such as https://service.zone.internal; without it, this host."""
    service_addresses: Annotated[tuple[Address, ...], Field(strict=False)] = ()
    """Addresses of the service. Firewalls let agents reach them, and the sites' name servers know them."""

    def limit(self, name: LimitName) -> Limit | None:
        """A limit in force: of the nearest pack that has it, or its default, or None."""
        for pack in chain_of(self.rule_packs, self.rule_pack):
            if name in pack.limits:
                return pack.limits[name]
        return Limit(value=DEFAULTS[name], source="default of zonewright") if name in DEFAULTS else None

    @property
    def counts_usage(self) -> bool:
        """Whether a rule asks what each party has at each site."""
        return bool(self.quotas) or any(self.limit(name) is not None for name in USAGE_LIMITS)

    @property
    def refuses_uncertain(self) -> bool:
        """Whether the gate refuses what is neither better nor worse for certain, instead of asking for an approval."""
        return any(pack.uncertain == "refused" for pack in chain_of(self.rule_packs, self.rule_pack))

    @property
    def gated_formats(self) -> frozenset[str]:
        """Formats whose files are deployed only when their validator has passed them; each pack adds some."""
        return frozenset(one for pack in chain_of(self.rule_packs, self.rule_pack) for one in pack.gated_formats)

    @property
    def own_rules(self) -> dict[str, OwnRule]:
        """Rules of the zone's own that are in force, by id; the nearest pack that has one says its limit and level."""
        chain = chain_of(self.rule_packs, self.rule_pack)
        return {name: rule for pack in reversed(chain) for name, rule in pack.rules.items()}

    @property
    def verdict_keys(self) -> dict[str, str]:
        """Public keys of those whose verdicts of validators count, with the signer of each."""
        return {key: name for name in self.verdict_signers if name in self.signers for key in self.signers[name].keys}

    def level(self, rule: str) -> PolicyLevel | None:
        """The level that the packs give to a rule, or None."""
        for pack in chain_of(self.rule_packs, self.rule_pack):
            for name, level in pack.levels.items():
                if name == rule:
                    return level
        return None
