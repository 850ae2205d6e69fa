"""What the ledger offers of rendered files, asked and put together."""

from collections.abc import Iterable

from zonewright.audit.gathering import texts_of
from zonewright.fleet.config_wanted import Offer, offer_of
from zonewright.ledger import rollout_messages, verbs
from zonewright.ledger.client import LedgerClient


def offer_from(ledger: LedgerClient, sites: Iterable[str], *, back: int = 0) -> Offer:
    """The files of some sites with their approvals.

    Args:
        ledger: the ledger.
        sites: ids of the sites; an empty one is passed over.
        back: 0 for what is deployed, else so many approved steps back.

    Raises:
        LedgerError: when the ledger does not say it.
    """
    wanted = sorted({site for site in sites if site})
    request = rollout_messages.ConfigurationsRequest(sites=wanted, back=back)
    answer = ledger.call(verbs.CONFIGURATIONS, request)
    return offer_of(answer, texts_of(ledger, {digest for stack in answer.stacks for digest in stack.files.values()}))
