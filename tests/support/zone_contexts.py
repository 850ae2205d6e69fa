"""What the templates of a zone's folder see, by the product's own code, at a fixed day."""

from pathlib import Path

from zonewright.changes.whole_zone import contexts_of_zone, proposals_of, sites_of
from zonewright.declare import load_zone
from zonewright.model import Declaration
from zonewright.place import JudgedZone, judge_declaration
from zonewright.render.formats.format import AnyContext

__all__ = ["ON", "contexts_of_folder", "judged_folder", "proposals_of", "sites_of"]
ON = "2026-07-01"


def judged_folder(folder: Path) -> tuple[Declaration, JudgedZone]:
    """The zone of a folder, and every node of it in its place."""
    declaration = load_zone(folder, on=ON).declaration
    assert declaration is not None
    return declaration, judge_declaration(declaration, on=ON)


def contexts_of_folder(folder: Path) -> tuple[AnyContext, ...]:
    """Everything of a zone that files are rendered for: sites, nodes and groups of all parties."""
    return contexts_of_zone(*judged_folder(folder))
