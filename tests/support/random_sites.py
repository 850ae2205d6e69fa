"""Random sites beyond the limit of the energy ratio, and the mistakes that people make when they meter them."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from zonewright.pue import MeterSpec, Reading

HOUR_US = 3_600 * 10**6
DAY_US = 24 * HOUR_US
DAYS = 14
LIMIT = Fraction(5, 4)


@dataclass(frozen=True)
class RandomSite:
    """Meters and what they counted each day in Wh."""

    meters: Mapping[str, MeterSpec]
    days: Mapping[str, Sequence[int]]

    def read(self, name: str, scale: Fraction | int = 1, since: int = 0) -> list[Reading]:
        """What its meter shows; from a day on in another unit."""
        meter, energies = self.meters[name], self.days[name]
        scales = [scale if day >= since else 1 for day in range(DAYS)]
        if meter.kind == "interval":
            return [
                Reading(day * DAY_US, (day + 1) * DAY_US, Fraction(energies[day]) * scales[day], 0)
                for day in range(DAYS)
            ]
        if meter.kind == "gauge":
            return [
                Reading(None, day * DAY_US + hour * HOUR_US, Fraction(energies[day], 24) * scales[day], 0)
                for day in range(DAYS)
                for hour in range(0, 24, 8)
            ] + [Reading(None, DAYS * DAY_US, Fraction(energies[-1], 24) * scales[-1], 0)]
        shown, level = [Reading(None, 0, Fraction(50_000_000) * (scale if since == 0 else 1), 0)], 50_000_000
        for day in range(DAYS):
            level += energies[day]
            shown.append(Reading(None, (day + 1) * DAY_US, Fraction(level) * scales[day], 0))
        return shown


def drawn_site(rng: random.Random) -> RandomSite:
    """A site beyond the limit: one to four meters a side, of any kind, some with ratings, perhaps a diesel set."""
    it_day = rng.randint(2_000_000, 200_000_000)
    ratio = rng.uniform(1.26, 2.2)  # of the means; the truth may be a hundredth less
    meters: dict[str, MeterSpec] = {}
    days: dict[str, list[int]] = {}
    for role, whole, letter in (("total", it_day * ratio, "u"), ("it", float(it_day), "i")):
        weights = [rng.uniform(0.1, 1.0) for _ in range(rng.randint(1, 4))]
        for number, weight in enumerate(weights):
            mean = whole * weight / sum(weights)
            name = f"{letter}{number}"
            days[name] = [24 * round(mean * rng.uniform(0.97, 1.03) / 24) for _ in range(DAYS)]
            kind = rng.choice(("register", "register", "gauge", "interval"))
            meters[name] = MeterSpec.model_validate(
                {
                    "role": role,
                    "kind": kind,
                    "interval_s": 28_800 if kind == "gauge" else None,
                    "rating_w": round(mean / 24 * rng.uniform(1.1, 5)) if rng.random() < 0.5 else None,
                    "accuracy_class": rng.choice((None, 0.5, 1.0)),
                }
            )
    if rng.random() < 0.3:
        meters["set"] = MeterSpec(role="total", kind="register", rating_w=rng.choice((None, 2_000_000)))
        days["set"] = [0] * DAYS
    shown = {name: counted(meters[name], some) for name, some in days.items()}
    sums = {role: sum(shown[name] for name in days if meters[name].role == role) for role in ("total", "it")}
    return RandomSite(meters=meters, days=days) if sums["total"] > LIMIT * sums["it"] else drawn_site(rng)


def counted(meter: MeterSpec, days: Sequence[int]) -> Fraction:
    """What a meter without a mistake lets anybody know of its energy: the eight hours to a gauge's next day are means.

    (So a site that is a breach by a few millionths may be none by its gauges.)
    """
    return sum(days) + (Fraction(days[-1] - days[0], 6) if meter.kind == "gauge" else Fraction())


Mistake = Callable[[RandomSite, random.Random], tuple[Mapping[str, MeterSpec], dict[str, list[Reading]]]]


def plain(site: RandomSite) -> dict[str, list[Reading]]:
    """What all meters show without a mistake."""
    return {name: site.read(name) for name in site.meters}


def unit_of_one(site: RandomSite, rng: random.Random) -> tuple[Mapping[str, MeterSpec], dict[str, list[Reading]]]:
    """One meter in kWh or MWh instead of Wh, or a thousand times too large, all the time."""
    name, scale = rng.choice(sorted(site.meters)), rng.choice((Fraction(1, 1000), Fraction(1, 10**6), 1000))
    return site.meters, {**plain(site), name: site.read(name, scale)}


def unit_of_some(site: RandomSite, rng: random.Random) -> tuple[Mapping[str, MeterSpec], dict[str, list[Reading]]]:
    """Several meters of what comes in, in kWh or MWh instead of Wh; not all, where there are more than two."""
    names = sorted(name for name, meter in site.meters.items() if meter.role == "total" and name != "set")
    chosen, scale = rng.sample(names, min(len(names), max(2, len(names) - 1))), rng.choice((10**3, 10**6))
    return site.meters, {**plain(site), **{name: site.read(name, Fraction(1, scale)) for name in chosen}}


def unit_of_a_side(site: RandomSite, rng: random.Random) -> tuple[Mapping[str, MeterSpec], dict[str, list[Reading]]]:
    """All meters of one side in another unit."""
    role, scale = rng.choice(("total", "it")), rng.choice((Fraction(1, 1000), 1000))
    return site.meters, {
        name: site.read(name, scale if meter.role == role else 1) for name, meter in site.meters.items()
    }


def unit_from_a_day_on(
    site: RandomSite, rng: random.Random
) -> tuple[Mapping[str, MeterSpec], dict[str, list[Reading]]]:
    """One meter changes its unit one day."""
    name, scale = rng.choice(sorted(site.meters)), rng.choice((Fraction(1, 1000), 1000))
    return site.meters, {**plain(site), name: site.read(name, scale, rng.randint(1, DAYS - 1))}


def roles_exchanged(site: RandomSite, _rng: random.Random) -> tuple[Mapping[str, MeterSpec], dict[str, list[Reading]]]:
    """The two sides exchanged."""
    other = {"total": "it", "it": "total"}
    meters = {name: one.model_copy(update={"role": other[one.role]}) for name, one in site.meters.items()}
    return meters, plain(site)


def sign_of_one(site: RandomSite, rng: random.Random) -> tuple[Mapping[str, MeterSpec], dict[str, list[Reading]]]:
    """A register that runs backwards, because its transformers are the wrong way round."""
    registers = sorted(name for name, one in site.meters.items() if one.kind == "register" and name != "set")
    if not registers:
        return site.meters, plain(site)
    name = rng.choice(registers)
    shown = site.read(name)
    top = 2 * shown[-1].value
    return site.meters, {
        **plain(site),
        name: [Reading(None, one.time_us, top - one.value, 0) for one in shown],
    }


def rating_in_kilowatts(
    site: RandomSite, rng: random.Random
) -> tuple[Mapping[str, MeterSpec], dict[str, list[Reading]]]:
    """A rating that was typed in kW."""
    name = rng.choice(sorted(site.meters))
    mean_w = max(1, sum(site.days[name]) // DAYS // 24)
    meters = {**site.meters, name: site.meters[name].model_copy(update={"rating_w": max(1, 2 * mean_w // 1000)})}
    return meters, plain(site)


def read_twice(site: RandomSite, rng: random.Random) -> tuple[Mapping[str, MeterSpec], dict[str, list[Reading]]]:
    """What one meter of IT equipment shows is imported for another one, too."""
    names = sorted(name for name, meter in site.meters.items() if meter.role == "it")
    if len(names) == 1:
        return site.meters, plain(site)
    one, two = rng.sample(names, 2)
    meters = {**site.meters, two: site.meters[two].model_copy(update={"kind": site.meters[one].kind, "rating_w": None})}
    meters[two] = meters[two].model_copy(update={"interval_s": site.meters[one].interval_s})
    return meters, {**plain(site), two: site.read(one)}


def zero_once(site: RandomSite, rng: random.Random) -> tuple[Mapping[str, MeterSpec], dict[str, list[Reading]]]:
    """A register shows 0 once, and what it had after that."""
    registers = sorted(name for name, one in site.meters.items() if one.kind == "register" and name != "set")
    if not registers:
        return site.meters, plain(site)
    name = rng.choice(registers)
    shown, at = site.read(name), rng.randint(1, DAYS - 1)
    return site.meters, {**plain(site), name: [*shown[:at], Reading(None, shown[at].time_us, 0, 0), *shown[at + 1 :]]}


def largest_once(site: RandomSite, rng: random.Random) -> tuple[Mapping[str, MeterSpec], dict[str, list[Reading]]]:
    """A gauge of IT equipment shows the largest value of 32 bits once."""
    gauges = sorted(name for name, one in site.meters.items() if one.kind == "gauge" and one.role == "it")
    if not gauges:
        return site.meters, plain(site)
    name = rng.choice(gauges)
    shown = site.read(name)
    at = rng.randrange(len(shown))
    most = Reading(None, shown[at].time_us, 2**32 - 1, 0)
    return site.meters, {**plain(site), name: [*shown[:at], most, *shown[at + 1 :]]}


def stands_still(site: RandomSite, rng: random.Random) -> tuple[Mapping[str, MeterSpec], dict[str, list[Reading]]]:
    """What comes in by one register or gauge is its last value, again and again."""
    names = [name for name, one in site.meters.items() if (one.role, one.kind) in STANDING and name != "set"]
    if not names:
        return site.meters, plain(site)
    name = rng.choice(sorted(names))
    shown = site.read(name)
    at = rng.randint(len(shown) // 3, len(shown) * 3 // 4)
    last = [Reading(None, one.time_us, shown[at].value, 0) for one in shown[at:]]
    return site.meters, {**plain(site), name: [*shown[:at], *last]}


STANDING = {("total", "register"), ("total", "gauge")}
MISTAKES: tuple[Mistake, ...] = (
    unit_of_one,
    unit_of_some,
    unit_of_a_side,
    unit_from_a_day_on,
    roles_exchanged,
    sign_of_one,
    rating_in_kilowatts,
    read_twice,
    zero_once,
    largest_once,
    stands_still,
)
