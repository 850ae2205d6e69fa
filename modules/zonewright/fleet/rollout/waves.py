"""Which hosts a wave brings the roll-out to, and when to stop. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from zonewright.model.fleet import StopLimits, WaveSize

HostState = Literal["changed", "unchanged", "failed", "unreachable", "unknown", "rolled-back", "skipped"]
STATES: tuple[HostState, ...] = ("changed", "unchanged", "failed", "unreachable", "unknown", "rolled-back", "skipped")


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


def exceeded(limits: StopLimits, states: Iterable[HostState]) -> str:
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


def exit_code(states: Iterable[HostState]) -> int:
    """0 when every host is as it should be; 1 when one failed; 3 when for one nothing was decided."""
    found = set(states)
    if found & {"failed", "rolled-back"}:
        return 1
    return 3 if found & {"unreachable", "unknown", "skipped"} else 0
