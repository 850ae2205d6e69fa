"""Where the agents of a ledger are kept, for who deploys them: in its database, or in a file of the service's host."""

from contextlib import closing
from pathlib import Path

from zonewright.ledger.protocol.ledger_url import is_postgresql, place_of
from zonewright.server.agents import AgentBook, FileBook


def agent_book(url: str, root: Path, file: Path) -> AgentBook:
    """Where the agents of a ledger are kept.

    Args:
        url: the ledger's.
        root: the project's folder.
        file: the file of the agents, where the ledger is none that this host reaches as a database.
    """
    if not is_postgresql(url):
        return FileBook(file)
    from zonewright.ledger.store.database import Database  # noqa: PLC0415 - of extras that others do without
    from zonewright.ledger.store.homes import homes_of  # noqa: PLC0415
    from zonewright.ledger.transport.client import lock_wait_s  # noqa: PLC0415
    from zonewright.server.agent_table import AgentsTable  # noqa: PLC0415

    with closing(Database(*place_of(url, root), lock_wait_s=lock_wait_s())) as database:
        return AgentsTable(homes_of(database).samples)
