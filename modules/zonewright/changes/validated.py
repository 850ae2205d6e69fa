"""What validators said of a change, as a bundle keeps it: verdicts, and the envelopes of those from elsewhere."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter

from zonewright.changes.errors import BundleError
from zonewright.model.canonical import canonical_json
from zonewright.render.validators.verdict import Judged

VALIDATORS = "validators.json"
ENVELOPES = "validators"
"""Folder of the signed lists of verdicts that the recorded ones come from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """What validators said.

    Attributes:
        judged: the verdicts.
        envelopes: texts of the signed lists that some of them come from.
    """

    judged: tuple[Judged, ...] = ()
    envelopes: tuple[str, ...] = ()

    def texts(self) -> dict[str, str]:
        """The files of a plan, by path."""
        files = {VALIDATORS: canonical_json({"format": 1, "verdicts": [verdict_data(item) for item in self.judged]})}
        texts = sorted({text.strip() for text in self.envelopes})
        return files | {f"{ENVELOPES}/{number:03}.dsse.json": text for number, text in enumerate(texts, 1)}


def verdict_data(item: Judged) -> dict[str, object]:
    """One verdict as plain data."""
    verdict = item.verdict
    return {
        "format": item.format,
        "root": item.root,
        "paths": list(item.paths),
        "status": verdict.status,
        "program": verdict.program,
        "version": verdict.version,
        "arguments": [list(arguments) for arguments in verdict.arguments],
        "output": verdict.detail,
        "digest": item.digest,
        "signer": verdict.signer,
    }


def validated_in(texts: Mapping[str, str]) -> Validated:
    """The verdicts of a bundle.

    Args:
        texts: text by path of all its files.

    Raises:
        BundleError: when its list of verdicts cannot be read.
    """
    if VALIDATORS not in texts:
        raise BundleError(f"{VALIDATORS} is missing")
    data = json.loads(texts[VALIDATORS])
    if not isinstance(data, dict) or data.keys() != {"format", "verdicts"} or data["format"] != 1:
        raise BundleError(f"{VALIDATORS} does not have format 1")
    judged = tuple(_judged(one) for one in data["verdicts"])
    envelopes = tuple(texts[path] for path in sorted(texts) if path.startswith(f"{ENVELOPES}/"))
    found = Validated(judged=judged, envelopes=envelopes)
    if found.texts()[VALIDATORS] != texts[VALIDATORS]:
        raise BundleError(f"{VALIDATORS} is not in its canonical form")
    return found


_JUDGED = TypeAdapter(Judged)


def _judged(data: Mapping[str, object]) -> Judged:
    said = {name: data[name] for name in ("status", "program", "version", "arguments", "signer")}
    named = {name: data[name] for name in ("format", "root", "paths", "digest")}
    found: Judged = _JUDGED.validate_python({**named, "verdict": {**said, "detail": data["output"]}})
    return found
