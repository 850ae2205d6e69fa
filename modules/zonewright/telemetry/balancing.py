"""The balances of a site's meters, month by month, from sums: also of meters that are not in its boundary."""

from collections.abc import Sequence
from math import isinf

from zonewright.model import Site
from zonewright.model.metering import Meter
from zonewright.pue.balance import LEVELS, Imbalance, Metered, MeterLevel, imbalances
from zonewright.pue.doubt import Doubt, listed, moment, months
from zonewright.telemetry.interface import ReadingStore
from zonewright.telemetry.summing import Sum, as_energy

_POINTS: dict[str, MeterLevel] = {
    "utility": "in",
    "generator": "in",
    "ups-output": "ups-output",
    "pdu-output": "pdu-output",
    "server-input": "server-input",
}


def unbalanced(
    store: ReadingStore, site_id: str, site: Site, window: tuple[int, int], most: float | None
) -> list[Doubt]:
    """Findings on levels of a site whose parts took more than they gave: one for each pair of levels.

    It decides where the parts are the IT energy of the boundary, or the level is what comes in: then the energy ratio
    is lower than the truth. Else the ratio is not better for it. Nor is it where a level that is no part of the
    boundary gave nothing at all in a month: then that level is wrong, in the months beside it too, not its parts.

    Args:
        store: the readings.
        site_id: id of the site.
        site: its declaration.
        window: begin and end, in microseconds since 1970; its months (UTC) are looked at.
        most: the largest tolerance in percent that the zone allows; None where it says nothing.
    """
    levels = _levels(site)
    if site.boundary is None or sum(1 for names in levels.values() if names) <= 1 or not _is_more(site, levels):
        return []
    found: dict[tuple[MeterLevel, MeterLevel], list[tuple[tuple[int, int], Imbalance]]] = {}
    for low, high in months(*window):
        sums = store.sums(site_id, low, high)
        known = {
            level: [_metered(name, site.meters[name], sums[name]) for name in names]
            for level, names in levels.items()
            if all(name in sums and sums[name].covered_us == high - low for name in names)
        }
        for one in imbalances(known, most):
            found.setdefault((one.upper, one.lower), []).append(((low, high), one))
    return [_told(site, levels, items) for items in found.values()]


def _levels(site: Site) -> dict[MeterLevel, list[str]]:
    levels: dict[MeterLevel, list[str]] = {level: [] for level in LEVELS}
    for name, meter in sorted(site.meters.items()):
        if meter.point in _POINTS:
            levels[_POINTS[meter.point]].append(name)
    return levels


def _is_more(site: Site, levels: dict[MeterLevel, list[str]]) -> bool:
    """Whether there are meters beside the two sides of the ratio, whose balance a figure looks at by itself."""
    within = set() if site.boundary is None else {*site.boundary.facility, *site.boundary.it}
    return any(name not in within for names in levels.values() for name in names)


def _metered(name: str, meter: Meter, one: Sum) -> Metered:
    return Metered(name=name, energy=as_energy(one.energy_mj), accuracy_class=meter.accuracy_class)


def _told(site: Site, levels: dict[MeterLevel, list[str]], items: Sequence[tuple[tuple[int, int], Imbalance]]) -> Doubt:
    (low, high), one = max(items, key=lambda item: item[1].percent)
    upper, lower = levels[one.upper], levels[one.lower]
    it = set() if site.boundary is None else set(site.boundary.it)
    within = it if site.boundary is None else it | set(site.boundary.facility)
    dead = {edge for span, item in items if isinf(item.percent) for edge in span}
    is_dead = not within & set(upper) and all(dead & set(span) for span, _ in items)
    what = f"{listed(lower)} ({one.lower}) took "
    if isinf(one.percent):
        what += f"energy and {listed(upper)} ({one.upper}) gave nothing"
    else:
        what += f"{one.percent:.1f} % more than {listed(upper)} ({one.upper}) gave"
    more = f" (and in {len(items) - 1} more)" if len(items) > 1 else ""
    return Doubt(
        kind="balance",
        meters=(*upper, *lower),
        start_us=low,
        end_us=high,
        decides=not is_dead and (one.upper == "in" or bool(it & set(lower))),
        sentence=(
            f"{what} in the month from {moment(low)}{more}, tolerance {one.tolerance:.1f} %: one of the first drifts "
            "or is fed twice, or one of the second stands still, is missing or exchanged"
        ),
    )
