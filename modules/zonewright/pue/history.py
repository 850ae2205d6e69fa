"""What the history of a meter says against it: it ran and stands still, it steps by a thousand, or it is another's.

A diesel set and a standby incomer stand still all year, and that is good. A meter that ran and stands still is in doubt
where the energy ratio of its boundary moves as if its energy were missing, and nothing else took it over.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

from zonewright.pue.doubt import DAY_US, Doubt, Shares, listed, moment
from zonewright.pue.meters import ROLES, MeterSpec
from zonewright.pue.pieces import Piece
from zonewright.pue.series import Series, common

LEAST_STILL_US, LEAST_SAME_US = 2 * DAY_US, 3 * DAY_US
"""How long a register counts nothing, and a gauge repeats one value, before that is standing still: so long that there
are one day and two days (UTC) that show it, which is how a store finds it among its sums."""
_LEAST_SHARE = Fraction(1, 50)
"""A meter of less than two hundredths of its side cannot be told from the weather."""
_EDGE_US = 7 * DAY_US
"""How long before and after a meter stops, or runs again, the ratio is compared, whatever a season does to it."""
_ROUNDED = 1e-6
_GENEROUS = Fraction(3, 2)
"""How much more than before a meter may have counted, had it run."""
STEP_LOW, _STEP_HIGH = 700, 1_400
"""A step of 1,000, with a load that moved at most by 40 % meanwhile."""
_LARGEST_RATIO = 3
_LEAST_ALIKE_DAYS, _LEAST_CHANGES = 14, 10
"""For so many days, with so many changes from one to the next, no two meters show the very same."""


def standing(
    meters: Mapping[str, MeterSpec], pieces: Mapping[str, Sequence[Piece]], series: Mapping[str, Series]
) -> Iterator[tuple[str, int, int, Doubt]]:
    """Stretches of meters that ran, stand still, and leave the balance of their boundary open, each with its finding.

    Args:
        meters: by id; those that may stand by are left out.
        pieces: of each, in order, as far back as is known: who stood still already when the window began ran before it.
        series: the same within the window.
    """
    for name, meter in meters.items():
        if meter.standby:
            continue
        for since, low, high in _still(meter, pieces[name], series[name]):
            known, begin = series, max(since - before_us(high - since), series[name].start_us)
            if since < series[name].start_us:
                begin = since - before_us(high - since)
                known = {one: Series(items, begin, series[name].end_us) for one, items in pieces.items()}
            is_stuck = meter.kind == "gauge" and _is_stuck(name, meters, pieces, known, (begin, since, high))
            if is_stuck or _is_open(name, meters, known, since, high):
                yield (
                    name,
                    low,
                    high,
                    Doubt(
                        kind="standing",
                        meters=(name,),
                        start_us=low,
                        end_us=high,
                        sentence=(
                            f"{name} ran before and stands still from {moment(low)} to {moment(high)}, and "
                            f"{'what it meters varies' if is_stuck else 'no other meter took its energy over'}: that "
                            "time is unknown; look at the meter, then correct or withdraw its readings"
                            f"{'' if is_stuck else ', or declare it as standby'}"
                        ),
                    ),
                )


def before_us(length_us: int) -> int:
    """How long before a stretch is looked at, to tell what a meter did before it."""
    return max(length_us, 7 * DAY_US)


def _still(meter: MeterSpec, pieces: Sequence[Piece], one: Series) -> Iterator[tuple[int, int, int]]:
    """Stretches of days in which a meter that ran before counts nothing, or a gauge repeats one value.

    Each with its true begin, and begin and end within the window.
    """
    ran, run = False, None
    rate: Fraction | None = None
    for piece in [*_since_another(pieces, one), None]:
        pace = None if piece is None else _pace(piece)
        is_same = pace is not None and pace == rate and piece is not None and run is not None
        if is_same and piece is not None and run is not None and piece.start_us == run[1]:
            run = (run[0], piece.end_us)
            continue
        if run is not None and rate is not None and ran and (rate == 0 or meter.kind == "gauge"):
            low, high = max(run[0], one.start_us), min(run[1], one.end_us)
            if high - low >= (LEAST_STILL_US if rate == 0 else LEAST_SAME_US):
                yield run[0], low, high
        ran = ran or (rate is not None and rate != pace and (rate != 0 or meter.kind == "gauge"))
        rate = pace
        run = None if piece is None else (piece.start_us, piece.end_us)


def _since_another(pieces: Sequence[Piece], one: Series) -> Sequence[Piece]:
    """The pieces of a window, and those before it back to one of another mean power."""
    first = bisect_right(pieces, one.start_us, key=lambda piece: piece.end_us)
    after = bisect_left(pieces, one.end_us, key=lambda piece: piece.start_us)
    if first >= after:
        return ()
    pace = _pace(pieces[first])
    while first and _pace(pieces[first]) == pace:
        first -= 1
    return pieces[first:after]


def _pace(piece: Piece) -> Fraction:
    return Fraction(piece.energy, piece.end_us - piece.start_us)


def _is_stuck(
    name: str,
    meters: Mapping[str, MeterSpec],
    pieces: Mapping[str, Sequence[Piece]],
    series: Mapping[str, Series],
    times: tuple[int, int, int],
) -> bool:
    """Whether a gauge that repeats one value says nothing: it carries its side, and the load moves by the other.

    A load that is the same for days is the same on the other side too, in that time and before.
    """
    begin_us, low_us, high_us = times
    shared = [(low_us, high_us)]
    for one in series.values():
        shared = common(shared, one.runs)
    inside, role = _shares(meters, series, shared), meters[name].role
    if not inside.energies[name] or inside.energies[name] < _LEAST_SHARE * inside.of(role):
        return False
    others = [other for other, meter in meters.items() if meter.role != role]
    return not all(_is_constant(pieces[other], begin_us, high_us) for other in others)


def _is_constant(pieces: Sequence[Piece], low_us: int, high_us: int) -> bool:
    """Whether a meter has one mean power in a time, but for what sums are rounded by."""
    there = [piece for piece in pieces if piece.end_us > low_us and piece.start_us < high_us]
    paces = [float(piece.energy) / (piece.end_us - piece.start_us) for piece in there]
    return bool(paces) and max(paces) - min(paces) <= _ROUNDED * max(paces)


def _is_open(
    name: str, meters: Mapping[str, MeterSpec], series: Mapping[str, Series], low_us: int, high_us: int
) -> bool:
    """Whether the ratio in a stretch lies nearer to what it is without a meter's energy than to what it was before."""
    shared = [(series[name].start_us, series[name].end_us)]
    for one in series.values():
        shared = common(shared, one.runs)
    inside = _shares(meters, series, common(shared, [(low_us, high_us)]))
    total, it = inside.of("total"), inside.of("it")
    if not it:
        return meters[name].role == "it" and total > 0
    length = before_us(high_us - low_us)
    before = _shares(meters, series, common(shared, [(low_us - length, low_us)]))
    if total < it:  # does what it would have counted close the balance? If not, another meter is wrong
        had_us = sum(high - low for low, high in common(shared, [(low_us - length, low_us)]))
        more = before.energies[name] * (high_us - low_us) / had_us if had_us else Fraction()
        return meters[name].role == "total" and total + _GENEROUS * more >= it
    if _is_missed(name, before, inside):
        return True
    if high_us - low_us < 2 * _EDGE_US:
        return False
    # A season moves the ratio too, but not within the week in which a meter stops or runs again.
    edges = (
        ((low_us - _EDGE_US, low_us), (low_us, low_us + _EDGE_US)),
        ((high_us, high_us + _EDGE_US), (high_us - _EDGE_US, high_us)),
    )
    for running, still in edges:
        around = (_shares(meters, series, common(shared, [part])) for part in (running, still))
        if _is_missed(name, *around):
            return True
    return False


def _is_missed(name: str, running: Shares, still: Shares) -> bool:
    """Whether the ratio while a meter stands lies nearer to what it is without its energy than to what it was."""
    role = still.meters[name].role
    side, had_total, had_it = running.of(role), running.of("total"), running.of("it")
    total, it = still.of("total"), still.of("it")
    if not (had_it and side and it):
        return False
    share = running.energies[name] / side
    share -= still.energies[name] / still.of(role) if still.of(role) else 0
    if share < _LEAST_SHARE:
        return False
    now, then = total / it, had_total / had_it
    if role == "total":
        return now < then * (1 - share / 2)
    return now * (1 - share / 2) > then


def _shares(meters: Mapping[str, MeterSpec], series: Mapping[str, Series], parts: Sequence[tuple[int, int]]) -> Shares:
    energies = {name: sum((one.energy(*part) for part in parts), Fraction()) for name, one in series.items()}
    return Shares(meters=meters, energies=energies)


def unit_steps(
    meters: Mapping[str, MeterSpec], series: Mapping[str, Series], shares: Shares, limit: Fraction
) -> Iterator[Doubt]:
    """Meters that from one day to the next read a thousand times as much or as little.

    It decides where the ratio would be beyond the limit if the one unit were right all the time.

    Args:
        meters: by id.
        series: what is known of each.
        shares: energies over the time in which all are known.
        limit: the ratio that may not be exceeded.
    """
    found = [
        (name, low, high, is_down, sum((series[name].energy(*part) for part in parts), Fraction()))
        for name in meters
        for low, high, is_down in _steps(_paces(series[name]))
        for parts in [common(series[name].runs, [(low, high)])]
    ]
    wrong = _beyond_without_steps(
        meters, shares, limit, [(name, is_down, energy) for name, _, _, is_down, energy in found]
    )
    for name, low, high, is_down, _ in found:
        yield Doubt(
            kind="unit",
            meters=(name,),
            start_us=low,
            end_us=high,
            decides=(name, is_down) in wrong,
            sentence=(
                f"{name} reads {'a thousandth of' if is_down else 'a thousand times'} what it read before from "
                f"{moment(low)} on: its unit looks changed; correct the readings, or look at the meter"
            ),
        )


def _beyond_without_steps(
    meters: Mapping[str, MeterSpec], shares: Shares, limit: Fraction, steps: Sequence[tuple[str, bool, Fraction]]
) -> set[tuple[str, bool]]:
    """Meters, each with a direction, whose steps decide: alone or together, all that they counted after them.

    Args:
        meters: by id; those that may stand by do not decide.
        shares: energies over the time in which all are known.
        limit: the ratio that may not be exceeded.
        steps: of each the meter, whether it was down, and what was counted after it.
    """
    total, it = shares.of("total"), shares.of("it")
    more: dict[tuple[str, bool], Fraction] = {}
    less: dict[tuple[str, bool], Fraction] = {}
    for name, is_down, energy in steps:
        meter = meters[name]
        if meter.standby or is_down != (meter.role == "total"):
            continue
        side, share = (more, Fraction(999)) if is_down else (less, Fraction(999, 1000))
        side[name, is_down] = side.get((name, is_down), Fraction()) + share * energy

    def is_beyond(added: Fraction, taken: Fraction) -> bool:
        load = it - taken
        return load > 0 and total + added > limit * load and total + added <= _LARGEST_RATIO * load

    alone = {one for one, energy in more.items() if is_beyond(energy, Fraction())}
    alone |= {one for one, energy in less.items() if it > energy and total > limit * (it - energy)}
    together = is_beyond(sum(more.values(), Fraction()), sum(less.values(), Fraction()))
    return alone or ({*more, *less} if together else set())


def _paces(one: Series) -> list[tuple[int, float]]:
    """Begin and mean power of each whole day (UTC) of which something is known and not nothing was counted."""
    found: list[tuple[int, float]] = []
    runs = iter([*one.runs, (one.end_us, one.end_us)])
    low, high = next(runs)
    for begin in range(-(-one.start_us // DAY_US) * DAY_US, one.end_us - DAY_US + 1, DAY_US):
        counted, known_us, end = 0.0, 0, begin + DAY_US
        while low < end:
            first, last = max(low, begin), min(high, end)
            if first < last:
                counted += one.counted(first, last)
                known_us += last - first
            if high > end or high == one.end_us:
                break
            low, high = next(runs)
        if counted:
            found.append((begin, counted / known_us))
    return found


def _steps(cells: Sequence[tuple[int, float]]) -> Iterator[tuple[int, int, bool]]:
    """Begin and end of each stretch after a step of a thousand, and whether it was down.

    The step may lie within a day, so a day is compared with the two before it: a step is seen on two days, and is one.
    """
    if not cells or max(pace for _, pace in cells) < STEP_LOW * min(pace for _, pace in cells):
        return
    open_at: int | None = None
    is_down, since = False, 0
    for index, (begin, pace) in enumerate(cells):
        for _, before in cells[max(since, index - 2) : index]:
            down, up = STEP_LOW * pace <= before <= _STEP_HIGH * pace, STEP_LOW * before <= pace <= _STEP_HIGH * before
            if not (down or up):
                continue
            if open_at is not None:
                yield open_at, begin, is_down
            is_back = open_at is not None and down != is_down
            open_at, is_down, since = None if is_back else begin, down, index
            break
    if open_at is not None:
        yield open_at, cells[-1][0] + DAY_US, is_down


def alike(
    meters: Mapping[str, MeterSpec], series: Mapping[str, Series], shares: Shares, limit: Fraction
) -> Iterator[Doubt]:
    """Meters that show the very same on each day of weeks: one of them may be read twice.

    It decides where the ratio would be beyond the limit without the others of them, and where the same meter is on both
    sides.

    Args:
        meters: by id.
        series: what is known of each.
        shares: energies over the time in which all are known.
        limit: the ratio that may not be exceeded.
    """
    groups: dict[Fraction, list[str]] = {}
    for name in sorted(meters):
        groups.setdefault(shares.energies[name], []).append(name)
    total, it = shares.of("total"), shares.of("it")
    for energy, names in groups.items():
        first = _paces(series[names[0]]) if energy and len(names) > 1 else []
        same = [names[0], *(name for name in names[1:] if _paces(series[name]) == first)] if first else []
        changes = sum(abs(two - one) > _ROUNDED * one for (_, one), (_, two) in pairwise(first))
        if len(same) <= 1 or len(first) < _LEAST_ALIKE_DAYS or changes < _LEAST_CHANGES:
            continue
        sides = [sum(meters[name].role == role for name in same) for role in ROLES]
        yield Doubt(
            kind="twice",
            meters=tuple(same),
            start_us=first[0][0],
            end_us=first[-1][0] + DAY_US,
            decides=total <= limit * it and (all(sides) or total > limit * (it - energy * max(sides[1] - 1, 0))),
            sentence=(
                f"{listed(same)} show the same energy on each of {len(first)} days from {moment(first[0][0])} on, to "
                "the last digit: one meter may be read twice, or one file imported for two; look where each comes "
                "from, and correct the readings or leave one out"
            ),
        )
