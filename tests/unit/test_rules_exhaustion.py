"""When a district's resources run out: trend, interval, and what leases promise."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from zonewright.rules.exhaustion import HORIZON_DAYS, LEAST_DAYS, DistrictResource, Exhaustion, Lump, exhaustion

TODAY = 20_000
LUMPS = st.lists(st.tuples(st.integers(0, 700), st.integers(0, 500)), max_size=12)


def resource(limit: int, used: int, lumps: list[tuple[int, int]], *promised: tuple[int, int]) -> DistrictResource:
    """So many kilowatts; lumps by days ago, promises by days to come."""
    return DistrictResource(
        district="north",
        name="built it_kw",
        unit="kW",
        limit=Fraction(limit),
        used=Fraction(used),
        lumps=[Lump(TODAY - ago, Fraction(amount)) for ago, amount in lumps],
        promised=[Lump(TODAY + ahead, Fraction(amount)) for ahead, amount in promised],
    )


def of(limit: int, used: int, lumps: list[tuple[int, int]], *promised: tuple[int, int]) -> Exhaustion:
    """When they run out."""
    return exhaustion(resource(limit, used, lumps, *promised), TODAY)


def test_a_trend_and_its_interval() -> None:
    """36 lumps of 10 kW in a year, every tenth day: 740 kW last two years, and a third less or more."""
    found = of(1_460, 720, [(365, 360), *((365 - 10 * number, 10) for number in range(1, 37))])
    assert found.days_known == 365
    assert found.rate == Fraction(360, 365)
    assert found.days == 750
    assert found.earliest is not None
    assert found.latest is not None
    # Give or take 2 x sqrt(37 x 10^2) = 121.66 kW a year.
    assert round(float(found.rate_high * 365), 2) == 481.66
    assert round(float(found.rate_low * 365), 2) == 238.34
    assert (found.earliest, found.latest) == (560, 1133)


def test_what_was_there_at_first_is_no_growth() -> None:
    """A stock that came on one day, and nothing since, does not run out by its trend, and may by its interval."""
    found = of(1_000, 400, [(300, 400)])
    assert found.rate == 0
    assert (found.days, found.latest) == (None, None)
    assert found.earliest is not None


def test_no_history_tells_no_trend() -> None:
    """Less than 90 days, or nothing at all, is no trend; what leases promise takes all the same."""
    for lumps in ([], [(LEAST_DAYS - 1, 100)]):
        found = of(1_000, 100, lumps)
        assert (found.is_trend, found.days, found.earliest, found.latest) == (False, None, None, None)
        assert of(1_000, 100, lumps, (40, 500), (70, 400)).earliest == 70
    assert of(1_000, 1_000, []).days == 0


@given(lumps=LUMPS, used=st.integers(0, 2_000), ahead=st.integers(1, 900), promised=st.integers(0, 2_000))
def test_bounds_hold_the_trend_and_more_room_lasts_longer(
    lumps: list[tuple[int, int]], used: int, ahead: int, promised: int
) -> None:
    """Earliest is no later than the trend, and that no later than the latest; room adds days, a promise takes some."""
    found = of(2_500, used, lumps)
    never = HORIZON_DAYS + 1
    days = [never if one is None else one for one in (found.earliest, found.days, found.latest)]
    if found.is_trend:
        assert days == sorted(days)
        assert 0 <= found.rate_low <= found.rate <= found.rate_high
    wider = of(3_000, used, lumps)
    assert (wider.earliest if wider.earliest is not None else never) >= days[0]
    given_ = of(2_500, used, lumps, (ahead, promised))
    assert (given_.earliest if given_.earliest is not None else never) <= days[0]
    assert (given_.days, given_.latest) == (found.days, found.latest)
