"""Registers of qp-dc1 of the reference zone, as an operator exports them."""

from datetime import UTC, datetime, timedelta

from support.zone_project import REPOSITORY

ZONE = REPOSITORY / "stacks" / "zones" / "reference"
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
METERS = ("utility-a", "utility-b", "generators", "ups-a", "ups-b")


def month_before(moment: datetime) -> datetime:
    """First of the month before, or of the same month for a later day."""
    first = moment.replace(day=1, hour=0)
    return first if moment != first else (first - timedelta(days=1)).replace(day=1)


def registers(it_kw: float, *, end: datetime, months: int = 14, fixed_kw: float = 1_050) -> str:
    """Flat registers by month up to an end: facility = fixed + 1.13 x IT, halved over two lines each."""
    moments = [end]
    while len(moments) <= months:
        moments.append(month_before(moments[-1]))
    rows = ["meter,start,time,value"]
    for moment in reversed(moments):
        hours = (moment - moments[-1]).total_seconds() / 3600
        total, it = (fixed_kw + 1.13 * it_kw) * 1000 * hours, it_kw * 1000 * hours
        values = (total / 2, total / 2, 0, it / 2, it / 2)
        rows += [f"{meter},,{moment.isoformat()},{value:.3f}" for meter, value in zip(METERS, values, strict=True)]
    return "\n".join(rows)
