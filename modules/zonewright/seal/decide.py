"""Is a plan approved? One pure function: the zone's policies, the plan, envelopes and the present in, a decision out.

Every policy that matches must be met. What is missing, void or unreadable counts as no approval, and is said.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from zonewright.model.approval import ApprovalPolicy
from zonewright.model.zone import Zone
from zonewright.seal.errors import SealError
from zonewright.seal.votes import Planned, ReceivedEnvelope, Vote, author_of, vote_of
from zonewright.seal.window import closed

ApprovalState = Literal["approved", "emergency", "not-needed", "missing", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What comes out.

    Attributes:
        state: approved, emergency (carried out now, reviewed afterwards), not-needed, missing or rejected.
        sentences: why; for ``missing`` and ``rejected`` everything that stands against it.
        author: who signed the plan, or None.
        votes: the votes that count, the last one of each person.
        valid_until: until when the approval holds, where it does.
        review_by: until when an emergency must have been reviewed.
        reviewed: whether the full policy is met for an emergency.
    """

    state: ApprovalState
    sentences: tuple[str, ...] = ()
    author: str | None = None
    votes: tuple[Vote, ...] = ()
    valid_until: datetime | None = None
    review_by: datetime | None = None
    reviewed: bool = False

    @property
    def passes(self) -> bool:
        """Whether the change may be carried out."""
        return self.state in ("approved", "emergency", "not-needed")

    @property
    def by(self) -> str:
        """Who approved, for sentences."""
        names = [vote.signer for vote in self.votes if vote.verdict == "approve"]
        return " and ".join(names) if names else f"{self.author} (author, emergency)"


def policies_for(zone: Zone, *, risk: str, party: str, stack_id: str) -> dict[str, ApprovalPolicy]:
    """The policies that a change must meet, by id."""
    return {
        name: policy
        for name, policy in sorted(zone.approvals.items())
        if risk in policy.risks
        and (not policy.parties or party in policy.parties)
        and (not policy.stacks or stack_id in policy.stacks)
    }


def approved(
    zone: Zone,
    planned: Planned,
    *,
    author: ReceivedEnvelope | None,
    verdicts: Iterable[ReceivedEnvelope],
    now: datetime,
    admitted_at: datetime | None = None,
    required: bool = False,
) -> Decision:
    """Decide.

    Args:
        zone: the registered zone with its signers and policies.
        planned: the plan, as the ledger has it.
        author: the author's envelope as it was received, or None where nobody signed the plan.
        verdicts: envelopes with verdicts, as they were received.
        now: the present.
        admitted_at: moment of the admission, where it was before now; signers' dates are judged at it.
        required: whether a rule asks for an approval, so that having no policy does not let it pass.
    """
    policies = policies_for(zone, risk=planned.risk, party=planned.party, stack_id=planned.stack_id)
    if not policies:
        if not required:
            return Decision(state="not-needed")
        sentence = (
            f"zone.yaml has no approval policy for changes of risk {planned.risk} by {planned.party}; ask the "
            "administrator to declare one under approvals"
        )
        return Decision(state="missing", sentences=(sentence,))
    try:
        name = _author(author, planned, zone, admitted_at or now)
    except SealError as error:
        return Decision(state="missing", sentences=(f"author's signature: {error}",))
    votes, void = _votes(verdicts, planned, zone, name, admitted_at or now)
    wanted = {group for policy in policies.values() for group in policy.needs}
    against = [
        one for one in votes.values() if one.verdict == "reject" and wanted & set(zone.signers[one.signer].groups)
    ]
    if against:
        told = tuple(f"rejected by {one.signer}: {one.comment or 'no reason given'}" for one in against)
        return Decision(state="rejected", sentences=told, author=name, votes=tuple(votes.values()))
    return _met(policies, planned, zone, name, votes, void, now)


def _author(author: ReceivedEnvelope | None, planned: Planned, zone: Zone, decided: datetime) -> str:
    if author is None:
        raise SealError("nobody has signed the plan; sign it with: zonewright change plan --key FILE")
    return author_of(author, planned, zone.signers, decided=decided)


def _votes(
    verdicts: Iterable[ReceivedEnvelope], planned: Planned, zone: Zone, author: str, decided: datetime
) -> tuple[dict[str, Vote], list[str]]:
    """The last vote of each person, and why others are void; at the same moment a rejection is the last."""
    votes: dict[str, Vote] = {}
    void: list[str] = []
    for one in verdicts:
        try:
            vote = vote_of(one, planned, zone.signers, author=author, decided=decided)
        except SealError as error:
            void.append(f"a verdict is not valid: {error}")
            continue
        held = votes.get(vote.signer)
        if held is None or (vote.at, vote.verdict == "reject") >= (held.at, held.verdict == "reject"):
            votes[vote.signer] = vote
    return dict(sorted(votes.items())), void


def _met(  # noqa: PLR0917 - private
    policies: Mapping[str, ApprovalPolicy],
    planned: Planned,
    zone: Zone,
    author: str,
    votes: Mapping[str, Vote],
    void: list[str],
    now: datetime,
) -> Decision:
    # A review stays done: its approvals do not get too old afterwards.
    then = max((vote.at for vote in votes.values()), default=now) if planned.emergency else now
    full = [text for name, policy in policies.items() for text in _short(name, policy, policy.needs, zone, votes, then)]
    told: list[str] = []
    state: ApprovalState = "approved"
    review_by: datetime | None = None
    if planned.emergency:
        state = "emergency"
        for name, policy in policies.items():
            if policy.emergency is None:
                told.append(f"policy {name} has no emergency lane")
                continue
            told += _short(name, policy, policy.emergency.needs, zone, votes, now)
            until = now + timedelta(hours=policy.emergency.review_hours)
            review_by = until if review_by is None else min(review_by, until)
    else:
        told += full
        windows = {name: policy.window for name, policy in policies.items() if policy.window is not None}
        told += [f"policy {name}: {why}" for name, one in windows.items() if (why := closed([one], (), now))]
    hours = min(policy.valid_hours for policy in policies.values())
    given = [vote.at for vote in votes.values() if vote.verdict == "approve"]
    return Decision(
        state="missing" if told else state,
        sentences=(*told, *void) if told else tuple(void),
        author=author,
        votes=tuple(votes.values()),
        valid_until=min(given) + timedelta(hours=hours) if given else None,
        review_by=review_by,
        reviewed=planned.emergency and not full,
    )


def _short(  # noqa: PLR0917 - private
    name: str, policy: ApprovalPolicy, needs: Mapping[str, int], zone: Zone, votes: Mapping[str, Vote], now: datetime
) -> Iterator[str]:
    """What a policy still lacks; a person counts in one group only."""
    fresh: list[Vote] = []
    old: list[Vote] = []
    for vote in votes.values():
        if vote.verdict == "approve":
            (fresh if now <= vote.at + timedelta(hours=policy.valid_hours) else old).append(vote)
    seats = [group for group, number in sorted(needs.items()) for _ in range(number)]
    taken = _matched(seats, {vote.signer: set(zone.signers[vote.signer].groups) for vote in fresh})
    for group, number in sorted(needs.items()):
        have = sum(1 for seat in taken if seats[seat] == group)
        if have < number:
            yield f"policy {name}: {have} of {number} approvals from {group}"
    if len(taken) < len(seats):
        for vote in old:
            yield f"the approval of {vote.signer} of {vote.at.isoformat()[:16]} is older than {policy.valid_hours} h"


def _matched(seats: list[str], people: Mapping[str, set[str]]) -> dict[int, str]:
    """The largest assignment of people to seats of their groups: seat to person."""
    taken: dict[int, str] = {}

    def seat_for(person: str, tried: set[int]) -> bool:
        for seat, group in enumerate(seats):
            if group in people[person] and seat not in tried:
                tried.add(seat)
                if seat not in taken or seat_for(taken[seat], tried):
                    taken[seat] = person
                    return True
        return False

    for person in sorted(people):
        seat_for(person, set())
    return taken
