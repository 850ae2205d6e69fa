"""What a look at the hosts of a site showed, as lines for a preview and as drift. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from zonewright.fleet.agents.plan import HostPlan, drift_of

SHOWN = 5
_TOKEN = "token"  # noqa: S105 - the kind of a step


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen.

    Attributes:
        plans: by host, of those that could be looked at.
        unseen: why a host could not be looked at.
    """

    plans: Mapping[str, HostPlan]
    unseen: Mapping[str, str]

    @property
    def drifted(self) -> tuple[str, ...]:
        """Hosts that a roll-out would change."""
        return tuple(name for name, plan in sorted(self.plans.items()) if plan.steps)


def preview_text(look: Look, leaving: int) -> str:
    """The plan in one line: how many hosts are installed, upgraded, mended, unchanged or in the way.

    Args:
        look: what was seen.
        leaving: hosts that the agent is taken off, because they are declared no longer.
    """
    counted = Counter(_word(plan) for plan in look.plans.values())
    counted["to uninstall"] = leaving
    counted["could not be inspected"] = len(look.unseen)
    words = ("to install", "to upgrade", "to repair", "to uninstall", "unchanged", "blocked", "could not be inspected")
    return "hosts: " + (", ".join(f"{counted[word]} {word}" for word in words if counted[word]) or "none")


def obstacles_text(look: Look) -> str:
    """What stands in the way, worst first: hosts that nothing can be done on, then those that were not seen."""
    lines = [f"{name}: {'; '.join(plan.obstacles)}" for name, plan in sorted(look.plans.items()) if plan.obstacles]
    lines += [
        f"{name}: could not inspect it: {why.removeprefix(f'{name} ')}" for name, why in sorted(look.unseen.items())
    ]
    more = [f"... and {len(lines) - SHOWN} more: zonewright fleet plan"] if len(lines) > SHOWN else []
    return "\n".join([*lines[:SHOWN], *more])


def _word(plan: HostPlan) -> str:
    if plan.obstacles:
        return "blocked"
    if not plan.steps:
        return "unchanged"
    if not plan.facts.current:
        return "to install"
    return "to repair" if plan.release is not None and plan.release.id == plan.facts.current else "to upgrade"


def drift_since(plan: HostPlan, release: str) -> str:
    """How a host differs from what was last deployed to it, whatever is declared now; empty when it does not.

    Args:
        plan: what was seen.
        release: what was deployed.
    """
    facts = plan.facts
    if not facts.current:
        return "no release runs"
    if plan.release is not None and plan.release.id == release:
        return next(iter(drift_of(plan)), "")  # what follows from the first need not be told
    found = [
        (bool(release) and facts.current != release, f"{facts.current} runs, but {release} was deployed"),
        (bool(facts.damaged), f"changed on the host: {', '.join(facts.damaged)}"),
        (not facts.is_active, "the agent does not run"),
        (any(step.kind == _TOKEN for step in plan.steps), "the service does not know its key and token"),
    ]
    return "; ".join(text for is_so, text in found if is_so)
