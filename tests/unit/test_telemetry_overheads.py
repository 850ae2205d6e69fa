"""From stored readings to a fitted load model: which days count, what the outside has, and the same for an auditor."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cache
from math import cos, pi
from pathlib import Path

import pytest

from support.memory_store import MemoryStore
from zonewright.audit.evidence.replay import put_site
from zonewright.model import Site
from zonewright.model.canonical import canonical_json
from zonewright.model.overhead_fit import OverheadFit
from zonewright.model.world import Measured, RoomTotals, SiteFacts
from zonewright.pue import Reading
from zonewright.pue.load_model import LoadModel
from zonewright.rules.energy_state import model_of
from zonewright.telemetry import Store
from zonewright.telemetry.figures import Terms, measured
from zonewright.telemetry.registers import registers
from zonewright.telemetry.site_meters import all_meters_of
from zonewright.telemetry.summing import DAY_US, HOUR_US
from zonewright.telemetry.tables import readings_file

DAYS = 400
END = datetime(2026, 11, 1, tzinfo=UTC)
END_US = int(END.timestamp()) * 10**6
TERMS = Terms(limit=Fraction(5, 4), trusted=frozenset({"imported"}), max_age_days=7)
ROOMS = {"a": RoomTotals(10**7, 10**6)}
Readings = Mapping[str, list[Reading]]


def site(**fields: object) -> Site:
    """A data centre with one meter of each side, a thermometer, and a room of 100 kW."""
    meters = {
        "main": {"point": "utility", "rating_w": 20_000_000},
        "it": {"point": "ups-output", "rating_w": 20_000_000},
        "outside": {"point": "outside", "kind": "temperature", "interval_s": 21_600},
    }
    data = {
        "title": "Data centre",
        "district": "north",
        "overhead": {"plant_kw": 500, "slope": 0.1},
        "rooms": {"a": {"fixed_kw": 100}},
        "meters": meters,
        "boundary": {"category": "PUE1", "facility": ["main"], "it": ["it"]},
    }
    return Site.model_validate({**data, **fields})


def model() -> LoadModel:
    """Its load model as it is declared, with room a open."""
    return model_of(SiteFacts(owner="op", site=site()), ROOMS)


@cache
def year(plant_kw: int = 700, before: int = 0, before_kw: int = 0) -> Readings:
    """Readings of 400 days: 3 to 4 MW of IT, plant + 0.10 P + the room, and 4 kW for each degree above 10.

    Args:
        plant_kw: what the plant takes.
        before: up to this day it took something else.
        before_kw: that.
    """
    found: dict[str, list[Reading]] = {"main": [], "it": [], "outside": []}
    total_wh = it_wh = 0
    for day in range(DAYS + 1):
        start = END_US - (DAYS - day) * DAY_US
        degrees = round(12 - 14 * cos(4 * pi * day / 365))
        found["main"].append(Reading(None, start, total_wh, 0))
        found["it"].append(Reading(None, start, it_wh, 0))
        found["outside"] += [Reading(None, start + hour * HOUR_US, degrees, 0) for hour in (0, 6, 12, 18)]
        load_kw = 3_000 + 100 * (day * 7 % 11)
        plant = before_kw if day < before else plant_kw
        it_wh += 24_000 * load_kw
        total_wh += 24 * (1_100 * load_kw + 1000 * (plant + 100) + 4_000 * max(0, degrees - 10))
    return found


def judged(store: Store, of: Site, opened: Mapping[str, datetime] | None = None) -> Measured:
    """What is measured of it."""
    found = measured(store, "dc", of, now=END, terms=TERMS, model=model(), opened=opened or {})
    assert found is not None
    return found


def stored(folder: Path, readings: Readings, of: Site) -> Store:
    """A store of these readings."""
    store = Store(folder / "telemetry.db", create=True)
    store.append("dc", all_meters_of(of), readings, trust="imported")
    return store


def test_a_year_of_readings_and_temperatures(tmp_path: Path) -> None:
    """The fit has the plant, the slope and the heat; the room stays declared; the projection is one with bounds."""
    store = stored(tmp_path, year(), site())
    found = judged(store, site())
    fit = found.fit
    assert isinstance(fit, OverheadFit)
    assert (fit.days, fit.scale_w, found.unfitted) == (365, 4_000_000, "")
    assert len(fit.bands) >= 3
    cold = fit.bands[0]
    assert abs(cold.curve[0] - 700 * 10**6) < 10**6
    assert abs(cold.curve[1] - 400 * 10**6) < 10**6
    assert found.projection_bounds is not None
    assert found.projection_ratio is not None
    assert found.projection_bounds[0] <= found.projection_ratio <= found.projection_bounds[1]
    assert found.projection == "breach"  # 1.10 + 800 / 3,500 kW
    assert judged(store, site(), None).fit == fit
    whole = measured(store, "dc", site(), now=END, terms=TERMS, model=model(), opened=None)
    assert whole is not None
    assert (whole.fit, whole.unfitted) == (None, ""), "a record of an older version has no fit"


def test_an_auditor_gets_the_same_fit_from_what_was_recorded(tmp_path: Path) -> None:
    """Pruned readings, and a copy made of the recorded texts, give the same figure with the same fit."""
    store = stored(tmp_path, year(), site())
    before = judged(store, site())
    texts = registers(readings_file(tmp_path / "telemetry.db"), "dc", END - timedelta(days=366))
    assert store.prune(END_US - 60 * DAY_US) > 0
    assert judged(store, site()) == before
    (tmp_path / "copy").mkdir()
    copy = Store(tmp_path / "copy" / "telemetry.db", create=True)
    put_site(copy, "dc", all_meters_of(site()), texts)
    assert judged(copy, site()) == before
    assert canonical_json(repr(judged(copy, site()).fit)) == canonical_json(repr(before.fit))


def test_another_plant_and_a_room_that_was_opened(tmp_path: Path) -> None:
    """Readings of an older plant do not count; a room takes its part from the day after it was opened on."""
    changed = {"new": {"since": "2026-04-01"}}
    store = stored(tmp_path, year(900, DAYS - 214, 100), site())
    found = judged(store, site(plant=changed))
    assert found.fit is not None
    assert (found.fit.plant, found.fit.first, found.fit.days) == ("new", "2026-04-01", 214)
    assert abs(found.fit.bands[0].curve[0] - 900 * 10**6) < 10**6
    mixed = judged(store, site())
    assert mixed.fit is None or mixed.fit.curve[0] < found.fit.curve[0]
    late = judged(store, site(plant={"new": {"since": "2026-10-20"}}))
    assert late.fit is None
    assert "days are known of the" in late.unfitted
    opened = judged(store, site(plant=changed), {"a": END})
    assert opened.fit is not None
    assert abs(opened.fit.bands[0].curve[0] - 1_000 * 10**6) < 10**6, "what was there before is the plant's"


def test_temperatures_that_do_not_count(tmp_path: Path) -> None:
    """Without a trusted thermometer a fit needs a year; what no air has is unknown; frost is no error."""
    frost = {**year(), "outside": [replace(one, value=one.value - 20) for one in year()["outside"]]}
    one = judged(stored(tmp_path, frost, site()), site())
    assert one.fit is not None
    assert one.fit.bands[0].high_c == 0
    (tmp_path / "hot").mkdir()
    hot = {**year(), "outside": [replace(item, value=item.value + 250) for item in year()["outside"]]}
    two = judged(stored(tmp_path / "hot", hot, site()), site())
    assert two.fit is not None
    assert len(two.fit.bands) == 1, "a thermometer that shows nothing is none"
    (tmp_path / "still").mkdir()
    still = {**year(), "outside": [replace(item, value=15) for item in year()["outside"]]}
    still_found = judged(stored(tmp_path / "still", still, site()), site())
    assert still_found.fit is None, still_found.fit
    assert still_found.unfitted == "outside temperature is known for 0 days, and it takes 329 of a year"
    (tmp_path / "signed").mkdir()
    store = Store(tmp_path / "signed" / "telemetry.db", create=True)
    parts = {name: [] if name == "outside" else items for name, items in year().items()}
    store.append("dc", all_meters_of(site()), parts, trust="imported")
    store.append("dc", all_meters_of(site()), {"outside": year()["outside"]}, trust="authenticated")
    three = judged(store, site())
    assert three.fit is not None
    assert len(three.fit.bands) == 1
    assert three.trust == "imported"


@pytest.mark.parametrize("mistake", ["kilowatt-hours", "exchanged", "stands still", "half", "a month in MWh"])
def test_no_mistake_opens_the_gate_by_a_fit(mistake: str, tmp_path: Path) -> None:
    """A unit, a role or a register that is wrong gives no fit, or one that is not within where the truth is not."""
    readings = {name: list(items) for name, items in year().items()}
    if mistake == "kilowatt-hours":
        readings["main"] = [replace(one, value=Fraction(one.value, 1000)) for one in readings["main"]]
    elif mistake == "exchanged":
        readings["main"], readings["it"] = readings["it"], readings["main"]
    elif mistake == "stands still":
        readings["main"] = [replace(one, value=readings["main"][120].value) for one in readings["main"]]
    elif mistake == "half":
        readings["main"] = [replace(one, value=Fraction(one.value, 2)) for one in readings["main"]]
    else:
        low, high = readings["main"][200].value, readings["main"][230].value
        readings["main"] = [
            replace(one, value=low + Fraction(min(one.value, high) - low, 10**6) + max(0, one.value - high))
            if one.value > low
            else one
            for one in readings["main"]
        ]
    found = judged(stored(tmp_path, readings, site()), site())
    assert found.fit is None or found.projection == "breach"
    assert found.trailing != "within"
    assert found.projection != "within"


def test_stores_agree_on_days(tmp_path: Path) -> None:
    """The store of files and that in memory have the same days of each meter, and of a thermometer in kelvin."""
    some = {name: items[:40] for name, items in year().items()}
    window = (END_US - (DAYS + 2) * DAY_US, END_US)
    one, two = stored(tmp_path, some, site()), MemoryStore()
    two.append("dc", all_meters_of(site()), some, trust="imported")
    assert one.days("dc", *window) == two.days("dc", *window)
    first = one.days("dc", *window)["outside"][0]
    assert first.energy_mj == (some["outside"][0].value + Fraction("273.15")) * 86_400 * 1_000
    assert one.trusts("dc", "outside") == two.trusts("dc", "outside") == one.trusts("dc") == {"imported"}
