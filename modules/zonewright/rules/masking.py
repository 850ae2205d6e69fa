"""A finding as a reader gets it that may not know what others have in a rack: what is too much, and no sums."""

from dataclasses import replace

from zonewright.model.own_rule import OWN
from zonewright.rules.finding import ANOTHER_PARTY, MUST_HOLD, Finding
from zonewright.rules.registry import RULES
from zonewright.rules.words import amount

STEPS = {"W": 100, "kg": 10, "U": 1, "MWh": 1}
"""What is too much is rounded up to these; 0.1 kW is the smallest lease of power."""
_SUMS = {rule.id: rule.title for rule in RULES if rule.is_sum}
_NOUNS = {
    "offered-power": "its offer has no power for",
    "quota": "its quota has no room for",
    "supply-capacity": "the supply cannot carry",
}
"""How the sentence begins where the rule is not about a rack."""
_RACK_PARTS = 4
_FIX = "choose other racks for some of your nodes, or fewer or smaller nodes for this one"
_FIXES = {
    "offered-power": "ask for fewer or smaller nodes there, use racks of another offer, or ask the facility operator "
    "for more power",
    "quota": "ask for fewer or smaller nodes, free a reservation that is not needed, or ask the zone's administrator "
    "for more",
    "supply-capacity": "choose another site for some of your nodes, or fewer or smaller nodes for this one",
}
"""What helps where other racks do not."""
_FIX_OF_SHARE = "ask for fewer or smaller nodes; those who have less than their share go first"


def without_sums(finding: Finding) -> Finding:
    """The finding without the sums of a rack in which another party takes part; any other stays what it is.

    One that an approval may cover keeps its figures: whoever approves it accepts exactly them.

    Args:
        finding: as :func:`masked_for` gives it to its reader.
    """
    is_shared = any(one.party == ANOTHER_PARTY for one in finding.participants)
    if not is_shared or finding.level == "approval" or finding.waiver is not None:
        return finding
    if finding.rule.startswith(OWN):
        return _own_without_sums(finding)
    if finding.rule not in _SUMS:
        return finding
    step = STEPS[finding.unit]
    excess = -(-finding.excess // step) * step
    is_share = finding.rule == "quota" and " of " in finding.subject  # of a party, in a quota that is scarce
    what = f"{_NOUNS.get(finding.rule, f'rack {finding.subject} cannot carry')} this beside what others have in it"
    what = "its quota is scarce, and this is more than an equal share of it" if is_share else what
    too_much = f"up to {amount(excess, finding.unit)} too much"
    return replace(
        finding,
        message=f"{what}: {too_much}{MUST_HOLD}{_SUMS[finding.rule]}",
        value=None,
        limit=None,
        excess=excess,
        fix=_FIX_OF_SHARE if is_share else _FIXES.get(finding.rule, _FIX),
    )


def _own_without_sums(finding: Finding) -> Finding:
    """A rule of the zone's own may count what others have in a rack: its figures stay hidden."""
    if finding.value is None or len(finding.subject.split("/")) != _RACK_PARTS:
        return finding
    title = finding.message.partition(MUST_HOLD)[2]
    message = f"rack {finding.subject} with what others have in it breaks a rule of the zone's own{MUST_HOLD}{title}"
    return replace(finding, message=message, value=None, limit=None, excess=1)
