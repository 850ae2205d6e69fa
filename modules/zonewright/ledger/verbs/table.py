"""The ledger behind its verbs: which function carries out which verb."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any

from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.messages import Message
from zonewright.ledger.protocol.verbs import Verb
from zonewright.ledger.store.context import Context

_Function = Callable[[Context, Any], Message]


class _Functions(Mapping[Verb[Any, Any], _Function]):
    """Functions by verb; the module of one is imported when it is asked for, since a run calls few of them."""

    def __init__(self, places: Mapping[Verb[Any, Any], str]) -> None:
        self._places = places

    def __getitem__(self, verb: Verb[Any, Any]) -> _Function:
        module, name = self._places[verb].split(".")
        function: _Function = getattr(import_module(f"{__package__}.{module}"), name)
        return function

    def __iter__(self) -> Iterator[Verb[Any, Any]]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


FUNCTIONS: Mapping[Verb[Any, Any], _Function] = _Functions(
    {
        verbs.INIT: "enrolments.init",
        verbs.ENROL: "enrolments.enrol",
        verbs.LEAVE: "enrolments.leave",
        verbs.RECOVER: "enrolments.recover",
        verbs.ACCEPT: "enrolments.accept",
        verbs.RECONCILE: "enrolments.reconcile",
        verbs.PROPOSE: "proposals.propose",
        verbs.EVALUATE: "proposals.evaluate",
        verbs.ADMIT: "admissions.admit",
        verbs.RESERVE: "reservations.reserve",
        verbs.RENEW: "reservations.renew",
        verbs.FREE: "reservations.free",
        verbs.RESERVATIONS: "reservations.reservations",
        verbs.STANDING: "admissions.standing",
        verbs.CONFIRM: "holdings.confirm",
        verbs.CONFIRM_MANY: "holdings.confirm_many",
        verbs.RELEASE: "holdings.release",
        verbs.COMPLETE: "closing.complete",
        verbs.SETTLE: "closing.settle",
        verbs.GUARD_DESTROY: "closing.guard_destroy",
        verbs.READ: "holdings.read",
        verbs.REPORT: "holdings.report",
        verbs.STORE: "contents.store",
        verbs.FETCH: "contents.fetch",
        verbs.DEPLOY: "contents.deploy",
        verbs.WITHDRAW: "contents.withdraw",
        verbs.DEPLOYED: "contents.list_deployed",
        verbs.CAPACITY: "capacity.capacity",
        verbs.FIT: "answers.fit_rooms",
        verbs.EXPLAIN: "answers.explain_node",
        verbs.OUTAGE: "outages.outage",
        verbs.DRAIN: "outages.drain_racks",
        verbs.PACK_IMPACT: "packs.pack_impact",
        verbs.ENERGY: "energy.energy",
        verbs.LEASE: "rollouts.lease",
        verbs.HOURS: "rollouts.hours",
        verbs.CONFIGURATIONS: "configurations.configurations",
        verbs.RECORD: "rollouts.record",
        verbs.AGENT_KEYS: "rollouts.agent_keys",
        verbs.HISTORY: "contents.history",
        verbs.CHECKPOINT: "contents.checkpoint",
        verbs.SNAPSHOT: "evidence.snapshot",
        verbs.EVIDENCE: "evidence.evidence",
        verbs.PLAN: "changes.plan",
        verbs.VERDICT: "changes.verdict_on",
        verbs.PLAN_OF: "changes.plan_of",
        verbs.CHANGES: "changes.changes",
        verbs.GRANT: "access.grant",
        verbs.ACCESS: "access.principals",
        verbs.ROTATE: "access.rotate",
        verbs.REVOKE: "access.revoke",
        verbs.OFFERS: "offers.offers",
        verbs.EXHAUSTION: "exhaustion.exhaustion_of",
        verbs.WHO: "who.who",
        verbs.FIND: "found.find",
        verbs.FOUND: "found.found",
    }
)
