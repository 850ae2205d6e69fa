"""May a change pass the limit on the energy ratio? One table, pure.

The gate is *triggered* by the worst of the figures that are known (design, trailing twelve months, projection to the
end of the year) and *decides* by the projected ratio of the next twelve months, without and with the change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Literal

from zonewright.model.world import EnergyVerdict
from zonewright.pue.load_model import LoadDifference, LoadModelState, difference

GateDecision = Literal["admitted", "approval", "refused"]
LoadChangeKind = Literal["addition", "removal"]
"""A removal adds no watt and opens no room; it is never stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What was decided on one site.

    Attributes:
        decision: admitted, approval (refused until one exists) or refused.
        reason: why, in a few words.
        trigger: verdict that the gate began with.
        without: projected ratio without the change, None without load.
        with_: projected ratio with the change, None without load.
        difference: of the two, with its bounds.
    """

    decision: GateDecision
    reason: str
    trigger: EnergyVerdict
    without: Fraction | None
    with_: Fraction | None
    difference: LoadDifference


def worst(*verdicts: EnergyVerdict) -> EnergyVerdict:
    """The worst of some verdicts: a breach before what is undetermined."""
    for verdict in ("breach", "undetermined"):
        if verdict in verdicts:
            return "breach" if verdict == "breach" else "undetermined"
    return "within"


def decide(
    *,
    trigger: EnergyVerdict,
    kind: LoadChangeKind,
    without: LoadModelState,
    with_: LoadModelState,
    limit: Fraction,
    refuse_inside: bool = False,
) -> Gate:
    """Decide on one site; a change of several sites takes the worst of its sites' decisions.

    Args:
        trigger: the worst verdict of the figures that are known.
        kind: whether the change adds anything.
        without: the site without the change.
        with_: the site with it.
        limit: the ratio that may not be exceeded.
        refuse_inside: refuse what nobody can tell, instead of asking for an approval: what is neither better nor
            worse for certain, and where a fitted model does not tell whether the site stays within the limit.
    """
    found = difference(without, with_)
    after = _verdict(with_, limit)
    if kind == "removal":
        row = "removal"
    elif with_.is_beyond or without.is_beyond:
        row = "beyond"
    elif trigger == "within" and after == "within":
        row = "stays"
    elif trigger == "within" and after == "undetermined":
        row = "unsure"
    elif trigger == "within" and _verdict(without, limit) == "within":
        row = "crosses"
    else:
        row = found.direction
    decision, reason = _TABLE[row]
    return Gate(
        decision="refused" if row in _UNKNOWN and refuse_inside else decision,
        reason=reason,
        trigger=trigger,
        without=without.ratio,
        with_=with_.ratio,
        difference=found,
    )


_TABLE: Mapping[str, tuple[GateDecision, str]] = MappingProxyType(
    {
        "removal": ("admitted", "nothing is added"),
        "stays": ("admitted", "it stays within the limit"),
        "crosses": ("refused", "it would take the site beyond the limit"),
        "worse": ("refused", "the site is not known to be within the limit, and this makes it worse"),
        "better": ("approval", "this makes it better, but the site is not known to be within the limit"),
        "same": ("approval", "this changes nothing, and the site is not known to be within the limit"),
        "inside": ("approval", "the load model is too uncertain to tell better from worse"),
        "unsure": ("approval", "the fitted load model does not tell whether the site stays within the limit"),
        "beyond": ("approval", "the fitted load model says nothing of loads so far above the highest that was seen"),
    }
)
_UNKNOWN = frozenset({"inside", "unsure", "beyond"})


def _verdict(state: LoadModelState, limit: Fraction) -> EnergyVerdict:
    """Without load there is no ratio, and nothing that could be beyond a limit."""
    if state.bounds is None:
        return "within"
    low, high = state.bounds
    return "within" if high <= limit else ("breach" if low > limit else "undetermined")
