"""Live readings before a decision, and all the time in a service: from the samples of agents to the meters of sites."""

from collections.abc import Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from zonewright.ledger.protocol.errors import LedgerUnavailableError
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.documents import parse_asset, parse_former
from zonewright.ledger.store.tables import asset, principal, zone
from zonewright.ledger.verbs.noted import record
from zonewright.ledger.verbs.renaming import bring_readings
from zonewright.model import Site
from zonewright.model.asset import SiteAsset
from zonewright.model.canonical import digest_of
from zonewright.rules.words import listed
from zonewright.telemetry import Store
from zonewright.telemetry.home import STORE_FAULTS
from zonewright.telemetry.sample import PRINCIPAL

if TYPE_CHECKING:
    from zonewright.telemetry.delivering import Delivery
    from zonewright.telemetry.feeding import Fed
    from zonewright.telemetry.noting import JournalNote

KIND = "delivered"
"""Of an entry whose ``sites`` have the digest of each site's hours of live readings, and ``until_us`` the end of the
last one."""


def feed(context: Context) -> "Fed | None":
    """Take what agents delivered into the readings, as far as meters of sites name their sources; None without any.

    Args:
        context: the ledger, its readings, and the samples beside them.

    Raises:
        LedgerUnavailableError: when the readings cannot be written; nothing was decided.
    """
    if context.telemetry is None or context.samples is None or not context.samples.is_there():
        return None
    with context.database.reading() as connection:
        sites = metered_sites(connection)
        former = parse_former(connection.execute(select(zone.c.former)).scalar())
    if not sites and not context.telemetry.is_there():
        return None
    if former.readings and not bring_readings(context):  # else its meters would begin anew under the new id
        raise LedgerUnavailableError(
            "readings",
            f"readings of {listed(sorted(former.readings))}, renamed lately, cannot be moved in "
            f"{context.telemetry.name}; nothing was decided, try again",
        )
    from zonewright.telemetry.feeding import Feeder  # noqa: PLC0415 - most ledgers have no samples beside them
    from zonewright.telemetry.samples import Samples  # noqa: PLC0415

    try:
        samples, store = Samples(context.samples), Store(context.telemetry, create=True)
        now_ns = int(context.clock().timestamp() * 10**6) * 1_000
        return Feeder(samples, store, sites, now_ns=now_ns, may=_Reporters(context).may).feed()
    except STORE_FAULTS as error:
        raise LedgerUnavailableError(
            "readings",
            f"what agents delivered ({context.samples.name}) cannot be taken into {context.telemetry.name}: {error}; "
            "nothing was decided, try again",
        ) from error


class _Reporters:
    """Which principals report for a site: those of its party. Looked up when there is one.

    Args:
        context: the ledger.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    @cached_property
    def _parties(self) -> tuple[dict[str, str], dict[str, str]]:
        """By principal and by site; of two sites that have one id the one that is older."""
        sites = (
            select(asset.c.name, asset.c.party)
            .where(asset.c.kind == "site", asset.c.state.in_(("admitted", "active")))
            .order_by(asset.c.id.desc())
        )
        with self._context.database.reading() as connection:
            principals = select(principal.c.name, principal.c.party)
            both = [{name: party for name, party in connection.execute(query)} for query in (principals, sites)]  # noqa: C416 - rows are no pairs to the type checker
        return both[0], both[1]

    def may(self, sender: str, site: str) -> bool:
        """Whether what a sender delivered is of a site; agents were bound to their host when they got their token."""
        if not sender.startswith(PRINCIPAL):
            return True
        of_principals, of_sites = self._parties
        party = of_principals.get(sender.removeprefix(PRINCIPAL))
        return party is not None and party == of_sites.get(site)


def metered_sites(connection: Connection) -> dict[str, Site]:
    """The sites with meters that agents or gateways read; of two that have one id the one that is older."""
    query = (
        select(asset.c.name, asset.c.data)
        .where(asset.c.kind == "site", asset.c.state.in_(("admitted", "active")))
        .order_by(asset.c.id)
    )
    found: dict[str, Site] = {}
    for name, text in connection.execute(query):
        item = parse_asset(text)
        if isinstance(item, SiteAsset) and item.site.hosts:
            found.setdefault(name, item.site)
    return found


def tell_live(context: Context) -> None:
    """Record the hours of live readings that are over.

    Args:
        context: the ledger and its readings.
    """
    if context.telemetry is not None and context.telemetry.is_there():
        Store(context.telemetry).tell_deliveries(partial(_record, context))


def _record(context: Context, found: "Mapping[str, list[Delivery]]", note: "JournalNote") -> None:
    from zonewright.telemetry.delivering import deliveries_text  # noqa: PLC0415 - only where there is something

    payload = {
        "readings": sum(one.readings for deliveries in found.values() for one in deliveries),
        "sites": {site: digest_of(deliveries_text(deliveries)) for site, deliveries in sorted(found.items())},
        "until_us": {site: max(one.begin_us for one in deliveries) for site, deliveries in sorted(found.items())},
    }
    record(context, note, KIND, lambda _connection: payload)
