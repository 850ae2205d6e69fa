from collections.abc import Mapping

from zonewright.model import (
    AddressPool,
    Baseline,
    Cluster,
    Connection,
    Duct,
    Link,
    Location,
    Place,
    PowerFeed,
    PowerPanel,
    Relation,
    Room,
    Route,
    Row,
    Site,
    Spread,
    Survival,
)
from zonewright.program.deployment import deploy
from zonewright.program.functions import (
    FoundRoom,
    KnownNode,
    KnownSite,
    find,
    get_capacity,
    get_node,
    get_site,
)
from zonewright.program.stack import Stack
from zonewright.program.values import Deployment, Free, FreeSite, PlacedNode, PlacedSite

__all__ = [
    "AddressPool",
    "Baseline",
    "Cluster",
    "Connection",
    "Deployment",
    "Duct",
    "FoundRoom",
    "Free",
    "FreeSite",
    "KnownNode",
    "KnownSite",
    "Link",
    "Location",
    "Place",
    "PlacedNode",
    "PlacedSite",
    "PowerFeed",
    "PowerPanel",
    "Relation",
    "Room",
    "Route",
    "Row",
    "Site",
    "Spread",
    "Stack",
    "Survival",
    "deploy",
    "find",
    "get_capacity",
    "get_node",
    "get_site",
]

__version__: str
PLACES: Mapping[str, str]
