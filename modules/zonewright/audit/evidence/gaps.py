"""Where the recorded readings of a meter have holes, as they have when they were pruned before a change was planned."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

from zonewright.audit.evidence.pruned import hours_in
from zonewright.audit.evidence.replay import readings_in

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR, _DAY = timedelta(days=366), timedelta(days=1)


def holes(texts: Mapping[str, str], site: str, at: str) -> Iterator[str]:
    """Stretches of the last year of which a snapshot has neither readings of a meter that is read more often, nor sums.

    A meter is read as often as half of its readings tell; longer than twice that, and than a day, is a hole.

    Args:
        texts: the texts of the snapshot by name.
        site: id of the site.
        at: moment of the snapshot.
    """
    moments: dict[str, list[datetime]] = {}
    for name, text in sorted(texts.items()):
        if name.startswith(f"readings/{site}/"):
            found = moments.setdefault(name.split("/")[2], [])
            found += [_EPOCH + timedelta(microseconds=reading.time_us) for _, reading in readings_in(text)]
    begin, hours = datetime.fromisoformat(at) - _YEAR, hours_in(texts, site)
    for meter, times in moments.items():
        known = sorted({begin, *(time for time in times if time > begin)})
        usual = timedelta(seconds=median([(two - one).total_seconds() for one, two in pairwise(known)] or [0.0]))
        summed = (_EPOCH + timedelta(microseconds=hour.begin_us) for hour in hours.get(meter, ()))
        for one, two in pairwise(sorted({*known, *(time for time in summed if time > begin)})):
            if two - one > max(_DAY, 2 * usual):
                yield f"{meter} has no readings from {one.date()} to {two.date()}"
