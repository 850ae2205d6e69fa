"""The verb ``energy``: what is known of each data centre's energy ratio, and the gate asked beforehand."""

from dataclasses import replace
from datetime import datetime

from zonewright.ledger.deciding.measuring import load_history, measured_sites
from zonewright.ledger.deciding.zone_facts import zone_base
from zonewright.ledger.protocol.capacity_messages import EnergyAnswer, EnergyRequest
from zonewright.ledger.protocol.errors import LedgerMisuseError, LedgerRefusedError
from zonewright.ledger.store.context import Context
from zonewright.ledger.verbs.live import feed
from zonewright.model.world import ZoneFacts
from zonewright.rules.forecast import ForecastError, forecast
from zonewright.rules.site_power import data_centres
from zonewright.rules.site_status import site_status

_NOBODY = ""


def energy(context: Context, request: EnergyRequest) -> EnergyAnswer:
    """Give design, measured and projected energy ratio of each data centre, and the effect of a load on one of them."""
    facts = measured_zone(context)
    try:
        return answer_of(facts, request)
    except ForecastError as error:
        raise LedgerMisuseError("forecast", str(error)) from None


def measured_zone(context: Context) -> ZoneFacts:
    """The zone as it is, with what is measured of its data centres.

    Raises:
        LedgerRefusedError: when the ledger has no zone yet.
    """
    from zonewright.ledger.deciding.banding import with_bands  # noqa: PLC0415 - no preview and no `up` asks

    feed(context)
    with context.database.reading() as connection:
        moment = datetime.fromisoformat(context.shown_at(connection))
        base = zone_base(connection, _NOBODY)
        if base is None:
            raise LedgerRefusedError("no-zone", "the ledger has no zone yet: zonewright ledger init ZONE")
        facts = base.before()
        history = load_history(connection, facts, facts.sites, moment)
    before = base.former.readings
    found = measured_sites(facts, facts.sites, context.telemetry, moment, history, before=before)
    facts = replace(facts, measured=found)
    return replace(facts, measured=with_bands(facts, context.telemetry, moment, history.fresh, before=before))


def answer_of(facts: ZoneFacts, request: EnergyRequest) -> EnergyAnswer:
    """The answer for a zone.

    Args:
        facts: the zone, with what is measured of its sites.
        request: what is asked.

    Raises:
        ForecastError: one sentence where there is nothing to forecast.
    """
    rows = [
        site_status(facts, site_id, site, rooms, facts.measured.get(site_id))
        for site_id, site, rooms in data_centres(facts)
    ]
    if request.site is None:
        lines = [line for row in rows for line in row.lines()]
        return EnergyAnswer(sites=[row.to_data() for row in rows], forecast=None, lines=lines)
    found = forecast(facts, request.site, request.add_w, request.room)
    return EnergyAnswer(
        sites=[row.to_data() for row in rows if row.site == request.site],
        forecast=found.to_data(),
        lines=list(found.lines()),
    )
