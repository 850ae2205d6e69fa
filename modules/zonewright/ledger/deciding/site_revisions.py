"""Which sites a change touches, and the number that each of them has: what is decided is good for these numbers."""

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, select, union

from zonewright.ledger.store.held import NAMES
from zonewright.ledger.store.prepared import STACK
from zonewright.ledger.store.tables import asset, claim, revision
from zonewright.model.demand import Demand

_REVISIONS = select(revision).where(revision.c.site.in_(bindparam("sites", expanding=True)))
_SITES = union(*(select(table.c.site).where(table.c.stack_id == STACK) for table in (claim, asset)))


def revisions_of(connection: Connection, sites: Iterable[str]) -> dict[str, int]:
    """Revision of each site; 0 where nothing was ever written."""
    wanted = sorted(sites)
    rows = connection.execute(_REVISIONS, {"sites": wanted})
    return dict.fromkeys(wanted, 0) | {row.site: row.number for row in rows}


def sites_of(connection: Connection, stack_id: str, demand: Demand) -> frozenset[str]:
    """The sites that a change of this stack touches: those it wants and those where it has something; and names."""
    sites = {wanted.cluster.site for wanted in demand.clusters.values()}
    sites |= {name.partition("/")[0] for name in demand.assets}
    if demand.assets:
        sites.add(NAMES)
    return frozenset(sites.union(connection.execute(_SITES, {"stack": stack_id}).scalars()))
