"""Files of sysfs: one value each, and none where nothing can be read or it says something else."""

from __future__ import annotations

from pathlib import Path

from zonewright_agent.points import Moment, Point

_INVALID_W = (0.0, 65535.0, 0xFFFFFFFF / 1e6, 0xFFFFFFFF / 1e3)
"""What meters show when they have no reading; what runs does not draw nothing."""


def text_of(path: Path) -> str | None:
    """What a file says, without spaces around it."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


def count_of(path: Path) -> int | None:
    """The whole number in a file."""
    text = text_of(path)
    return int(text) if text is not None and text.isdigit() and text.isascii() else None


def counter_of(path: Path) -> int:
    """The value of a counter.

    Raises:
        OSError: when it cannot be read.
        ValueError: when it is no whole number.
    """
    text = path.read_text(encoding="utf-8").strip()
    if not (text.isdigit() and text.isascii()):
        raise ValueError(f"{path}: expected a whole number, got {text[:20]!r}")
    return int(text)


def watts_of(path: Path) -> float | None:
    """The power in a file of hwmon, which shows microwatts."""
    microwatts = count_of(path)
    return None if microwatts is None else microwatts / 1e6


def power_of(name: str, watts: float | None, moment: Moment, power_max_w: float, attributes: dict[str, str]) -> Point:
    """What a power meter shows as a point; what cannot be is no value.

    Args:
        name: of the metric.
        watts: as the meter shows them; None where it shows nothing.
        moment: when.
        power_max_w: the most that can be.
        attributes: what the power is of.
    """
    is_good = watts is not None and watts not in _INVALID_W and 0 < watts <= power_max_w
    quality = "good" if is_good else "unknown" if watts is None else "implausible"
    return Point(
        name=name,
        unit="W",
        kind="gauge",
        value=watts if is_good else None,
        time_ns=moment.time_ns,
        quality=quality,
        attributes=attributes,
    )
