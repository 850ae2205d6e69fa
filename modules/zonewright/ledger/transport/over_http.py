"""The road to a ledger that is a service."""

import httpx

from zonewright.errors import reason_of
from zonewright.ledger.protocol.errors import LedgerUnavailableError


class OverHttp:
    """A connection pool to one service.

    Args:
        url: where it is.
        token: bearer token; never part of the URL.
        timeout_s: how long one call may take.
    """

    def __init__(self, url: str, *, token: str | None, timeout_s: float) -> None:
        self._url = url
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_s, trust_env=False)

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Send a JSON request; gives status and body of the answer.

        Raises:
            LedgerUnavailableError: when there was no answer.
        """
        try:
            response = self._http.post(path, content=body)
        except httpx.HTTPError as error:
            raise LedgerUnavailableError(
                "unreachable",
                f"the ledger {self._url} cannot be reached ({type(error).__name__}: {reason_of(error)}); "
                "nothing was decided; start it, or correct zone:ledger in the stack's configuration",
            ) from error
        return response.status_code, response.content

    def close(self) -> None:
        """Close all connections."""
        self._http.close()
