"""What a validator said of which bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from zonewright.model.canonical import canonical_json, digest_of

VerdictStatus = Literal["pass", "fail", "not-run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatorVerdict:
    """What a validator said.

    Attributes:
        status: ``pass``, ``fail``, or ``not-run``, which is never taken for a pass.
        program: the validator.
        version: its version as its package has it, or empty where that cannot be told.
        arguments: of each call, with ``{root}`` for the temporary folder.
        detail: what it printed, or why it was not run.
        signer: who has signed it, where it comes from elsewhere.
    """

    status: VerdictStatus
    program: str
    version: str = ""
    arguments: tuple[tuple[str, ...], ...] = ()
    detail: str = ""
    signer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict with what it is on.

    Attributes:
        format: id of the format.
        root: folder of the subject among the rendered files, such as ``sites/qp-dc1``.
        paths: its files of this format.
        digest: digest of the format and of these files' paths and contents.
        verdict: the verdict.
    """

    format: str
    root: str
    paths: tuple[str, ...]
    digest: str
    verdict: ValidatorVerdict


def content_digest(format_id: str, files: Mapping[str, str]) -> str:
    """What a verdict is attached to: the same files of the same format have one digest, wherever they are rendered.

    Args:
        format_id: id of the format.
        files: text by path below the subject's root.
    """
    return digest_of_files(format_id, {path: digest_of(text) for path, text in files.items()})


def digest_of_files(format_id: str, digests: Mapping[str, str]) -> str:
    """The same where only the digests of the files are at hand.

    Args:
        format_id: id of the format.
        digests: digest by path below the subject's root.
    """
    return digest_of(canonical_json({"format": format_id, "files": digests}))
