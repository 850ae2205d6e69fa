"""Who sends readings as a principal, and of which hosts it may."""

from collections.abc import Mapping

from sqlalchemy import select

from zonewright.ledger.protocol.rights import DELIVER, Asked, Caller, refusal
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.documents import parse_asset
from zonewright.ledger.store.tables import asset
from zonewright.ledger.transport.answering import UnknownCallerError
from zonewright.ledger.transport.callers import Credentials, called
from zonewright.ledger.transport.issuers import Issuers
from zonewright.model.asset import SiteAsset


class Deliverers:
    """The principals of a ledger that may send readings.

    Args:
        context: the ledger.
    """

    def __init__(self, context: Context) -> None:
        self._context, self._issuers = context, Issuers()

    def find(self, brought: Credentials) -> Caller | None:
        """Whoever brings this; None where it is nobody.

        Raises:
            LedgerUnavailableError: when nobody can say.
        """
        try:
            return called(self._context, brought, self._issuers).caller
        except UnknownCallerError:
            return None

    def refusal(self, caller: Caller) -> str | None:
        """Why somebody may send no readings at all; None where it may."""
        return refusal(caller, Asked(verb=DELIVER, parties=frozenset({caller.party})))

    def hosts(self) -> Mapping[str, str]:
        """The party of each host that sites declare: of two that have one id, the one of the older site."""
        query = (
            select(asset.c.party, asset.c.data)
            .where(asset.c.kind == "site", asset.c.state.in_(("admitted", "active")))
            .order_by(asset.c.id)
        )
        found: dict[str, str] = {}
        with self._context.database.reading() as connection:
            for party, text in connection.execute(query):
                item = parse_asset(text)
                if isinstance(item, SiteAsset):
                    for host in item.site.hosts:
                        found.setdefault(host, party)
        return found
