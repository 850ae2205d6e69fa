"""The rule about what carries a site when the grid is lost: minutes of its batteries, and minutes of its generators."""

from collections.abc import Iterator
from math import ceil

from zonewright.model.rule_pack import Limit
from zonewright.model.supply import BackupPower
from zonewright.model.world import SiteFacts
from zonewright.rules.finding import Participant
from zonewright.rules.rule import Rule
from zonewright.rules.site_power import KILO, SitePower, committed_power, rooms_of
from zonewright.rules.view import Breach, View

_MINUTES_PER_HOUR = 60
_TENTH_KW = 100
"""Watts; what is missing is rounded up to it."""
_NOTHING = BackupPower()


def backup_power(view: View) -> Iterator[Breach]:
    """Batteries carry the IT load, and generators the whole site, for as long as the pack asks for."""
    if view.zone is None:
        return
    battery, generator = view.zone.zone.limit("battery-minutes"), view.zone.zone.limit("generator-minutes")
    if battery is None and generator is None:
        return
    rooms = rooms_of(view.zone)
    for site_id, held in sorted(view.zone.sites.items()):
        power = committed_power(held, rooms.get(site_id, {}))
        if power.it_w:
            yield from _battery(view, site_id, held, power, battery)
            yield from _generator(view, site_id, held, power, generator)


BACKUP_POWER = Rule(
    id="backup-power",
    title="Batteries carry the IT load of a site, and generators the whole site, for as long as the pack asks for.",
    level="no-worse",
    description=(
        "The pack's `battery-minutes` and `generator-minutes` name the times. The load is what is claimed, reserved "
        "for days and baseline, by budgeted draw. Batteries carry the IT load, generators the overhead too. Generators "
        "that are weaker than the load carry it for 0 minutes. Whole minutes count, rounded down. Minutes of one kind "
        "make up for none of the other. What is carried for no minute is measured by its load, which may not grow. A "
        "limit with `applies_from` is for sites commissioned on that day or later, or without a day. A site without "
        "`backup` has none, and one without `overhead` has generators of which nobody can tell."
    ),
    unit="min of batteries or of generators, or W without them",
    reference="GB 50174-2017 (batteries of 15 minutes, fuel of 12 hours for class A); TIA-942, rated 3 and 4",
    function=backup_power,
    reach="zone",
)


def _applies(limit: Limit | None, held: SiteFacts) -> bool:
    return limit is not None and (held.site.commissioned or "9999") >= (limit.applies_from or "")


def _battery(view: View, site_id: str, held: SiteFacts, power: SitePower, limit: Limit | None) -> Iterator[Breach]:
    if limit is None or not _applies(limit, held):
        return
    battery_wh = round((held.site.backup or _NOTHING).battery_kwh * KILO)
    value, least = battery_wh * _MINUTES_PER_HOUR // power.it_w, ceil(limit.value)
    if value < least:
        missing = -(-(power.it_w * least - battery_wh * _MINUTES_PER_HOUR) // (_MINUTES_PER_HOUR * KILO))
        yield _breach(
            view,
            site_id,
            held,
            f"batteries of {site_id} carry its IT load of {_kw(power.it_w)} for {value:,} min of {least:,} min",
            f"add {missing:,} kWh of batteries",
            value=value,
            limit=least,
            of="batteries",
            load_w=power.it_w,
        )


def _generator(view: View, site_id: str, held: SiteFacts, power: SitePower, limit: Limit | None) -> Iterator[Breach]:
    if limit is None or not _applies(limit, held):
        return
    least = ceil(limit.value)
    if power.total_w is None:
        what = f"{site_id} declares no overhead, so nobody can tell for how long its generators carry it"
        fix = "declare 'overhead'"
        yield _breach(view, site_id, held, what, fix, value=0, limit=least, of="generators", load_w=power.it_w)
        return
    backup = held.site.backup or _NOTHING
    generator_w, fuel_wh = round(backup.generator_kw * KILO), round(backup.fuel_kwh * KILO)
    value = fuel_wh * _MINUTES_PER_HOUR // power.total_w if generator_w >= power.total_w else 0
    if value < least:
        missing = -(-(power.total_w * least - fuel_wh * _MINUTES_PER_HOUR) // (_MINUTES_PER_HOUR * KILO))
        weak = power.total_w - generator_w
        parts = [f"{_kw(-(-weak // _TENTH_KW) * _TENTH_KW)} of generators"] if weak > 0 else []
        parts += [f"fuel for {missing:,} kWh"] if missing > 0 else []
        yield _breach(
            view,
            site_id,
            held,
            f"generators of {site_id} ({_kw(generator_w)}) carry its load of {_kw(power.total_w)} for {value:,} min of "
            f"{least:,} min",
            f"add {' and '.join(parts)}",
            value=value,
            limit=least,
            of="generators",
            load_w=power.total_w,
        )


def _breach(
    view: View, site_id: str, held: SiteFacts, message: str, fix: str, *, value: int, limit: int, of: str, load_w: int
) -> Breach:
    # No minutes cannot become fewer, so what has none is measured by its load: that may not grow.
    value, limit, unit = (value, limit, f"min of {of}") if value else (load_w, 0, f"W without {of}")
    return Breach(
        subject=site_id,
        where=f"sites.{site_id}.backup",
        message=message,
        value=value,
        limit=limit,
        unit=unit,
        excess=abs(limit - value),
        participants=(Participant(party=held.owner, name=site_id),),
        fix=fix if view.acts(held.owner) else f"use another site, or ask the operator of {site_id} for more",
    )


def _kw(watts: int) -> str:
    return f"{watts / KILO:,.1f} kW"
