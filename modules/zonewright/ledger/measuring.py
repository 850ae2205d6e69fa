"""What is measured of the sites that a change touches, for the gate on the energy ratio."""

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from zonewright.model.policy import chain_of
from zonewright.model.site import TrustClass
from zonewright.model.world import Measured, ZoneFacts
from zonewright.model.zone import Zone
from zonewright.rules.energy import rooms_of
from zonewright.rules.pue_gate import state_of
from zonewright.telemetry import Store
from zonewright.telemetry.figures import Terms, measured


def telemetry_path(ledger: Path) -> Path:
    """The file of the readings that belongs to a ledger's file: ``ledger.db`` has ``ledger.telemetry.db``."""
    return ledger.with_name(f"{ledger.stem}.telemetry.db")


def terms_of(zone: Zone) -> Terms | None:
    """On which terms readings count; None where no pack limits the energy ratio."""
    limit, age = zone.limit("design-pue"), zone.limit("figure-age-days")
    if limit is None or age is None:
        return None
    packs = chain_of(zone.rule_packs, zone.rule_pack)
    trusted: frozenset[TrustClass] = frozenset(packs[0].trusted) if packs else frozenset()
    return Terms(limit=Fraction(str(limit.value)), trusted=trusted, max_age_days=age.value)


def measured_sites(
    facts: ZoneFacts, sites: Iterable[str], telemetry: Path | None, now: datetime
) -> dict[str, Measured]:
    """What is measured of some sites, by id; those without readings are left out.

    Args:
        facts: the zone without the change.
        sites: ids of the sites.
        telemetry: file of the readings, or None.
        now: the present.
    """
    terms = terms_of(facts.zone)
    if telemetry is None or not telemetry.is_file() or terms is None:
        return {}
    store, rooms = Store(telemetry), rooms_of(facts)
    found: dict[str, Measured] = {}
    for site_id in sorted(set(sites) & facts.sites.keys()):
        held = facts.sites[site_id]
        model = state_of(held, rooms.get(site_id, {})).model if held.site.overhead is not None else None
        one = measured(store, site_id, held.site, now=now, terms=terms, model=model)
        if one is not None:
            found[site_id] = one
    return found
