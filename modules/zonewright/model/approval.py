"""Who may approve which changes: signers with their keys, and policies by class of risk."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from zonewright.model.base import Date, Declared, Identifier, Line
from zonewright.model.window import ChangeWindow

Risk = Literal["low", "normal", "high"]
"""``high``: a finding asks for an approval or a waiver is used; ``normal``: places, draw or assets change."""
PUBLIC_KEY_PATTERN = r"^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}$"

SignerKey = Annotated[str, StringConstraints(pattern=PUBLIC_KEY_PATTERN, strict=True)]
"""A public key as in an OpenSSH ``.pub`` file, without its comment."""
Needs = dict[Identifier, Annotated[int, Field(ge=1, le=20)]]


class Signer(Declared):
    """A person who signs plans of the party, or verdicts on plans of others."""

    title: Line
    """Name for people."""
    party: Identifier
    """Id of the party that the person acts for."""
    groups: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """Groups that policies name; without any, the person only signs plans."""
    keys: Annotated[tuple[SignerKey, ...], Field(min_length=1, max_length=8, strict=False)]
    """Public keys, as in OpenSSH's .pub files without the comment; several keys still count as one person."""
    valid_from: Date | None = None
    """First day on which signatures count, such as 2026-01-01."""
    valid_until: Date | None = None
    """Last day on which signatures count."""


class EmergencyLane(Declared):
    """What an emergency change needs before it is carried out. The full policy reviews it afterwards."""

    needs: Needs = Field(default_factory=dict)
    """How many signers of which group; if empty, the author's signature is enough."""
    review_hours: Annotated[int, Field(ge=1, le=168)] = 48
    """Hours in which the full policy must review it."""


class ApprovalPolicy(Declared):
    """Which changes need whose approval. Every policy that matches a change must be met."""

    title: Line
    """Name for people."""
    risks: Annotated[tuple[Risk, ...], Field(min_length=1, strict=False)]
    """Classes of risk that the policy covers."""
    parties: Annotated[tuple[Identifier, ...], Field(strict=False)] = ()
    """Parties whose changes the policy covers; empty means all."""
    stacks: Annotated[tuple[Line, ...], Field(strict=False)] = ()
    """Stack ids that the policy covers; empty means all."""
    needs: Annotated[Needs, Field(min_length=1)]
    """How many signers of which group; one person counts in one group only."""
    valid_hours: Annotated[int, Field(ge=1, le=8760)] = 72
    """Hours after which an approval is void."""
    window: ChangeWindow | None = None
    """When the change may be carried out; empty means always."""
    emergency: EmergencyLane | None = None
    """The emergency lane; without one, no emergency that the policy covers is admitted: plan it like other changes."""
