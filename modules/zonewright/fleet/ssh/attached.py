"""What works on a host over a session that may be given up meanwhile and taken up again."""

from zonewright.fleet.ssh.transport import Session


class Attached:
    """Has a session with one host, or none.

    Args:
        session: with the host.
    """

    def __init__(self, session: Session) -> None:
        self._there: Session | None = session

    def use(self, session: Session) -> None:
        """Go on in another session with the same host."""
        self._there = session

    def let_go(self) -> None:
        """The session is closed; of many hosts that are done none keeps its connection's buffers."""
        self._there = None

    @property
    def _session(self) -> Session:
        if self._there is None:
            raise ValueError("the session with this host is closed")
        return self._there
