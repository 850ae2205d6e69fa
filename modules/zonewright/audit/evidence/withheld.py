"""The list of salted digests in a bundle, as it is read."""

from zonewright.changes.errors import BundleError
from zonewright.ledger.deciding.party_facts import FACTS
from zonewright.seal.strict import strict_json


def items_in(text: str) -> frozenset[str]:
    """The salted digests of ``facts.json``.

    Raises:
        BundleError: when it has none.
    """
    items = strict_json(text).get("items")
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise BundleError(f"{FACTS} has no list of items")
    return frozenset(items)
