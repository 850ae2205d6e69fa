"""Who may call what: one table of verb, role, and whether it is one's own; everything else is denied.

Pure: what is asked goes in, a sentence comes out where it is refused. The page of the reference is made from the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from zonewright.ledger.protocol import verbs as v

TENANT, FACILITY, NETWORK = "tenant", "facility-operator", "network-operator"
ADMINISTRATOR, APPROVER, AUDITOR, AUTHORITY = "zone-administrator", "approver", "auditor", "authority"
PARTY = frozenset({TENANT, FACILITY, NETWORK})
OVERSEER = frozenset({ADMINISTRATOR, AUDITOR, AUTHORITY})
EVERYBODY = PARTY | OVERSEER | {APPROVER}
OF_ZONE = frozenset({APPROVER, AUTHORITY})
"""Roles that are given to principals and to no party."""


DELIVER = "deliver"
"""No verb of the ledger: send readings of the hosts of one's own sites, as OTLP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Which roles may call a verb.

    Attributes:
        own: on what belongs to one's own party, or on nobody's.
        other: on what belongs to another party.
        is_of_zone: it is about no stack, and decides nothing, so that a principal of some stacks may call it too.
    """

    own: frozenset[str]
    other: frozenset[str] = frozenset()
    is_of_zone: bool = False


_STACK = Right(own=PARTY)
_STACK_READ = Right(own=PARTY | OVERSEER, other=OVERSEER)
_FORMED = Right(own=EVERYBODY, other=OVERSEER | {APPROVER}, is_of_zone=True)
_ANYBODY = Right(own=EVERYBODY, is_of_zone=True)
_ADMINISTRATOR = Right(own=frozenset({ADMINISTRATOR}), other=frozenset({ADMINISTRATOR}))

RIGHTS: Mapping[str, Right] = {
    v.INIT.name: _ADMINISTRATOR,
    v.ENROL.name: _STACK,
    v.LEAVE.name: _STACK,
    v.RECOVER.name: _STACK,
    v.ACCEPT.name: _STACK,
    v.RECONCILE.name: _STACK,
    v.PROPOSE.name: _STACK,
    v.EVALUATE.name: _STACK,
    v.ADMIT.name: _STACK,
    v.STANDING.name: _STACK,
    v.RESERVE.name: _STACK,
    v.RENEW.name: _STACK,
    v.FREE.name: Right(own=PARTY | {ADMINISTRATOR}, other=frozenset({ADMINISTRATOR})),
    v.RESERVATIONS.name: _ANYBODY,
    v.CONFIRM.name: _STACK,
    v.CONFIRM_MANY.name: _STACK,
    v.RELEASE.name: _STACK,
    v.COMPLETE.name: _STACK,
    v.SETTLE.name: _STACK,
    v.GUARD_DESTROY.name: _STACK,
    v.READ.name: _STACK_READ,
    v.REPORT.name: _STACK_READ,
    v.STORE.name: Right(own=PARTY | {ADMINISTRATOR}, is_of_zone=True),
    v.FETCH.name: _ANYBODY,
    v.DEPLOY.name: _STACK,
    v.WITHDRAW.name: _STACK,
    v.DEPLOYED.name: _STACK_READ,
    v.CAPACITY.name: _ANYBODY,
    v.FIT.name: Right(own=EVERYBODY, other=OVERSEER, is_of_zone=True),
    v.EXPLAIN.name: _STACK_READ,
    v.OUTAGE.name: _ANYBODY,
    v.DRAIN.name: _ANYBODY,
    v.PACK_IMPACT.name: Right(own=OVERSEER, is_of_zone=True),
    v.ENERGY.name: _ANYBODY,
    v.LEASE.name: _STACK,
    v.HOURS.name: _ANYBODY,
    v.CONFIGURATIONS.name: _ANYBODY,
    v.RECORD.name: _STACK,
    v.AGENT_KEYS.name: _STACK_READ,
    v.HISTORY.name: _ANYBODY,
    v.CHECKPOINT.name: _ANYBODY,
    v.SNAPSHOT.name: _STACK,
    v.PLAN.name: _STACK,
    v.VERDICT.name: Right(own=frozenset({APPROVER, AUTHORITY})),
    v.PLAN_OF.name: _FORMED,
    v.EVIDENCE.name: _FORMED,
    v.CHANGES.name: _FORMED,
    v.OFFERS.name: _ANYBODY,
    v.EXHAUSTION.name: Right(own=OVERSEER, is_of_zone=True),
    v.WHO.name: _ANYBODY,
    v.FIND.name: _ANYBODY,
    v.FOUND.name: Right(own=frozenset({FACILITY})),
    v.GRANT.name: _ADMINISTRATOR,
    v.ACCESS.name: Right(own=OVERSEER),
    v.ROTATE.name: _ADMINISTRATOR,
    DELIVER: Right(own=frozenset({FACILITY}), is_of_zone=True),
    v.REVOKE.name: Right(own=EVERYBODY, other=frozenset({ADMINISTRATOR})),
}
"""By verb. A verb that is not here may be called by nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls.

    Attributes:
        name: of the principal; empty for whoever has the ledger's file.
        party: whose principal it is.
        roles: what it may do now.
        stacks: ids of the stacks that it may touch; empty for all of its party.
        verbs: names of the verbs that it may call; empty for all of its roles.
        credential: digest of what it came with, by which it is known again.
        has_file: it opened the ledger's file itself, so nothing could be kept from it.
    """

    name: str
    party: str
    roles: frozenset[str]
    stacks: frozenset[str] = field(default_factory=frozenset)
    verbs: frozenset[str] = field(default_factory=frozenset)
    credential: str = ""
    has_file: bool = False

    @property
    def sees_all(self) -> bool:
        """Whether answers are given in full: who approves or oversees judges what others have, too."""
        return self.has_file or bool(self.roles & (OVERSEER | {APPROVER}))

    @property
    def for_offers(self) -> str:
        """The party whose offers count when it asks what is free; empty for who sees all: then everything counts."""
        return "" if self.sees_all else self.party


LOCAL = Caller(name="", party="", roles=EVERYBODY, has_file=True)
"""Whoever may write the ledger's file is its administrator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a call is about, as far as rights go.

    Attributes:
        verb: its name.
        parties: whose it is: the party that the request names, and the one that its stack belongs to.
        stack_id: the stack that it names, or nothing.
        principal: the principal that it names, or nothing.
        begins_change: it enrols a stack or reserves places for an update, which a preview never does.
    """

    verb: str
    parties: frozenset[str] = frozenset()
    stack_id: str = ""
    principal: str = ""
    begins_change: bool = False


def is_own(caller: Caller, asked: Asked) -> bool:
    """Whether a call is about what belongs to the caller, or to nobody."""
    if asked.principal:
        return asked.principal == caller.name
    is_of_zone = not asked.stack_id and asked.verb in RIGHTS and RIGHTS[asked.verb].is_of_zone
    is_its_stack = not caller.stacks or asked.stack_id in caller.stacks or is_of_zone
    return is_its_stack and asked.parties <= {caller.party}


def refusal(caller: Caller, asked: Asked) -> str | None:
    """Why a call is refused, as a sentence that does not say whose it is; None where it may be made.

    Args:
        caller: who calls.
        asked: what for.
    """
    if caller.has_file:
        return None
    right = RIGHTS.get(asked.verb, Right(own=frozenset()))
    own = is_own(caller, asked)
    may = right.own if own else right.other
    who = f"principal '{caller.name}' of party '{caller.party}'"
    how = "ask the zone's administrator to run: zonewright access grant"
    if not caller.roles & may:
        what = "" if own else " for what is not its own"
        expected = f"expected one of the roles {', '.join(sorted(may))}" if may else "nobody may"
        return (
            f"{who} may not call {asked.verb}{what}: {expected}, got {', '.join(sorted(caller.roles)) or 'none'}; {how}"
        )
    if caller.verbs and asked.verb not in caller.verbs:
        return f"{who} may not call {asked.verb}: its access is for {', '.join(sorted(caller.verbs))}; {how}"
    if caller.verbs and asked.begins_change and v.ADMIT.name not in caller.verbs:
        return f"{who} may not change anything: its access is for previews only; run pulumi preview, or {how}"
    return None
