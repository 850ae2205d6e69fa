"""in-toto Statements (version 1) about a change: the plan that its author signs, verdicts on it, and a party's export.

All name the same two subjects: ``change``, the digest that the ledger admits by, and ``plan.json``, the digest of
the plan, which in turn names every file that the decision rests on. An export has ``party.json`` as a third one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from zonewright.model.canonical import canonical_json
from zonewright.seal.errors import SealError
from zonewright.seal.strict import strict_json

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PLAN_TYPE = "urn:zonewright:change-plan:v1"
VERDICT_TYPE = "urn:zonewright:change-verdict:v1"
EXPORT_TYPE = "urn:zonewright:party-export:v1"
SUBJECTS = ("change", "plan.json")
EXPORTED = "party.json"
_KINDS = (PLAN_TYPE, VERDICT_TYPE, EXPORT_TYPE)
_SHA256 = re.compile(r"[0-9a-f]{64}")

Verdict = Literal["approve", "reject"]
VERDICTS: tuple[Verdict, ...] = ("approve", "reject")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is said about which digests.

    Attributes:
        change: digest of the change, ``sha256:`` and 64 digits.
        plan: digest of ``plan.json``.
        kind: the predicate's type.
        predicate: what is said.
        party: digest of ``party.json``, in an export only.
    """

    change: str
    plan: str
    kind: str
    predicate: Mapping[str, Any]
    party: str | None = None

    def text(self) -> str:
        """Canonical JSON of the in-toto Statement."""
        digests = list(zip(SUBJECTS, (self.change, self.plan), strict=True))
        digests += [] if self.party is None else [(EXPORTED, self.party)]
        return canonical_json(
            {
                "_type": STATEMENT_TYPE,
                "subject": [
                    {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}} for name, digest in digests
                ],
                "predicateType": self.kind,
                "predicate": dict(self.predicate),
            }
        )


def read_statement(text: str) -> Statement:
    """A Statement from its text.

    Raises:
        SealError: when it is none of ours, or its digests are not SHA-256.
    """
    data = strict_json(text)
    if data.get("_type") != STATEMENT_TYPE:
        raise SealError(f"it is not an in-toto Statement of version 1; its type is '{str(data.get('_type'))[:60]}'")
    kind = data.get("predicateType")
    if kind not in _KINDS:
        raise SealError(f"its predicate is '{str(kind)[:60]}', expected one of {', '.join(_KINDS)}")
    digests = _digests(data.get("subject"), (*SUBJECTS, EXPORTED) if kind == EXPORT_TYPE else SUBJECTS)
    predicate = data.get("predicate")
    if not isinstance(predicate, dict):
        raise SealError("its predicate is missing")
    return Statement(
        change=digests["change"],
        plan=digests["plan.json"],
        kind=str(kind),
        predicate=predicate,
        party=digests.get(EXPORTED),
    )


def _digests(subject: Any, names: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in subject if isinstance(subject, list) else ():
        name, digest = (item.get("name"), item.get("digest")) if isinstance(item, dict) else (None, None)
        if not isinstance(digest, dict) or set(digest) != {"sha256"}:
            how = ", ".join(sorted(digest)) if isinstance(digest, dict) else "nothing"
            raise SealError(f"subject '{str(name)[:40]}' is named by {how[:60]}, expected sha256 alone")
        if not _SHA256.fullmatch(str(digest["sha256"])):
            raise SealError(f"the digest of subject '{str(name)[:40]}' is not a SHA-256")
        found[str(name)] = f"sha256:{digest['sha256']}"
    if sorted(found) != sorted(names) or len(found) != len(subject):
        raise SealError(f"it is about {', '.join(sorted(found))[:60] or 'nothing'}, expected {' and '.join(names)}")
    return found
