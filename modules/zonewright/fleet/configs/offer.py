"""What the ledger offers of rendered files, asked and put together."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import zip_longest

from zonewright.audit.evidence.fetching import texts_of
from zonewright.fleet.configs.desired import ApprovedFiles, offer_of
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.rollout_messages import Configurations, ConfigurationsAnswer, ConfigurationsRequest
from zonewright.ledger.transport.client import LedgerClient


def offer_from(ledger: LedgerClient, sites: Iterable[str]) -> ApprovedFiles:
    """The deployed files of some sites with their approvals.

    Args:
        ledger: the ledger.
        sites: ids of the sites; an empty one is passed over.

    Raises:
        LedgerError: when the ledger does not say it.
    """
    return _offer(ledger, ledger.call(verbs.CONFIGURATIONS, ConfigurationsRequest(sites=_named(sites))))


def earlier_offers(ledger: LedgerClient, sites: Iterable[str], *, page: int = 20) -> Iterator[ApprovedFiles]:
    """The same files as they were after each approved step of their stacks, the newest first; asked page by page.

    Args:
        ledger: the ledger.
        sites: ids of the sites; an empty one is passed over.
        page: steps of each stack that are asked for at once.

    Raises:
        LedgerError: when the ledger does not say it.
    """
    request = ConfigurationsRequest(sites=_named(sites), before={}, limit=page)
    while request.before is not None:
        answer = ledger.call(verbs.CONFIGURATIONS, request)
        stacks: dict[str, list[Configurations]] = defaultdict(list)
        for one in answer.stacks:
            stacks[one.stack_id].append(one)
        for steps in zip_longest(*stacks.values()):
            yield _offer(ledger, answer.model_copy(update={"stacks": [one for one in steps if one is not None]}))
        going = {name: steps[-1].step for name, steps in stacks.items() if len(steps) == request.limit}
        request = request.model_copy(update={"before": going or None})


def _named(sites: Iterable[str]) -> list[str]:
    return sorted({site for site in sites if site})


def _offer(ledger: LedgerClient, answer: ConfigurationsAnswer) -> ApprovedFiles:
    return offer_of(answer, texts_of(ledger, {digest for stack in answer.stacks for digest in stack.files.values()}))
