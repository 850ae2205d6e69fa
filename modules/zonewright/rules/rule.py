"""What a rule is: its text for people, and the function that finds where it does not hold."""

from dataclasses import dataclass
from typing import Literal

from zonewright.rules.finding import Level
from zonewright.rules.view import RuleFunction

Reach = Literal["rack", "zone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        id: its name in findings and waivers.
        title: what must hold, in one sentence.
        level: what a breach means for a change, unless the rule pack gives it another level.
        description: what exactly is counted.
        unit: the unit of value, limit and excess.
        reference: where the rule comes from.
        function: finds the breaches.
        reach: ``zone`` for a rule that looks beyond the racks of a change: a breach of it refuses a change only
            when the change makes it or makes it worse.
        is_sum: whether its figures are sums over a rack, so that they tell what others have there.
    """

    id: str
    title: str
    level: Level
    description: str
    unit: str
    reference: str
    function: RuleFunction
    reach: Reach = "rack"
    is_sum: bool = False
