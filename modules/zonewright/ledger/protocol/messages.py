"""What requests and answers of all verbs are made of: their base, and the forms of the values in them.

Each verb takes one request and gives one answer, both as JSON. Nothing here knows how they travel.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from zonewright.model.base import STACK_ID_PATTERN
from zonewright.model.limits import INTEGER, LABEL, NAME, TEXT

StackId = Annotated[str, Field(pattern=STACK_ID_PATTERN)]
JsonObject = dict[str, JsonValue]
"""What only its sender and its reader know the form of: kept, digested and shown as it came."""
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Name = Annotated[str, Field(max_length=NAME.most)]
Label = Annotated[str, Field(max_length=LABEL.most)]
Text = Annotated[str, Field(max_length=TEXT.most)]
Generation = Annotated[int, Field(ge=0, le=INTEGER.most)]
LedgerId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Step = Annotated[int, Field(ge=0, le=INTEGER.most)]
"""Number of a stack's last admission, destroy or take-over."""
Holder = Annotated[str, Field(pattern=r"^([0-9a-f]{16})?$")]
"""Token of the resource that holds a claim or asset; empty where a version made it that had none."""


class Message(BaseModel):
    """Base of requests and answers: frozen, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Done(Message):
    """The verb was carried out and has nothing to tell."""


class StackRequest(Message):
    """Names a stack."""

    stack_id: StackId
