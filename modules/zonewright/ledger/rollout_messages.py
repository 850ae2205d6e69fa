"""Requests and answers of the verbs about roll-outs: who may touch hosts, when, with which files; what was done."""

from typing import Any, Literal

from pydantic import Field

from zonewright.ledger.messages import Digest, Message


class LeaseRequest(Message):
    """Take, renew or give back the right to change a fleet's hosts."""

    fleet: str = Field(min_length=1, max_length=200)
    """Names the fleet: its operator."""
    holder: str = Field(min_length=1, max_length=200)
    """Who asks: a word of one run; the same word renews."""
    who: str = Field(max_length=200)
    """The person, for the one who is told to wait."""
    seconds: int = Field(ge=0, le=86_400)
    """For how long; 0 gives it back."""


class Lease(Message):
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
    """The rendered files of some sites, as they are deployed and approved."""

    sites: list[str] = Field(max_length=1000)
    """Ids of the sites."""


class Configurations(Message):
    """The deployed files of one stack at the sites that were asked for.

    Attributes:
        stack_id: whose they are.
        party: the acting party.
        files: digest by path, as in the change that was admitted last.
        approved: plan by path of each file that is in an approved change, unchanged since then.
        missing: what each of the others lacks, as a sentence by path.
    """

    stack_id: str
    party: str
    files: dict[str, Digest]
    approved: dict[str, Digest]
    missing: dict[str, str]


class ConfigurationsAnswer(Message):
    """Deployed configurations by stack, and the formats that the zone gates."""

    stacks: list[Configurations]
    gated: list[str]


class RecordRequest(Message):
    """An entry of the journal about a fleet: a key that is trusted, a roll-out."""

    kind: Literal["fleet-trust", "fleet-run"]
    party: str = Field(max_length=64)
    entry: dict[str, Any]
