"""The verb ``exhaustion``: when what a district has runs out, by the trend of what stands and by leases to come."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from zonewright.ledger.deciding.zone_facts import zone_base
from zonewright.ledger.protocol.errors import LedgerMisuseError, LedgerRefusedError
from zonewright.ledger.protocol.exhaustion_messages import ExhaustionAnswer, ExhaustionRequest, ResourceForecast
from zonewright.ledger.store.context import Context
from zonewright.ledger.verbs.offers import offered

if TYPE_CHECKING:
    from zonewright.rules.exhaustion import Exhaustion

_NOBODY = ""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_DAYS = 365


def exhaustion_of(context: Context, request: ExhaustionRequest) -> ExhaustionAnswer:
    """Give when power, energy, rack units and land of each district run out, with the interval."""
    with context.database.reading() as connection:
        now = context.shown_at(connection)
        found = forecasts(connection, now)
    if found is None:
        raise LedgerRefusedError("no-zone", "the ledger has no zone yet: zonewright ledger init ZONE")
    known = sorted({one.district for one in found})
    unknown = sorted(set(request.districts) - set(known))
    if unknown:
        raise LedgerMisuseError(
            "district", f"expected a district with something to run out ({', '.join(known)}), got '{unknown[0]}'"
        )
    wanted = request.districts or known
    return ExhaustionAnswer(on=now[:10], resources=[one for one in found if one.district in wanted])


def forecasts(connection: Connection, now: str) -> list[ResourceForecast] | None:
    """All resources of all districts; None where the ledger has no zone.

    Args:
        connection: a transaction.
        now: ISO 8601 time.
    """
    from zonewright.ledger.deciding.district_resources import (  # noqa: PLC0415 - no preview and no `up` asks
        brought,
        day_number,
        district_resources,
        sites_since,
    )
    from zonewright.rules.exhaustion import exhaustion  # noqa: PLC0415 - the same

    base = zone_base(connection, _NOBODY, now=now)
    if base is None:
        return None
    today, facts = day_number(now), base.before()
    found = district_resources(
        base, facts, brought(connection, today), offered(connection), since=sites_since(connection), today=today
    )
    return [_told(exhaustion(one, today), today) for one in found]


def _told(one: "Exhaustion", today: int) -> ResourceForecast:
    resource = one.resource

    def day(days: int | None) -> str:
        return "" if days is None else f"{_EPOCH + timedelta(days=today + days):%Y-%m-%d}"

    growth = [float(rate * _YEAR_DAYS) for rate in (one.rate, one.rate_low, one.rate_high)]
    return ResourceForecast(
        district=resource.district,
        resource=resource.name,
        unit=resource.unit,
        limit=float(resource.limit),
        used=float(resource.used),
        promised=float(sum(lump.amount for lump in resource.promised)),
        days_known=one.days_known if one.is_trend else 0,
        growth_a_year=growth[0] if one.is_trend else None,
        growth_low=growth[1] if one.is_trend else None,
        growth_high=growth[2] if one.is_trend else None,
        days_left=one.days,
        days_least=one.earliest,
        days_most=one.latest,
        day=day(one.days),
        day_earliest=day(one.earliest),
        day_latest=day(one.latest),
    )
