"""The rule about how far sites are shared: tenants for each site, and sites that several tenants use."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import ceil

from zonewright.model.rule_pack import Limit
from zonewright.model.world import SiteFacts, ZoneFacts
from zonewright.rules.finding import Participant
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View
from zonewright.rules.words import count_of, listed

_SHARED = 2
"""Tenants from which on a site is shared."""
_WHOLE = 100
"""Percent."""


def site_sharing(view: View) -> Iterator[Breach]:
    """The sites of the zone have as many tenants as the pack asks for, and enough of the new ones have several."""
    if view.zone is None:
        return
    each, share = (view.zone.zone.limit(name) for name in ("tenants-per-site", "shared-sites-percent"))
    if each is None and share is None:
        return
    tenants = _tenants(view.zone)
    if each is not None:
        yield from _too_few_tenants(view, view.zone, tenants, each)
    if share is not None:
        yield from _too_few_shared(view, view.zone, tenants, share)


SITE_SHARING = Rule(
    id="site-sharing",
    title="The sites of the zone are shared by as many tenants as the pack asks for.",
    level="advisory",
    description=(
        "A tenant of a site is a party other than its operator that has claims, reservations for days or a station of "
        "its tower there. With "
        "`tenants-per-site` the sites have so many on average. With `shared-sites-percent` such a part of them has two "
        "at least. A limit with `applies_from` is for sites commissioned on that day or later; one without a day "
        "counts where it has too few tenants, and makes up for no other. The "
        "rule only advises, because a site has no tenant on its first day; each operator is told of its own sites."
    ),
    unit="tenants, or sites with several of them",
    reference="opinions of MIIT and SASAC on joint building and sharing; tenants per site in tower companies' reports",
    function=site_sharing,
    reach="zone",
)


def _tenants(zone: ZoneFacts) -> Mapping[str, frozenset[str]]:
    """The tenants of each site that stays."""
    found: dict[str, set[str]] = defaultdict(set)
    for (party, site), used in zone.usage.items():
        if used.watts or used.units:
            found[site].add(party)
    for name, held in zone.sites.items():
        if held.site.tower is not None:
            found[name].update(user for one in held.site.tower.stations.values() for user in one.users)
    return {
        name: frozenset(found[name]) - {held.owner} for name, held in sorted(zone.sites.items()) if not held.is_leaving
    }


def _judged(zone: ZoneFacts, tenants: Mapping[str, frozenset[str]], limit: Limit, enough: float) -> list[str]:
    """The sites that a limit is for: one of which nobody knows whether it is new makes up for no other one."""

    def is_new(name: str, held: SiteFacts) -> bool:
        if held.site.commissioned is None:
            return not limit.applies_from or len(tenants[name]) < enough
        return held.site.commissioned >= (limit.applies_from or "")

    return [name for name in tenants if is_new(name, zone.sites[name])]


def _too_few_tenants(
    view: View, zone: ZoneFacts, tenants: Mapping[str, frozenset[str]], limit: Limit
) -> Iterator[Breach]:
    sites = _judged(zone, tenants, limit, limit.value)
    value = sum(len(tenants[name]) for name in sites)
    least = ceil(Fraction(str(limit.value)) * len(sites))
    if value < least:
        told = (
            f"{_of(sites, limit)} of the zone has {count_of(value, 'tenant')}"
            if len(sites) == 1
            else (
                f"{_of(sites, limit)} of the zone have {count_of(value, 'tenant')}, {value / len(sites):.2f} for each"
            )
        )
        message = f"{told}; the pack asks for {limit.value:g}: {least - value:,} missing"
        yield from _breach(view, zone, tenants, sites, message, value=value, least=least, unit="tenants")


def _too_few_shared(
    view: View, zone: ZoneFacts, tenants: Mapping[str, frozenset[str]], limit: Limit
) -> Iterator[Breach]:
    sites = _judged(zone, tenants, limit, _SHARED)
    value = sum(len(tenants[name]) >= _SHARED for name in sites)
    least = ceil(Fraction(str(limit.value)) * len(sites) / _WHOLE)
    if value < least:
        have = "has" if 1 in {value, len(sites)} else "have"
        message = (
            f"{value:,} of {_of(sites, limit)} of the zone {have} several tenants; the pack asks for "
            f"{limit.value:g} %, which is {least:,}: {least - value:,} missing"
        )
        yield from _breach(view, zone, tenants, sites, message, value=value, least=least, unit="sites")


def _of(sites: list[str], limit: Limit) -> str:
    return count_of(len(sites), "new site" if limit.applies_from else "site")


def _breach(
    view: View,
    zone: ZoneFacts,
    tenants: Mapping[str, frozenset[str]],
    sites: list[str],
    message: str,
    *,
    value: int,
    least: int,
    unit: str,
) -> Iterator[Breach]:
    """What is said to the operators whose sites have the fewest tenants: how many another's has is not for others."""
    alone = sorted((name for name in sites if len(tenants[name]) < _SHARED), key=lambda name: len(tenants[name]))
    few = alone or sorted(sites, key=lambda name: len(tenants[name]))[:1]
    mine = [name for name in few if view.acts(zone.sites[name].owner)]
    if not mine:
        return
    yield Breach(
        subject=zone.zone.zone,
        where=f"sites.{mine[0]}",
        message=message,
        value=value,
        limit=least,
        unit=unit,
        excess=least - value,
        participants=tuple(Participant(party=zone.sites[name].owner, name=name) for name in few),
        fix=f"offer racks of {listed(mine)} to more tenants before another site is built",
    )
