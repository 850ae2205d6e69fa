"""The sites of the reference zone as their templates see them, without a ledger: the folder as the whole world."""

from collections.abc import Mapping
from functools import cache

from support.once import shared
from support.zone_contexts import judged_folder, views_of_sites
from support.zone_project import REPOSITORY
from zonewright.model import Declaration
from zonewright.place import JudgedZone
from zonewright.render import SiteContext, render_all
from zonewright.render.formats.format import sites_in


@cache
def judged_reference() -> tuple[Declaration, JudgedZone]:
    """The zone, and every node of it in its place."""
    return judged_folder(REPOSITORY / "stacks" / "zones" / "reference")


@cache
def reference_sites() -> Mapping[str, SiteContext]:
    """All twelve sites by id, as their first routers see them."""
    return sites_in(reference_views())


@cache
def reference_views() -> tuple[SiteContext, ...]:
    """All sites as each of their routers sees them."""
    return shared("reference-sites", lambda: tuple(views_of_sites(*judged_reference())))


def edge_site() -> SiteContext:
    """One of them that is small."""
    return reference_sites()["wj-edge-lili"]


@cache
def reference_files() -> Mapping[str, str]:
    """Every file of every site, by path."""
    return shared("reference-files", lambda: dict(render_all(reference_views())))
