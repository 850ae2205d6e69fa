"""What the templates of a zone's folder see, by the product's own code, at a fixed day."""

from functools import cache
from pathlib import Path

from zonewright.changes.whole_zone import contexts_of_zone, proposals_of, sites_of, views_of_sites
from zonewright.declare.load import load_zone
from zonewright.model import Declaration
from zonewright.place import JudgedZone, judge_declaration
from zonewright.render import SiteContext
from zonewright.render.formats.format import AnyContext

__all__ = [
    "ON",
    "SMALL_ZONE",
    "STRETCHED_ZONE",
    "SWITCHED_ZONE",
    "contexts_of_folder",
    "judged_folder",
    "proposals_of",
    "sites_of",
    "small_sites",
    "switched_contexts",
    "views_of_sites",
]
ON = "2026-07-01"
SMALL_ZONE = Path(__file__).parents[1] / "cases" / "network" / "two-sites"
"""The zone that the boot test starts; it has what the reference zone has not, such as VLANs of tenants."""

SWITCHED_ZONE = SMALL_ZONE.parent / "switched-site"
"""A site whose switches, BMCs and outlets are declared."""
STRETCHED_ZONE = SMALL_ZONE.parent / "stretched"
"""Two sites with one network of layer 2."""


def judged_folder(folder: Path) -> tuple[Declaration, JudgedZone]:
    """The zone of a folder, and every node of it in its place."""
    declaration = load_zone(folder, on=ON).declaration
    assert declaration is not None
    return declaration, judge_declaration(declaration, on=ON)


def contexts_of_folder(folder: Path) -> tuple[AnyContext, ...]:
    """Everything of a zone that files are rendered for: sites, nodes and groups of all parties."""
    return contexts_of_zone(*judged_folder(folder))


@cache
def small_sites() -> tuple[SiteContext, ...]:
    """The sites of the small zone."""
    return tuple(one for one in contexts_of_folder(SMALL_ZONE) if isinstance(one, SiteContext))  # both routers


@cache
def switched_contexts() -> tuple[AnyContext, ...]:
    """Everything of the zone with switches."""
    return contexts_of_folder(SWITCHED_ZONE)
