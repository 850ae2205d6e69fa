"""Requests and answers about single claims and assets: confirmed, released and read."""

from typing import Annotated, Literal

from pydantic import Field

from zonewright.ledger.protocol.messages import Generation, Holder, JsonObject, Message, Name, StackRequest, Step
from zonewright.model.limits import ADDRESS, CONFIRMS

HoldingKind = Literal["node", "site", "row", "duct", "link"]
ClaimState = Literal["admitted", "active", "releasing", "freed"]
PoolAddresses = dict[Name, Annotated[str, Field(max_length=ADDRESS.most)]]
"""Address with prefix length by pool id, such as ``{"ipv4": "10.80.16.5/20"}``."""


class Confirmation(Message):
    """The resource of a claim or asset exists now."""

    kind: HoldingKind
    name: Name
    generation: Generation
    """The generation that the resource's state holds, 0 for a new one; what it held before is freed."""
    holder: Holder = ""
    """The resource's token: from now on it holds the claim, and whoever did so before does no more."""
    expect: JsonObject = Field(default_factory=dict)
    """What the resource was made from; the admitted claim must hold the same values."""


class ConfirmRequest(Confirmation, StackRequest):
    """The resource of one claim or asset exists now."""

    step: Step | None = None
    """Of the stack, as the run that makes the resource knows it. A later one is refused; None does not ask."""


class ConfirmAnswer(Message):
    """The raised generation."""

    generation: int


class ConfirmManyRequest(StackRequest):
    """Resources of a stack exist now: all are confirmed, or none; each claim or asset stands once."""

    confirms: list[Confirmation] = Field(min_length=1, max_length=CONFIRMS.most)
    step: Step | None = None
    """As of a confirm."""


class ConfirmManyAnswer(Message):
    """The raised generations, in the order of the request."""

    generations: list[int]


class ReleaseRequest(StackRequest):
    """The resource of a claim or asset is gone; frees what it holds, else does nothing."""

    kind: HoldingKind
    name: Name
    generation: Generation
    """Says who holds a claim that was confirmed without a token."""
    holder: Holder = ""
    """The resource's token; another than the holder frees nothing."""


class ReleaseAnswer(Message):
    """Whether something was freed."""

    freed: bool
    stays: bool = False
    """Nothing was freed, and another resource holds it."""


class HoldingRequest(StackRequest):
    """Read one claim or asset of a stack."""

    kind: HoldingKind
    name: Name


class Holding(Message):
    """A claim (node) or an asset (site, row) as the ledger has it.

    Attributes:
        stack_id: whose.
        kind: node, site or row.
        name: name within the stack.
        state: where in its life it is.
        generation: raised by each confirm.
        data: a node's place, addresses and type; an asset's declaration.
    """

    stack_id: str
    kind: HoldingKind
    name: str
    state: ClaimState
    generation: int
    data: JsonObject


class HoldingAnswer(Message):
    """The holding, or None where there is none."""

    holding: Holding | None
