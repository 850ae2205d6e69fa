"""Which hosts a wave brings the roll-out to, when to stop, and whether hosts may be touched now. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from typing import Literal

from zonewright.model.fleet import RollOut, StopLimits, WaveSize, Window

State = Literal["changed", "unchanged", "failed", "unreachable", "unknown", "rolled-back", "skipped"]
STATES: tuple[State, ...] = ("changed", "unchanged", "failed", "unreachable", "unknown", "rolled-back", "skipped")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def split(names: Sequence[str], waves: Sequence[WaveSize]) -> tuple[tuple[str, ...], ...]:
    """The hosts of each wave, in their order; each wave reaches one host more at least, while there are any.

    Args:
        names: all hosts, in order.
        waves: how far each wave goes, counted over all hosts.
    """
    found, done = [], 0
    for wave in waves:
        reached = wave.hosts if wave.hosts is not None else -(-len(names) * (wave.percent or 0) // 100)
        end = min(len(names), max(reached, done + 1))
        if end > done:
            found.append(tuple(names[done:end]))
        done = end
    if done < len(names):
        found.append(tuple(names[done:]))
    return tuple(found)


def exceeded(limits: StopLimits, states: Iterable[State]) -> str:
    """Which limit is exceeded, as a sentence; empty when none is. Each way of going wrong counts for itself.

    Args:
        limits: how many hosts may go wrong.
        states: states of hosts that are done; one that was rolled back had failed.
    """
    counted = Counter(states)
    for word, count, limit in (
        ("failed", counted["failed"] + counted["rolled-back"], limits.failed),
        ("unreachable", counted["unreachable"], limits.unreachable),
        ("unknown", counted["unknown"], limits.unknown),
    ):
        if count > limit:
            return f"stopped: {count} {word}, {limit} allowed"
    return ""


def closed(rollout: RollOut, now: datetime) -> str:
    """Why hosts may not be touched now, as a sentence; empty when they may.

    Args:
        rollout: windows and freezes.
        now: the operator's local time.
    """
    day = now.date().isoformat()
    for freeze in rollout.freeze:
        if freeze.first <= day <= freeze.last:
            return f"from {freeze.first} to {freeze.last} no host is touched: {freeze.reason}"
    if rollout.windows and not any(_is_open(window, now) for window in rollout.windows):
        times = ", ".join(f"{'/'.join(window.days)} {window.begin}-{window.end}" for window in rollout.windows)
        return f"it is {now:%a %H:%M}, hosts are touched only {times}"
    return ""


def _is_open(window: Window, now: datetime) -> bool:
    begin, end = time.fromisoformat(window.begin), time.fromisoformat(window.end)
    today, yesterday = _DAYS[now.weekday()], _DAYS[(now - timedelta(days=1)).weekday()]
    clock = now.time()
    if begin < end:
        return today in window.days and begin <= clock < end
    return (today in window.days and clock >= begin) or (yesterday in window.days and clock < end)


def exit_code(states: Iterable[State]) -> int:
    """0 when every host is as it should be; 1 when one failed; 3 when for one nothing was decided."""
    found = set(states)
    if found & {"failed", "rolled-back"}:
        return 1
    return 3 if found & {"unreachable", "unknown", "skipped"} else 0
