"""Where the signed readings of a site end: those that wait for the next head of their host, or wait too long."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from zonewright.model.base import TrustClass
from zonewright.telemetry.store import Store
from zonewright.telemetry.summing import moment

WAIT_US = 30 * 60 * 10**6
"""Three heads: as long a reading may wait for its signature."""
_SIGNED: TrustClass = "signed"
_PLAIN: TrustClass = "authenticated"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedEnd:
    """Where the signed readings of a meter end.

    Attributes:
        meter: its id.
        signed_us: time of its last signed reading.
        since_us: time of the first reading after it, which is not signed; None where there is none.
        is_mixed: whether readings before are not signed either, as far as that was asked.
    """

    meter: str
    signed_us: int
    since_us: int | None
    is_mixed: bool

    def waits(self, now_us: int) -> bool:
        """Whether what is not signed may still be."""
        return self.since_us is not None and now_us - self.since_us <= WAIT_US


def signed_ends(store: Store, site: str, meters: Collection[str], *, whole: bool) -> list[SignedEnd]:
    """The meters of a site that have signed readings, in order.

    Args:
        store: the readings.
        site: id of the site.
        meters: which of its meters.
        whole: whether readings before the last signed one matter too.
    """
    found: list[SignedEnd] = []
    query = (
        "select m.id, m.name from meter m join trust t on t.meter = m.id where m.site = ? and t.trust = ? order by 2"
    )
    last = (
        "select max(last_us) from (select max(time_us) as last_us from reading where meter = ? and trust = ? "
        "union all select max(last_us) from moved where meter = ? and trust = ?) as both_of"
    )
    first = (
        "select min(first_us) from (select min(time_us) as first_us from reading where meter = ? and time_us > ? "
        "union all select min(first_us) from moved where meter = ? and first_us > ?) as both_of"
    )
    before = (
        "select 1 from reading where meter = ? and trust = ? and time_us < ? "
        "union all select 1 from moved where meter = ? and trust = ? and first_us < ? "
        "union all select 1 from stretch where meter = ? limit 1"
    )
    with store.opened() as connection:
        for key, name in connection.execute(query, (site, _SIGNED)).fetchall():
            row = connection.execute(last, (key, _SIGNED) * 2).fetchone() if name in meters else (None,)
            if row[0] is None:
                continue
            since = connection.execute(first, (key, row[0]) * 2).fetchone()[0]
            values = (*(key, _PLAIN, row[0]) * 2, key)
            is_mixed = whole and connection.execute(before, values).fetchone() is not None
            found.append(SignedEnd(meter=name, signed_us=int(row[0]), since_us=since, is_mixed=is_mixed))
    return found


def late_sentences(ends: Iterable[SignedEnd], now_us: int) -> list[str]:
    """What is to be said of meters that have had no signature for too long."""
    return [
        f"{one.meter}: no reading since {moment(one.since_us)} is signed, so these count as {_PLAIN}"
        for one in ends
        if one.since_us is not None and not one.waits(now_us)
    ]
