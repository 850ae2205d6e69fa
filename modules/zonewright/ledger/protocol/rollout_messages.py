"""Requests and answers of the verbs about roll-outs: who may touch hosts, when, with which files; what was done."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from zonewright.ledger.protocol.messages import Digest, Generation, Label, Message, Name, Text
from zonewright.model.canonical import canonical_json

ROLLED_OUT = "rolled-out"
ADDED = frozenset({"rows", "by"})
"""What the ledger adds to the payload of an entry: what its transaction changed, and who asked for it."""
"""Entries of the journal that name the record of a run that brought a change to hosts."""
RunId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class FleetLockRequest(Message):
    """Take, renew or give back the right to change a fleet's hosts."""

    fleet: str = Field(min_length=1, max_length=200)
    """Names the fleet: its operator."""
    holder: str = Field(min_length=1, max_length=200)
    """Who asks: a word of one run; the same word renews."""
    who: str = Field(max_length=200)
    """The person, for the one who is told to wait."""
    seconds: int = Field(ge=0, le=86_400)
    """For how long; 0 gives it back."""


class FleetLock(Message):
    """Who may change the fleet now."""

    is_mine: bool
    who: str = ""
    since: str = ""
    expires_at: str = ""


class HoursRequest(Message):
    """Whether roll-outs may touch hosts of the zone now."""


class Hours(Message):
    """Why they may not, as a sentence; empty where they may."""

    closed: str


class ConfigurationsRequest(Message):
    """The rendered files of some sites, as they are deployed and approved, or as they were approved before.

    Attributes:
        sites: ids of the sites.
        before: None for what is deployed; else approved steps: by stack the ``step`` to go on from, back in time, and
            all stacks from their last step on where it is empty.
        limit: at most so many steps of each stack.
    """

    sites: list[Name] = Field(max_length=1000)
    before: dict[Name, Generation] | None = None
    limit: int = Field(default=20, ge=1, le=100)


class Configurations(Message):
    """The files of one stack at the sites that were asked for: deployed, or of an earlier step.

    Attributes:
        stack_id: whose they are.
        party: the acting party.
        files: digest by path, as in the change that was admitted last.
        approved: plan by path of each file that is in an approved change, unchanged since then.
        missing: what each of the others lacks, as a sentence by path.
        step: of an earlier step the journal's entry, to go on from.
    """

    stack_id: str
    party: str
    files: dict[str, Digest]
    approved: dict[str, Digest]
    missing: dict[str, str]
    step: int = 0


class ConfigurationsAnswer(Message):
    """Configurations by stack, of a stack the newest first, and the formats that the zone gates."""

    stacks: list[Configurations]
    gated: list[str]


class HostRun(Message):
    """How a run ended for one host, as far as one change goes.

    Attributes:
        host: its name.
        state: in one word.
        reason: why, where it is not as wanted.
        before: versions of the change's configurations, or the release, that it had.
        after: those that it was to have.
        last_step: the last step.
    """

    host: Name
    state: Name
    reason: Text
    before: Label
    after: Label
    last_step: Label


class RunRecord(Message):
    """The part of a run that belongs to one change; its evidence holds this.

    Attributes:
        format: version of the form.
        run: id of the run.
        fleet: whose fleet it is.
        who: the person.
        what: the command.
        began: when it began.
        ended: when it ended.
        hosts: how it ended for each host.
        files: digest by path of each file of the change, by the version that has it; none for agents.
    """

    format: Literal[1] = 1
    run: RunId
    fleet: Name
    who: Name
    what: Label
    began: Name
    ended: Name
    hosts: list[HostRun]
    files: dict[Name, dict[Label, Digest]]

    def text(self) -> str:
        """Its canonical form, whose digest the journal has."""
        return canonical_json(self.model_dump(mode="json"))

    def counts(self) -> dict[str, int]:
        """How many hosts are in each state that there is."""
        states = [one.state for one in self.hosts]
        return {state: states.count(state) for state in sorted(set(states))}


class ChangeRun(Message):
    """A run's record for one change: that of a plan, or the present change of a stack.

    Attributes:
        plan: digest of the plan, or empty.
        stack_id: the stack, where no plan is named; a change without a plan has no evidence to be in.
        record: the record.
    """

    plan: Digest | Literal[""] = ""
    stack_id: Name = ""
    record: RunRecord


class EnrolledKeys(Message):
    """The entry of the journal on keys of agents, which were read back from their hosts.

    Attributes:
        who: the person.
        agents: fingerprint by agent; empty for one that is gone.
        stack_id: the stack whose agents they are; empty where a person enrols those of a fleet by hand.
    """

    who: str
    agents: dict[Name, Label] = Field(min_length=1, max_length=10_000)
    stack_id: str = Field(default="", max_length=64)


AGENT_OF_ANOTHER = "agent-of-another"
"""Code of the refusal of an agent's name that another party or stack has."""


class AgentKeysRequest(Message):
    """The keys that are enrolled for the agents of one fleet."""

    party: str = Field(max_length=64)
    """Whose fleet it is."""


class AgentKey(Message):
    """One of them.

    Attributes:
        fingerprint: as ssh-keygen prints it.
        who: the person who enrolled it.
        at: when.
    """

    fingerprint: str
    who: str
    at: str


class AgentKeys(Message):
    """The key of each agent."""

    agents: dict[str, AgentKey]


class RecordRequest(Message):
    """An entry of the journal about a fleet: a key that is trusted, keys that are enrolled, a roll-out.

    Attributes:
        kind: what it is about.
        party: whose fleet it is.
        entry: what the journal gets.
        changes: of a roll-out, the changes whose configurations or agents it brought.
    """

    kind: Literal["fleet-trust", "fleet-enrolment", "fleet-run"]
    party: str = Field(min_length=1, max_length=64)
    entry: dict[str, Any]
    changes: list[ChangeRun] = Field(default=[], max_length=1000)

    @field_validator("entry")
    @classmethod
    def _says_nothing_of_the_ledgers(cls, entry: dict[str, Any]) -> dict[str, Any]:
        """What the ledger itself says in each entry nobody else may say."""
        if taken := sorted(ADDED & entry.keys()):
            raise ValueError(f"the ledger itself adds {', '.join(taken)} to an entry; leave it out")
        return entry
