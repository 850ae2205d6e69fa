"""Verdicts that come from elsewhere: a signed list of content digests with what was said of each.

The envelope is DSSE around an in-toto Statement, as for plans. Its subjects are the digests of the files; a verdict
counts for exactly these bytes, whoever renders them.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from zonewright.model.canonical import canonical_json
from zonewright.render.validators.verdict import Judged, ValidatorVerdict
from zonewright.seal.dsse import payload_of, read_envelope
from zonewright.seal.errors import SealError
from zonewright.seal.keys import key_id
from zonewright.seal.statement import STATEMENT_TYPE
from zonewright.seal.strict import strict_json

VERDICTS_TYPE = "urn:zonewright:validator-verdicts:v1"
MAX_SUBJECTS = 500
"""Subjects of one envelope; more verdicts are more envelopes."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_STATUSES = ("pass", "fail")


def statements(judged: Iterable[Judged]) -> Iterator[str]:
    """Statements to sign: one for each thing that was said, with what it was said of; not-run says nothing."""
    said: dict[ValidatorVerdict, list[Judged]] = defaultdict(list)
    for item in judged:
        if item.verdict.status in _STATUSES and not item.verdict.signer:
            said[item.verdict].append(item)
    for verdict, items in said.items():
        unique = list({item.digest: item for item in items}.values())
        for start in range(0, len(unique), MAX_SUBJECTS):
            yield _statement(verdict, unique[start : start + MAX_SUBJECTS])


def _statement(verdict: ValidatorVerdict, items: list[Judged]) -> str:
    return canonical_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [
                {"name": f"{item.root}/{item.format}", "digest": {"sha256": item.digest.removeprefix("sha256:")}}
                for item in items
            ],
            "predicateType": VERDICTS_TYPE,
            "predicate": {
                "status": verdict.status,
                "program": verdict.program,
                "version": verdict.version,
                "arguments": [list(one) for one in verdict.arguments],
                "output": verdict.detail,
            },
        }
    )


def signed_verdicts(envelopes: Iterable[str], keys: Mapping[str, str]) -> dict[str, ValidatorVerdict]:
    """Verdicts by content digest; of several on one content a failure counts.

    Args:
        envelopes: texts of envelopes.
        keys: who may sign: id of the signer by public key.

    Raises:
        SealError: for the first one that is not signed by one of the keys, or says no verdict.
    """
    found: dict[str, ValidatorVerdict] = {}
    known = {key_id(public): public for public in keys}
    for text in envelopes:
        payload, public = payload_of(read_envelope(text), known)
        for digest, verdict in _read(strict_json(payload), keys[public]):
            if digest not in found or verdict.status == "fail":
                found[digest] = verdict
    return found


def _read(data: Mapping[str, Any], signer: str) -> Iterator[tuple[str, ValidatorVerdict]]:
    if data.get("_type") != STATEMENT_TYPE or data.get("predicateType") != VERDICTS_TYPE:
        raise SealError(f"it is signed, but it is not a list of verdicts ('{VERDICTS_TYPE}')")
    said = data.get("predicate")
    if not isinstance(said, dict) or said.get("status") not in _STATUSES:
        raise SealError("its verdict is neither pass nor fail")
    verdict = ValidatorVerdict(
        status=said["status"],
        program=str(said.get("program", "")),
        version=str(said.get("version", "")),
        arguments=tuple(tuple(map(str, one)) for one in said.get("arguments", ())),
        detail=str(said.get("output", "")),
        signer=signer,
    )
    for subject in data.get("subject", ()):
        digest = subject.get("digest") if isinstance(subject, dict) else None
        if not isinstance(digest, dict) or set(digest) != {"sha256"} or not _DIGEST.fullmatch(str(digest["sha256"])):
            raise SealError("one of its subjects is not named by SHA-256")
        yield f"sha256:{digest['sha256']}", verdict
