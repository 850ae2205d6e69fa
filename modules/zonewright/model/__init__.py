"""What a zone is: frozen types and the expansion of rows into racks and clusters into nodes. No I/O."""

from zonewright.model.approval import ApprovalPolicy, Signer
from zonewright.model.cluster import Cluster, Connection, Place, Relation, Spread, Survival
from zonewright.model.declaration import Declaration, OwnerFile, Source
from zonewright.model.network import Duct, Link, Route
from zonewright.model.rule_pack import Limit, Ring, RulePack, Waiver
from zonewright.model.site import Baseline, Location, Room, Row, Site
from zonewright.model.site_network import AddressPool
from zonewright.model.supply import PowerFeed, PowerPanel
from zonewright.model.zone import District, Extent, NodeType, Party, Zone

__all__ = [
    "AddressPool",
    "ApprovalPolicy",
    "Baseline",
    "Cluster",
    "Connection",
    "Declaration",
    "District",
    "Duct",
    "Extent",
    "Limit",
    "Link",
    "Location",
    "NodeType",
    "OwnerFile",
    "Party",
    "Place",
    "PowerFeed",
    "PowerPanel",
    "Relation",
    "Ring",
    "Room",
    "Route",
    "Row",
    "RulePack",
    "Signer",
    "Site",
    "Source",
    "Spread",
    "Survival",
    "Waiver",
    "Zone",
]
