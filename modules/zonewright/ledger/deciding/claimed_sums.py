"""What each stack claims in each room, in watts: summed again only for sites whose claims were written since.

Every decision needs these sums of the whole zone. Without them being kept, bringing in n sites would sum each n times.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, bindparam, func, select

from zonewright.ledger.store.tables import claim, claim_version

_VERSIONS = select(claim_version.c.site, claim_version.c.number)
_BY = claim.c.site, claim.c.stack_id, claim.c.room
_SUMS = (
    select(*_BY, func.sum(claim.c.draw_w).label("draw_w"))
    .where(claim.c.state.in_(("admitted", "active")), claim.c.site.in_(bindparam("sites", expanding=True)))
    .group_by(*_BY)
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ClaimedSum:
    """What one stack claims in one room, in watts; of a move only the new end."""

    stack_id: str
    site: str
    room: str
    draw_w: int


_MEMORIES: WeakKeyDictionary[Engine, dict[str, tuple[int, tuple[ClaimedSum, ...]]]] = WeakKeyDictionary()
"""What was read through one engine: by site the number of its claims (as in ``site_claims``) and their sums."""


def claimed_sums(connection: Connection) -> Iterator[ClaimedSum]:
    """The sums of the whole zone, as a transaction sees them; in no order.

    Args:
        connection: the transaction.
    """
    numbers = {row.site: row.number for row in connection.execute(_VERSIONS).all()}
    memory = _MEMORIES.setdefault(connection.engine, {})
    known = {site: held for site in numbers if (held := memory.get(site)) is not None and held[0] == numbers[site]}
    if missing := numbers.keys() - known.keys():
        found: dict[str, list[ClaimedSum]] = {site: [] for site in missing}
        for site, stack_id, room, watts in connection.execute(_SUMS, {"sites": sorted(missing)}).all():
            found[site].append(ClaimedSum(stack_id=stack_id, site=site, room=room, draw_w=int(watts)))
        fresh = {site: (numbers[site], tuple(sums)) for site, sums in found.items()}
        memory.update(fresh)
        known |= fresh  # not what another thread has put there since: it may see another moment
    for _, sums in known.values():
        yield from sums
