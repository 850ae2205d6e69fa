"""Requests and answers about rendered texts: kept by digest, and deployed at sites."""

from typing import Literal

from pydantic import Field

from zonewright.ledger.protocol.messages import Digest, Message, Name, StackRequest, Text


class DeployRequest(StackRequest):
    """The rendered files of one site are deployed: those that the manifest of the stack's present change has for it."""

    site: Name
    files_digest: Digest
    """Digest of the site's part of the manifest, as canonical JSON of path to digest."""


class DeployAnswer(Message):
    """How many of a site's files are new, have another content than before, or are gone."""

    added: int
    changed: int
    removed: int


class SiteFilesRequest(StackRequest):
    """Names the configurations of one stack at one site."""

    site: Name
    lineage: Name | None = None
    """A stack that is bound to another lineage by now is refused; None does not ask."""


class DeployedAnswer(Message):
    """Files by site: path to digest."""

    sites: dict[str, dict[str, str]]


class ContentRequest(Message):
    """Texts to keep by digest."""

    texts: list[Text]


class ContentQuery(Message):
    """Digests whose texts are wanted."""

    digests: list[Digest]
    plan: Digest | Literal[""] = ""
    """The plan that names them, if there is one."""


class TextRemoval(Message):
    """That a text was removed: by entry ``sequence`` of the journal, at the moment ``at``."""

    sequence: int
    at: str


class ContentAnswer(Message):
    """Text by digest; what the ledger does not have is left out."""

    texts: dict[str, str]
    pruned: dict[str, TextRemoval] = Field(default_factory=dict)
    """What `ledger prune` removed, by digest."""
