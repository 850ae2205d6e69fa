"""What comes back from a ledger, whatever the road to it."""

from typing import NamedTuple


class Posted(NamedTuple):
    """What came back.

    Attributes:
        status: as HTTP has it.
        body: JSON.
        request_id: what a service calls the request in its log.
    """

    status: int
    body: bytes
    request_id: str = ""
