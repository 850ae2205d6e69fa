"""The ledger behind its verbs: which function carries out which verb."""

from collections.abc import Callable, Mapping
from typing import Any

from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.messages import Message
from zonewright.ledger.protocol.verbs import Verb
from zonewright.ledger.store.context import Context
from zonewright.ledger.verbs import (
    access,
    admissions,
    answers,
    capacity,
    changes,
    closing,
    configurations,
    contents,
    energy,
    enrolments,
    evidence,
    holdings,
    proposals,
    rollouts,
    who,
)

FUNCTIONS: Mapping[Verb[Any, Any], Callable[[Context, Any], Message]] = {
    verbs.INIT: enrolments.init,
    verbs.ENROL: enrolments.enrol,
    verbs.LEAVE: enrolments.leave,
    verbs.RECOVER: enrolments.recover,
    verbs.ACCEPT: enrolments.accept,
    verbs.RECONCILE: enrolments.reconcile,
    verbs.PROPOSE: proposals.propose,
    verbs.EVALUATE: proposals.evaluate,
    verbs.ADMIT: admissions.admit,
    verbs.STANDING: admissions.standing,
    verbs.CONFIRM: holdings.confirm,
    verbs.CONFIRM_MANY: holdings.confirm_many,
    verbs.RELEASE: holdings.release,
    verbs.COMPLETE: closing.complete,
    verbs.SETTLE: closing.settle,
    verbs.GUARD_DESTROY: closing.guard_destroy,
    verbs.READ: holdings.read,
    verbs.REPORT: holdings.report,
    verbs.STORE: contents.store,
    verbs.FETCH: contents.fetch,
    verbs.DEPLOY: contents.deploy,
    verbs.WITHDRAW: contents.withdraw,
    verbs.DEPLOYED: contents.list_deployed,
    verbs.CAPACITY: capacity.capacity,
    verbs.FIT: answers.fit_rooms,
    verbs.EXPLAIN: answers.explain_node,
    verbs.ENERGY: energy.energy,
    verbs.LEASE: rollouts.lease,
    verbs.HOURS: rollouts.hours,
    verbs.CONFIGURATIONS: configurations.configurations,
    verbs.RECORD: rollouts.record,
    verbs.AGENT_KEYS: rollouts.agent_keys,
    verbs.HISTORY: contents.history,
    verbs.CHECKPOINT: contents.checkpoint,
    verbs.SNAPSHOT: evidence.snapshot,
    verbs.EVIDENCE: evidence.evidence,
    verbs.PLAN: changes.plan,
    verbs.VERDICT: changes.verdict_on,
    verbs.PLAN_OF: changes.plan_of,
    verbs.CHANGES: changes.changes,
    verbs.GRANT: access.grant,
    verbs.ACCESS: access.principals,
    verbs.ROTATE: access.rotate,
    verbs.REVOKE: access.revoke,
    verbs.WHO: who.who,
}
