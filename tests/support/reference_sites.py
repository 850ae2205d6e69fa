"""The sites of the reference zone as their templates see them, without a ledger: the folder as the whole world."""

from collections.abc import Mapping
from functools import cache

from support.once import shared
from support.zone_project import REPOSITORY
from zonewright.changes.rendering import site_contexts
from zonewright.declare import load_zone
from zonewright.model import Declaration
from zonewright.model.demand import demand_of
from zonewright.place import JudgedZone, judge_declaration
from zonewright.render import SiteContext, render_all
from zonewright.rules.surroundings import surroundings_of

ON = "2026-07-01"


@cache
def judged_reference() -> tuple[Declaration, JudgedZone]:
    """The zone, and every node of it in its place."""
    declaration = load_zone(REPOSITORY / "stacks" / "zones" / "reference", on=ON).declaration
    assert declaration is not None
    return declaration, judge_declaration(declaration, on=ON)


@cache
def reference_sites() -> Mapping[str, SiteContext]:
    """All twelve sites by id."""
    return shared("reference-sites", _sites)


def _sites() -> dict[str, SiteContext]:
    declaration, judged = judged_reference()
    facts = judged.world.zone
    assert facts is not None
    found: dict[str, SiteContext] = {}
    for owner, file in declaration.owners.items():
        around = surroundings_of(facts, frozenset(file.sites))
        found |= {one.name: one for one in site_contexts(demand_of(declaration, owner), around)}
    return found


@cache
def reference_files() -> Mapping[str, str]:
    """Every file of every site, by path."""
    return render_all(reference_sites().values())
