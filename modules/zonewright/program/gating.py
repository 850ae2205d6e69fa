"""Verdicts on what a stack renders, and whether its zone lets it be deployed."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from zonewright.model import Zone
from zonewright.render.attested import signed_verdicts
from zonewright.render.format_set import FormatSet
from zonewright.render.gate import gate
from zonewright.render.validate import validate_all
from zonewright.render.verdict import Judged, Verdict
from zonewright.render.verdict_cache import VerdictCache, verdict_folder
from zonewright.rules.finding import Finding
from zonewright.seal.errors import SealError

VERDICTS = ".zonewright/verdicts"
"""Where signed verdicts from elsewhere are put, below the folder of Pulumi.yaml."""


def read_signed(paths: Iterable[Path], zone: Zone) -> dict[str, Verdict]:
    """Verdicts of files that somebody signed whose verdicts count in the zone, by content digest.

    Raises:
        SealError: names the first file that does not count, and why.
    """
    found: dict[str, Verdict] = {}
    for path in sorted(paths):
        try:
            text = path.read_text(encoding="utf-8")
            read = signed_verdicts([text], zone.verdict_keys)
        except (OSError, UnicodeDecodeError) as error:
            raise SealError(f"{path.name}: it can not be read: {error}") from None
        except SealError as error:
            raise SealError(f"{path.name}: {error}; only those of verdict_signers in zone.yaml count") from None
        found |= {key: one for key, one in read.items() if key not in found or one.status == "fail"}
    return found


def judge_gated(files: Mapping[str, str], formats: FormatSet, zone: Zone, root: Path) -> tuple[Finding, ...]:
    """What stands against deploying files, by the zone's policy; nothing is run where nothing is gated.

    Args:
        files: text by path of everything that would be deployed.
        formats: the zone's formats.
        zone: the zone, with its policy and whose verdicts count.
        root: folder of Pulumi.yaml.

    Raises:
        SealError: when a file of verdicts does not count.
    """
    gated = zone.gated_formats
    if not gated:
        return ()
    signed = read_signed((root / VERDICTS).glob("*.json"), zone)
    judged = judge(files, FormatSet(tuple(one for one in formats.formats if one.id in gated), formats.sources), signed)
    return gate(judged, gated, files, formats)


def judge(files: Mapping[str, str], formats: FormatSet, signed: Mapping[str, Verdict]) -> tuple[Judged, ...]:
    """Verdicts on files: signed ones, those given before, and the rest by the programs."""
    cache = VerdictCache(verdict_folder(os.environ))
    return validate_all(files, formats=formats, cache=cache, signed=signed)
