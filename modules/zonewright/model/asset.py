"""Assets: what parties declare of the zone itself, one by one: sites, rows, ducts and links, each with its offers."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field
from pydantic.main import IncEx

from zonewright.model.base import Declared, Identifier
from zonewright.model.canonical import canonical_json
from zonewright.model.network import Duct, Link
from zonewright.model.offer import Offer
from zonewright.model.site import Room, Row, Site


class SiteAsset(Declared):
    """A site without the rows of its rooms, which are assets of their own."""

    kind: Literal["site"] = "site"
    site: Site
    offers: dict[Identifier, Offer] = Field(default_factory=dict)
    """What is offered of its racks, by id."""


class RowAsset(Declared):
    """A row, with its room (without the room's rows), so that the row can be judged by itself."""

    kind: Literal["row"] = "row"
    row: Row
    room: Room


class DuctAsset(Declared):
    """A duct."""

    kind: Literal["duct"] = "duct"
    duct: Duct
    offers: dict[Identifier, Offer] = Field(default_factory=dict)
    """What is offered of its bores, by id."""


class LinkAsset(Declared):
    """A link."""

    kind: Literal["link"] = "link"
    link: Link
    offers: dict[Identifier, Offer] = Field(default_factory=dict)
    """What is offered of its cores, by id."""


AnyAsset = SiteAsset | RowAsset | DuctAsset | LinkAsset
Asset = Annotated[AnyAsset, Field(discriminator="kind")]

DUCTS, LINKS = "ducts", "links"
"""First parts of the names of network assets (``ducts/d-06``); no site may have these ids."""

_WAS: dict[str, IncEx] = {kind: {kind: {"was"}} for kind in ("site", "row", "duct", "link")}


def asset_text(asset: AnyAsset) -> str:
    """Canonical JSON of an asset; its digest tells whether the asset's resource is up to date.

    What it was called before is left out: it says nothing of the asset, and may go at any time.
    """
    data = asset.model_dump(mode="json", exclude_defaults=True, exclude=_WAS[asset.kind])
    return canonical_json({**data, "kind": asset.kind})


def _offered(offers: Mapping[str, Offer]) -> str:
    """How much is offered, where anything is: it closes the rest."""
    return f", {len(offers)} offer{'' if len(offers) == 1 else 's'}" if offers else ""


def carriers_of(link: Link) -> frozenset[str]:
    """Names of the ducts, and of the links, that a link needs."""
    return frozenset({*(f"{DUCTS}/{one}" for one in link.ducts), *(f"{LINKS}/{one}" for one in link.cores_of)})


def asset_summary(asset: AnyAsset) -> str:
    """What an asset is, in one line."""
    if isinstance(asset, DuctAsset):
        duct = asset.duct
        return (
            f"{duct.status} duct of {duct.length_m:,} m with {duct.bores} bores, {duct.bores_in_use} in use by others"
            f"{_offered(asset.offers)}"
        )
    if isinstance(asset, LinkAsset):
        link = asset.link
        ways = [*link.ducts, *(["a route that is unknown"] if link.route == "unknown" else [])]
        of = f" of {', '.join(link.cores_of)}" if link.cores_of else ""
        return (
            f"{link.status} link {link.a} to {link.b}, {link.cores} cores{of}, through {', '.join(ways)}"
            f"{_offered(asset.offers)}"
        )
    if isinstance(asset, SiteAsset):
        return f"{asset.site.title} ({asset.site.kind}, {asset.site.district}){_offered(asset.offers)}"
    feeds = ", ".join(f"feed {name} {feed.available_w:,} W" for name, feed in sorted(asset.row.feeds.items()))
    return f"{asset.row.racks} racks of {asset.row.u_height} U, {feeds} each"


def former_assets(assets: Mapping[str, AnyAsset]) -> dict[str, tuple[str, ...]]:
    """What assets were called before, by name, from the newest on; a row's former names are of its site as it is now.

    Args:
        assets: the assets of a demand, by name.

    Example:
        >>> from zonewright.model.site import PowerFeed
        >>> row = Row(racks=1, was=("07", "b/01"), feeds={"A": PowerFeed(power_panel="pa", rated_w=5000)})
        >>> former_assets({"dc1/a/01": RowAsset(row=row, room=Room())})
        {'dc1/a/01': ('dc1/a/07', 'dc1/b/01')}
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, asset in assets.items():
        if isinstance(asset, SiteAsset) and asset.site.was:
            found[name] = asset.site.was
        elif isinstance(asset, DuctAsset) and asset.duct.was:
            found[name] = tuple(f"{DUCTS}/{one}" for one in asset.duct.was)
        elif isinstance(asset, RowAsset) and asset.row.was:
            site, room, _ = name.split("/")
            found[name] = tuple(f"{site}/{one}" if "/" in one else f"{site}/{room}/{one}" for one in asset.row.was)
    return found


def all_former_names(assets: Mapping[str, AnyAsset]) -> dict[str, tuple[str, ...]]:
    """All names that assets of a demand may have had, in any order of renames: rows also at their site's former names.

    Args:
        assets: the assets of a demand, by name.
    """
    own = former_assets(assets)
    found: dict[str, tuple[str, ...]] = {}
    for name, asset in assets.items():
        names = (name, *own.get(name, ()))
        if asset.kind == "row":
            site = name.partition("/")[0]
            rests = [one.partition("/")[2] for one in names]
            names = tuple(f"{one}/{rest}" for one in (site, *own.get(site, ())) for rest in rests)
        if len(names) > 1:
            found[name] = names[1:]
    return found
