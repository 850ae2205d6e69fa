"""Who holds what in the zone: verbs over claims and assets, in one transaction each, with a journal.

``LedgerClient`` is the way in; everything else in this room works behind it.
"""

from zonewright.ledger.protocol.errors import LedgerError, LedgerMisuseError, LedgerRefusedError, LedgerUnavailableError

__all__ = ["LedgerError", "LedgerMisuseError", "LedgerRefusedError", "LedgerUnavailableError"]
