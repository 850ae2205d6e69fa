"""Lines of readings and of hourly sums, as journal, bundles and both kinds of store have them; and their digest."""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

_AT_ONCE = 4096
READINGS_HEAD = "meter,kind,start_us,time_us,value_micro,trust"
SUMS_HEAD = "meter,begin_us,energy_mj"


def reading_line(row: Sequence[Any]) -> str:
    """The line of a reading: meter, kind, begin of an interval or None, time, millionths, trust class."""
    return f"{row[0]},{row[1]},{'' if row[2] is None else row[2]},{row[3]},{row[4]},{row[5]}"


def sum_line(meter: str, begin_us: int, energy_mj: int) -> str:
    """The line of the energy of one hour."""
    return f"{meter},{begin_us},{energy_mj}"


def digest_of_lines(head: str, lines: Iterable[str]) -> tuple[str, int]:
    """Digest of a text of a head and lines, each with a line break, that need not be in memory; and how many."""
    found, count, rest = hashlib.sha256(f"{head}\n".encode()), 0, iter(lines)
    while some := list(islice(rest, _AT_ONCE)):
        found.update(("\n".join(some) + "\n").encode())
        count += len(some)
    return f"sha256:{found.hexdigest()}", count
