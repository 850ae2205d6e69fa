"""Request and answer of the verb ``pack-impact``: what a rule pack would find in what the ledger holds."""

from zonewright.ledger.protocol.messages import Message
from zonewright.model.base import Identifier
from zonewright.rules.finding import Finding


class PackImpactRequest(Message):
    """Asks what a pack would find.

    Attributes:
        pack: id of a pack of the registered zone.yaml, in force or not. A pack that is not registered is not looked
            at, because a rule of it would be code that nobody has registered.
    """

    pack: Identifier


class PackImpactAnswer(Message):
    """What is found now, and what would be found with the pack in force; each with its waivers."""

    now: list[Finding]
    then: list[Finding]
