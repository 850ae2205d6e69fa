"""Verdicts on what a stack renders, and whether its zone lets it be deployed."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from zonewright.changes.validated import Validated
from zonewright.errors import reason_of
from zonewright.ledger.protocol.change import passed_text
from zonewright.model import Zone
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.render.formats.format_set import FormatSet
from zonewright.render.validators.attested import signed_verdicts
from zonewright.render.validators.gate import gate
from zonewright.render.validators.validate import validate_all
from zonewright.render.validators.verdict import Judged, ValidatorVerdict
from zonewright.render.validators.verdict_cache import VerdictCache, verdict_folder
from zonewright.rules.finding import Finding
from zonewright.seal.errors import SealError

VERDICTS = ".zonewright/verdicts"
"""Where signed verdicts from elsewhere are put, below the folder of Pulumi.yaml."""


def read_signed(paths: Iterable[Path], zone: Zone) -> dict[str, ValidatorVerdict]:
    """Verdicts of files that somebody signed whose verdicts count in the zone, by content digest.

    Raises:
        SealError: names the first file that does not count, and why.
    """
    found: dict[str, ValidatorVerdict] = {}
    for path in sorted(paths):
        try:
            text = path.read_text(encoding="utf-8")
            read = signed_verdicts([text], zone.verdict_keys)
        except (OSError, UnicodeDecodeError) as error:
            raise SealError(f"{path.name}: it cannot be read: {reason_of(error)}") from None
        except SealError as error:
            raise SealError(f"{path.name}: {error}; only those of verdict_signers in zone.yaml count") from None
        found |= {key: one for key, one in read.items() if key not in found or one.status == "fail"}
    return found


def recorded(files: Mapping[str, str], formats: FormatSet, zone: Zone, root: Path) -> Validated:
    """What a bundle says of a change's files: the verdicts on gated formats, and all others that somebody has signed.

    Nothing is run for formats that are not gated: what a plan costs is not to grow with the estate.

    Args:
        files: text by path of everything that would be deployed.
        formats: the zone's formats.
        zone: the zone, with its policy and whose verdicts count.
        root: folder of Pulumi.yaml.

    Raises:
        SealError: when a file of verdicts does not count.
    """
    gated, paths = zone.gated_formats, sorted((root / VERDICTS).glob("*.json"))
    signed = read_signed(paths, zone)
    parts = [FormatSet(tuple(one for one in formats.formats if (one.id in gated) is word)) for word in (True, False)]
    judged = judge(files, parts[0], signed) if gated else ()
    if signed:
        others = validate_all(files, formats=parts[1], signed=signed, most=0)
        judged += tuple(item for item in others if item.verdict.signer)
    used = {item.digest for item in judged if item.digest in signed}
    texts = [path.read_text(encoding="utf-8") for path in paths]
    kept = tuple(text for text in texts if used & signed_verdicts([text], zone.verdict_keys).keys())
    return Validated(judged=judged, envelopes=kept)


def judge_gated(files: Mapping[str, str], formats: FormatSet, zone: Zone, root: Path | None) -> tuple[Finding, ...]:
    """What stands against deploying files, by the zone's policy; nothing is run where nothing is gated.

    Args:
        files: text by path of everything that would be deployed.
        formats: the zone's formats.
        zone: the zone, with its policy and whose verdicts count.
        root: folder of Pulumi.yaml; None where there is none, so that no signed verdicts are at hand.

    Raises:
        SealError: when a file of verdicts does not count.
    """
    gated = zone.gated_formats
    if not gated:
        return ()
    signed = read_signed((root / VERDICTS).glob("*.json"), zone) if root is not None else {}
    judged = judge(files, FormatSet(tuple(one for one in formats.formats if one.id in gated), formats.sources), signed)
    return gate(judged, gated, files, formats)


def passed_of(files: Mapping[str, str], zone: Zone) -> str:
    """What tells the ledger that all files of gated formats passed; empty where the zone gates none.

    Args:
        files: text by path of everything that would be deployed, none of it with a finding.
        zone: the zone, with its policy.
    """
    if not zone.gated_formats:
        return ""
    manifest = canonical_json({path: digest_of(text) for path, text in files.items()})
    return passed_text(digest_of(manifest), zone.gated_formats)


def judge(files: Mapping[str, str], formats: FormatSet, signed: Mapping[str, ValidatorVerdict]) -> tuple[Judged, ...]:
    """Verdicts on files: signed ones, those given before, and the rest by the programs."""
    cache = VerdictCache(verdict_folder(os.environ))
    return validate_all(files, formats=formats, cache=cache, signed=signed)
