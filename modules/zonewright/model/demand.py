"""What one stack wants of the zone: the data of a declaration without its comments, lines and order.

A demand is what the ledger decides on. The same declaration gives the same bytes, so it is named by its digest.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from zonewright.errors import Exit, ZonewrightError
from zonewright.model.asset import (
    DUCTS,
    LINKS,
    AnyAsset,
    Asset,
    DuctAsset,
    LinkAsset,
    RowAsset,
    SiteAsset,
    former_assets,
)
from zonewright.model.base import IDENTIFIER_PATTERN, Declared, Identifier
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.cluster import Cluster
from zonewright.model.declaration import Declaration
from zonewright.model.expand import expand_ids, nodes_of, rack_number, rows_of, units_of
from zonewright.model.limits import ELEMENTS, NAME, NODES, OFFERED, ROWS, InputLimit
from zonewright.model.offer_faults import OfferFault, misplaced, too_many, unreadable
from zonewright.model.offered import ids_named
from zonewright.model.zone import NodeType, Zone


class DemandError(ZonewrightError, LookupError):
    """A declaration that was not checked names what is not there."""

    exit_code = Exit.MISUSE


_BEFORE_ID = {"duct": [DUCTS], "link": [LINKS]}
_SITE, _ROW = 1, 3
"""How many ids a name has."""


class ClusterDemand(Declared):
    """A cluster with the node type that it uses."""

    cluster: Cluster
    node_type: NodeType


def _is_name(kind: str, name: str) -> bool:
    *before, last = name.split("/")
    if not all(re.search(IDENTIFIER_PATTERN, part) for part in (*before, last)):
        return False
    if kind in _BEFORE_ID:
        return before == _BEFORE_ID[kind]
    ids = len(before) + 1
    return (before or [last])[0] not in {DUCTS, LINKS} and ids == (_SITE if kind == "site" else _ROW)


def _require_at_most(limit: InputLimit, given: int) -> None:
    if given > limit.most:
        message = f"expected at most {limit.most:,} {limit.unit} of one owner, got {given:,}; reduce them"
        raise ValueError(message)


def _twice_named(clusters: Mapping[str, ClusterDemand]) -> Iterator[str]:
    if not any(wanted.cluster.names for wanted in clusters.values()):
        return  # numbers tell the nodes of a cluster apart, and ids the clusters
    seen: dict[str, str] = {}
    for cluster_id, wanted in clusters.items():
        for node in nodes_of(cluster_id, wanted.cluster):
            if node.name in seen:
                yield f"host name '{node.name}' is of two nodes, in {seen[node.name]} and {cluster_id}; rename one"
            seen[node.name] = cluster_id


def _twice_was(clusters: Mapping[str, ClusterDemand]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for cluster_id, wanted in clusters.items():
        for former in wanted.cluster.was:
            if former in clusters:
                yield f"cluster '{cluster_id}' was '{former}', which is declared too; remove one of them"
            if former in seen:
                yield f"cluster '{cluster_id}' was '{former}', and so was '{seen[former]}'; one of them was not"
            seen[former] = cluster_id


def _nodes_twice_were(clusters: Mapping[str, ClusterDemand]) -> Iterator[str]:
    if not any(wanted.cluster.nodes_were for wanted in clusters.values()):
        return
    names = {node.name for name, wanted in clusters.items() for node in nodes_of(name, wanted.cluster)}
    seen: dict[str, str] = {}
    for cluster_id, wanted in clusters.items():
        were = ((number, former) for number, each in wanted.cluster.former_nodes.items() for former in each)
        for number, former in were:
            own = f"node {number} of cluster '{cluster_id}'"
            if former in names:
                yield f"{own} was '{former}', which is declared too; remove one of them"
            if former in seen:
                yield f"{own} was '{former}', and so was {seen[former]}; one of them was not"
            seen[former] = own


def _assets_twice_was(assets: Mapping[str, AnyAsset]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for name, former in former_assets(assets).items():
        for one in former:
            if one in assets:
                yield f"'{name}' was '{one}', which is declared too; remove one of them"
            if one in seen:
                yield f"'{name}' was '{one}', and so was '{seen[one]}'; one of them was not"
            seen[one] = name


class Demand(Declared):
    """All that one stack wants.

    Assets are named by path (``qp-dc1``, ``qp-dc1/a/01``, ``ducts/d-06``, ``links/l03``), clusters by id.
    """

    format: Literal[1] = 1
    zone: Identifier
    zone_digest: Annotated[str, Field(max_length=NAME.most)]
    party: Identifier
    assets: dict[Annotated[str, Field(max_length=NAME.most)], Asset] = Field(default_factory=dict)
    clusters: dict[Identifier, ClusterDemand] = Field(default_factory=dict)
    _said: str = PrivateAttr(default="")
    _formerly: dict[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _named(self) -> Self:
        """One thing has one name, so that who holds the name holds the thing."""
        for name, asset in self.assets.items():
            if not _is_name(asset.kind, name):
                message = f"'{name[:80]}' is not a name for a {asset.kind}"
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        """A short text can want much: what it stands for is limited, not only its letters."""
        _require_at_most(NODES, sum(wanted.cluster.count for wanted in self.clusters.values()))
        _require_at_most(ROWS, sum(asset.kind == "row" for asset in self.assets.values()))
        return self

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        """Each host name is one node's, and a former id is of one cluster that is not there under it any more."""
        faults = [
            *_twice_named(self.clusters),
            *_twice_was(self.clusters),
            *_nodes_twice_were(self.clusters),
            *_assets_twice_was(self.assets),
        ]
        if faults:
            raise ValueError(faults[0])
        return self

    @model_validator(mode="after")
    def _supplied(self) -> Self:
        """A supply is not too large to be judged, and what says racks and units in short can be read."""
        for asset in self.assets.values():
            if isinstance(asset, SiteAsset):
                _require_at_most(ELEMENTS, len(asset.site.power) + len(asset.site.power_panels))
            elif isinstance(asset, RowAsset):
                for racks in (asset.row.failed_racks, *asset.row.derated_racks):
                    if racks:
                        expand_ids(racks)
                for feed in asset.row.feeds.values():
                    for text in feed.legs.values():
                        units_of(text, asset.row.u_height)
        return self

    @model_validator(mode="after")
    def _offers_what_it_has(self) -> Self:
        """An offer is of the thing that it stands with, and of nothing that this owner has not."""
        offering = {
            name: asset
            for name, asset in self.assets.items()
            if isinstance(asset, SiteAsset | DuctAsset | LinkAsset) and asset.offers
        }
        named = 0
        for name, asset in offering.items():
            for offer in asset.offers.values():
                named += ids_named(offer)
                _require_at_most(OFFERED, named)
                things = offer.ducts if asset.kind == "duct" else offer.links
                is_its = offer.site == name if asset.kind == "site" else name.partition("/")[2] in things
                if not is_its:
                    message = f"an offer that stands with '{name[:80]}' is of another site, duct or link; move it there"
                    raise ValueError(message)
        fault = next(self._offer_faults(offering), None)
        if fault is not None:
            raise ValueError(str(fault))
        return self

    def _offer_faults(self, offering: Mapping[str, SiteAsset | DuctAsset | LinkAsset]) -> Iterator[OfferFault]:
        heights: dict[str, dict[str, int]] = defaultdict(dict)
        for name, asset in self.assets.items():
            if isinstance(asset, RowAsset):
                racks = (f"{name}/{rack_number(number)}" for number in range(1, asset.row.racks + 1))
                heights[name.partition("/")[0]] |= dict.fromkeys(racks, asset.row.u_height)
        for name, asset in offering.items():
            if isinstance(asset, DuctAsset):
                yield from too_many("bores", name.partition("/")[2], asset.offers, asset.duct.bores)
            elif isinstance(asset, LinkAsset):
                yield from too_many("cores", name.partition("/")[2], asset.offers, asset.link.cores)
            else:
                yield from unreadable(asset.offers)
                yield from misplaced(name, asset.offers, heights[name])

    def canonical(self) -> str:
        """The demand as canonical JSON; values that equal their default are left out."""
        data = self.model_dump(mode="json", exclude_defaults=True)
        for name, asset in self.assets.items():
            data["assets"][name]["kind"] = asset.kind  # a discriminator stays although it is the default
        return canonical_json(data)

    def digest(self) -> str:
        """Digest of the canonical form."""
        return digest_of(self.canonical())

    def wants(self) -> str:
        """Digest of what is wanted, whatever the zone's file says of other things: it may change meanwhile."""
        return self._said or self.model_copy(update={"zone_digest": ""}).digest()

    @property
    def formerly(self) -> Mapping[str, str]:
        """The former names that its owner used for assets, each with the name that stands here instead."""
        return self._formerly

    def told_as(
        self, assets: dict[str, AnyAsset], clusters: dict[str, ClusterDemand], formerly: Mapping[str, str]
    ) -> Self:
        """The same demand in other words: what it wants is what its owner said.

        Args:
            assets: its assets, with what they name called as it is now.
            clusters: its clusters, in the same way.
            formerly: the names that the owner used instead, each with the present one.
        """
        found = self.model_copy(update={"assets": assets, "clusters": clusters})
        found._said, found._formerly = self.wants(), dict(formerly)  # noqa: SLF001 - of this class
        return found


def zone_digest(zone: Zone) -> str:
    """Digest of the administrator's file, as ``ledger init`` registers it."""
    return digest_of(canonical_json(zone.model_dump(mode="json", exclude_defaults=True)))


def demand_of(declaration: Declaration, owner: str) -> Demand:
    """The demand of one owner.

    Args:
        declaration: the declaration.
        owner: party id, a key of ``declaration.owners``.

    Raises:
        DemandError: when the declaration has no such owner, or a cluster names a type of node that the zone has not.
    """
    if owner not in declaration.owners:
        raise DemandError(f"{owner}: expected an owner of the declaration, {', '.join(declaration.owners) or 'none'}")
    file, types = declaration.owners[owner], declaration.zone.node_types
    unknown = {name: one.node_type for name, one in file.clusters.items() if one.node_type not in types}
    if unknown:
        raise DemandError(
            *(
                f"{owner}: clusters.{name}.node_type: expected a type of node of the zone "
                f"({', '.join(sorted(types)[:10]) or 'it has none'}), got '{node_type}'"
                for name, node_type in unknown.items()
            )
        )
    assets: dict[str, AnyAsset] = {}
    for site_id, site in file.sites.items():
        bare_rooms = {room_id: room.model_copy(update={"rows": {}}) for room_id, room in site.rooms.items()}
        offers = {name: offer for name, offer in file.offers.items() if offer.site == site_id}
        assets[site_id] = SiteAsset(site=site.model_copy(update={"rooms": bare_rooms}), offers=offers)
        for room_id, row_id, row in rows_of(site):
            assets[f"{site_id}/{room_id}/{row_id}"] = RowAsset(row=row, room=bare_rooms[room_id])
    for duct_id, duct in file.ducts.items():
        offers = {name: offer for name, offer in file.offers.items() if duct_id in offer.ducts}
        assets[f"{DUCTS}/{duct_id}"] = DuctAsset(duct=duct, offers=offers)
    for link_id, link in file.links.items():
        offers = {name: offer for name, offer in file.offers.items() if link_id in offer.links}
        assets[f"{LINKS}/{link_id}"] = LinkAsset(link=link, offers=offers)
    return Demand(
        zone=declaration.zone.zone,
        zone_digest=zone_digest(declaration.zone),
        party=owner,
        assets=assets,
        clusters={
            cluster_id: ClusterDemand(cluster=cluster, node_type=types[cluster.node_type])
            for cluster_id, cluster in file.clusters.items()
        },
    )
