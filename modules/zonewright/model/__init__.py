"""What a zone is: frozen types and the expansion of rows into racks and clusters into nodes. No I/O."""

from zonewright.model.cluster import Cluster, Place, Spread
from zonewright.model.declaration import Declaration, OwnerFile, Source
from zonewright.model.site import AddressPool, Baseline, Location, PowerFeed, PowerPanel, Room, Row, Site
from zonewright.model.zone import District, NodeType, Party, Zone

__all__ = [
    "AddressPool",
    "Baseline",
    "Cluster",
    "Declaration",
    "District",
    "Location",
    "NodeType",
    "OwnerFile",
    "Party",
    "Place",
    "PowerFeed",
    "PowerPanel",
    "Room",
    "Row",
    "Site",
    "Source",
    "Spread",
    "Zone",
]
