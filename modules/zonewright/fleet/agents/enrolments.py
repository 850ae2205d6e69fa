"""Keys of agents as the ledger has enrolled them: a roll-out that reads a key back from its host puts it on record.

The service lets an agent report by its file of agents; a key that came into that file in another way is told.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from zonewright.fleet.agents.service import ServiceError
from zonewright.fleet.ssh.public_keys import PublicKey
from zonewright.ledger.protocol import rollout_messages, verbs
from zonewright.ledger.protocol.errors import LedgerError
from zonewright.ledger.transport.client import LedgerClient


class ForeignAgentError(ServiceError):
    """The agent is another stack's or party's."""


class Enrolments:
    """The keys of one fleet's agents; many threads may ask at once.

    Args:
        ledger: opens the ledger.
        party: whose fleet it is.
        who: the person in whose name keys are enrolled.
        stack_id: the stack whose agents they are; empty where a person enrols those of a fleet by hand.

    Raises:
        LedgerError: when the ledger does not say what it has enrolled.
    """

    def __init__(
        self, ledger: Callable[[], AbstractContextManager[LedgerClient]], *, party: str, who: str, stack_id: str = ""
    ) -> None:
        self._ledger, self._party, self._who, self._stack_id = ledger, party, who, stack_id
        self._lock = threading.Lock()
        with ledger() as client:
            answer = client.call(verbs.AGENT_KEYS, rollout_messages.AgentKeysRequest(party=party))
        self._known = dict(answer.agents)

    def knows(self, agent: str, public_key: str) -> bool:
        """Whether the ledger has enrolled this key for this agent, and no other one since."""
        return not self.fault(agent, public_key)

    def fault(self, agent: str, public_key: str) -> str:
        """Why a key is not the one that the ledger has enrolled, as a sentence; empty where it is."""
        known, key = self._known.get(agent), _fingerprint(public_key)
        if known is not None and known.fingerprint == key:
            return ""
        has = "none" if known is None else f"{known.fingerprint}, by {known.who} at {known.at[:19]}"
        return f"its key {key} is not enrolled: the ledger has {has}"

    def enrol(self, keys: Mapping[str, str]) -> None:
        """Record keys that were read back from their hosts.

        Args:
            keys: by agent.

        Raises:
            ServiceError: when the ledger does not take it.
        """
        self._record({agent: _fingerprint(key) for agent, key in keys.items()})

    def forget(self, agent: str) -> bool:
        """Record that an agent is gone; its key counts no longer.

        Returns:
            False where the agent is another stack's or party's: it stays.

        Raises:
            ServiceError: when the ledger does not take it.
        """
        try:
            self._record({agent: ""})
        except ForeignAgentError:
            return False
        return True

    def _record(self, agents: Mapping[str, str]) -> None:
        entry = rollout_messages.EnrolledKeys(who=self._who, agents=dict(agents), stack_id=self._stack_id)
        request = rollout_messages.RecordRequest(
            kind="fleet-enrolment", party=self._party, entry=entry.model_dump(mode="json", exclude_defaults=True)
        )
        try:
            with self._ledger() as client:
                client.call(verbs.RECORD, request)
        except LedgerError as error:
            if error.code == rollout_messages.AGENT_OF_ANOTHER:
                raise ForeignAgentError(error.sentence) from None
            raise ServiceError(f"the ledger refuses to enrol its key: {error}") from None
        now = {
            agent: rollout_messages.AgentKey(fingerprint=key, who=self._who, at="now") for agent, key in agents.items()
        }
        with self._lock:
            self._known |= now


def _fingerprint(public_key: str) -> str:
    """How people name a key; one that is none is named as it is, and so is never that of another."""
    try:
        return PublicKey.parse(public_key).fingerprint
    except ValueError:
        return public_key[:100] or "none"
