"""Which hosts of a fleet tell their power, and by what: a fleet without one watt is told, and is not good. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zonewright.fleet.inventory import Host
from zonewright.rules.words import count_of

SOURCES = ("hwmon", "rapl", "amdgpu", "nvml")
"""Sources of an agent that give power or energy."""
_NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerTold:
    """What is known of the power of some hosts.

    Attributes:
        sentence: for people.
        by_source: how many hosts tell it, by source.
        silent: hosts whose agent should tell it and does not.
        is_dark: whether not one of the hosts whose agent should tell it does.
    """

    sentence: str
    by_source: Mapping[str, int]
    silent: tuple[str, ...]
    is_dark: bool


def power_told(hosts: Sequence[Host], sources: Mapping[str, Sequence[str]], *, usual: str) -> PowerTold | None:
    """What the agents of hosts tell of power; None where none of them should, or nobody could look.

    Args:
        hosts: those that are meant.
        sources: by host what its agent reads; hosts that nobody could look at are not there.
        usual: what tells the power of hosts that say nothing else.
    """
    meant = [host.name for host in hosts if (host.power or usual) == "agent" and host.name in sources]
    if not meant:
        return None
    telling = {name: [one for one in SOURCES if one in sources[name]] for name in meant}
    silent = tuple(name for name in meant if not telling[name])
    by_source = Counter(one for some in telling.values() for one in some)
    count = f"{len(meant) - len(silent):,} of {count_of(len(meant), 'host')}"
    how = ", ".join(f"{one} {by_source[one]:,}" for one in SOURCES if by_source[one])
    parts = [f"power is told by {count}" + (f" ({how})" if how else "")]
    if silent and len(silent) < len(meant):
        more = f" and {len(silent) - _NAMED:,} more" if len(silent) > _NAMED else ""
        parts.append(f"not by {', '.join(silent[:_NAMED])}{more}")
    is_dark = len(silent) == len(meant)
    if is_dark:
        parts.append("if a gateway or nothing tells it, say power: gateway or power: none in the fleet's file")
    return PowerTold(sentence="; ".join(parts), by_source=dict(by_source), silent=silent, is_dark=is_dark)
