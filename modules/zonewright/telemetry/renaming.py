"""Readings of a site that gets another name: they move under it, and until then they are found under the old one."""

from zonewright.telemetry.home import TelemetryHome

_TABLES = ("meter", "intake", "bound")
"""Tables with the ids of sites."""


def stored_as(home: TelemetryHome, now: str, before: str) -> str:
    """The id that readings of a site are stored under: its id before, as long as there are any under that.

    Args:
        home: where readings are.
        now: its id.
        before: the id that it had.
    """
    if before == now:
        return now
    return before if has_readings(home, before) else now


def has_readings(home: TelemetryHome, site: str) -> bool:
    """Whether any meter is stored under an id.

    Args:
        home: where readings are.
        site: the id of a site that is there, or was.
    """
    if not home.is_there():
        return False
    with home.opened() as connection:
        return connection.execute("select 1 from meter where site = ? limit 1", (site,)).fetchone() is not None


def move_readings(home: TelemetryHome, before: str, now: str) -> None:
    """Store the readings of a site under its new id, all or nothing.

    Args:
        home: where readings are.
        before: the id that it had.
        now: its id.
    """
    if not home.is_there():
        return
    with home.writing("readings") as connection:
        for table in _TABLES:
            statement = f"update {table} set site = ? where site = ?"  # noqa: S608 - a name of ours
            connection.execute(statement, (now, before))
        # Who is about to feed the meters by the old id looks again.
        connection.execute("update feeding set version = version + 1")
