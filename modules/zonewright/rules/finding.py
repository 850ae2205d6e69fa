"""What a rule says when it does not hold: one record that the CLI, the engine and the journal all print from."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from pydantic import ConfigDict

from zonewright.model.own_rule import OWN

Level = Literal["mandatory", "no-worse", "approval", "advisory"]
LEVELS: tuple[Level, ...] = ("mandatory", "no-worse", "approval", "advisory")
ANOTHER_PARTY = "another party"
MUST_HOLD = "; must hold: "
"""What stands between what is the case and the rule that it breaks."""
THERE = "; there is room at "
"""What stands between a fix and the places that it names."""
NOTHING_MORE = "nothing more: "
"""How a fix begins of what goes away with what another fix moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """Somebody whose thing takes part in a finding; ``name`` is empty where the reader may not know it."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    party: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule that does not hold at one place.

    Attributes:
        rule: id of the rule, such as ``feed-failover``.
        level: what it means for the change.
        subject: what the rule was applied to, such as a rack or a cluster.
        where: path in the declaration of the party that must act, such as ``clusters.core.places.003``; a file
            and line once it has been looked up.
        message: what is the case, in one sentence with numbers and units.
        value: the figure found, in ``unit``; None where the rule has no figure.
        limit: the figure allowed, in ``unit``.
        unit: ``W``, ``U``, ``kg``, ``nodes``, ``racks`` and so on.
        excess: how far ``value`` is beyond ``limit``, in ``unit``, never negative.
        participants: who takes part.
        fix: the smallest remedy, in one sentence.
        reference: the clause or paper that the rule comes from.
        waiver: id of the waiver that covers it, or None.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    rule: str
    level: Level
    subject: str
    where: str
    message: str
    value: int | None = None
    limit: int | None = None
    unit: str = ""
    excess: int = 0
    participants: tuple[Participant, ...] = ()
    fix: str = ""
    reference: str = ""
    waiver: str | None = None

    @property
    def refuses(self) -> bool:
        """Whether a change with this finding is refused."""
        return self.level != "advisory" and self.waiver is None

    @property
    def is_undecided(self) -> bool:
        """Whether a rule of the zone's own had no answer: it is then about itself, and says nothing of the zone."""
        return self.subject == self.rule and self.rule.startswith(OWN)

    @property
    def severity(self) -> tuple[bool, int, float, str, str]:
        """Sort key: what refuses first, then by level and by excess relative to the limit."""
        relative = self.excess / self.limit if self.limit else float(self.excess)
        return (not self.refuses, LEVELS.index(self.level), -relative, self.rule, self.subject)

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "Finding":
        """The reverse of ``to_data``."""
        participants = tuple(Participant(**item) for item in data.get("participants", ()))
        return cls(**{**data, "participants": participants})


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings in the order in which people should read them."""
    return tuple(sorted(findings, key=lambda finding: finding.severity))


def masked_for(finding: Finding, party: str) -> Finding:
    """The finding as ``party`` may see it: what another party's thing is called stays hidden."""
    participants = tuple(
        item if item.party == party else Participant(party=ANOTHER_PARTY, name="") for item in finding.participants
    )
    return replace(finding, participants=tuple(dict.fromkeys(participants)))
