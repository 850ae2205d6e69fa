"""Verdicts of validators in a bundle: on which bytes, by whom, and whether they open the formats that are gated."""

from collections.abc import Iterator, Mapping

from zonewright.audit.evidence.checks import Check, all_or_wrong, good, wrong
from zonewright.audit.evidence.contents import Contents
from zonewright.audit.evidence.layout import RENDERED
from zonewright.audit.verify.signatures import trusted_zone
from zonewright.changes.validated import Validated, validated_in
from zonewright.render.formats.format_set import FormatSet
from zonewright.render.validators.attested import signed_verdicts
from zonewright.render.validators.gate import gate
from zonewright.render.validators.validate import batches
from zonewright.render.validators.verdict import Judged, ValidatorVerdict, digest_of_files
from zonewright.rules.words import count_of
from zonewright.seal import SealError


def validator_checks(contents: Contents, keys: Mapping[str, tuple[str, ...]] | None) -> Iterator[Check]:
    """The bytes that verdicts speak of, their signatures, and the policy.

    Args:
        contents: the bundle.
        keys: public keys that the auditor knows, by signer; None takes those of the zone's file in the bundle.
    """
    zone, found = trusted_zone(contents, keys), validated_in(contents.texts)
    rendered = contents.index(RENDERED)
    yield all_or_wrong(
        "validators' files",
        _other_bytes(found, rendered, contents.formats[0]),
        f"{count_of(len(found.judged), 'verdict')}, each on exactly the rendered bytes",
    )
    try:
        signed = signed_verdicts(found.envelopes, zone.verdict_keys)
    except SealError as error:
        yield wrong("validators' signatures", f"{error}; only those of verdict_signers in zone.yaml count")
        signed = {}
    else:
        if found.judged:
            yield from _signatures(found, signed)
    gated = zone.gated_formats
    if not gated:
        yield good("gated formats", "the zone gates no format, so no verdict was needed")
        return
    # A verdict that is signed counts as what its envelope says, and as nothing where that is not there.
    counted = [
        item for item in found.judged if not item.verdict.signer or signed.get(item.digest) == item.verdict
    ]  # fmt: skip
    against = [f"{one.subject}: {one.message}" for one in gate(counted, gated, rendered, contents.formats[0])]
    yield all_or_wrong("gated formats", against, f"every file of {', '.join(sorted(gated))} has a pass")


def _other_bytes(found: Validated, rendered: Mapping[str, str], formats: FormatSet) -> Iterator[str]:
    """Verdicts that are not on all files of a format and subject, with the digest of their bytes."""
    known = {
        (format_.id, root): (digest_of_files(format_.id, files), tuple(f"{root}/{path}" for path in files))
        for format_, root, files in batches(rendered, formats)
    }
    seen: set[tuple[str, str]] = set()
    for item in found.judged:
        name = (item.format, item.root)
        if name in seen:
            yield f"there are two verdicts on {item.root}, {item.format}"
        elif known.get(name) != (item.digest, item.paths):
            yield f"the verdict on {item.root}, {item.format} covers other files than those of the change"
        seen.add(name)


def _signatures(found: Validated, signed: Mapping[str, ValidatorVerdict]) -> Iterator[Check]:
    """Verdicts from elsewhere are what their envelopes say; no other one stands against a signed failure."""
    faults = [sentence for item in found.judged for sentence in _unlike(item, signed.get(item.digest))]
    names = sorted({item.verdict.signer for item in found.judged} - {""})
    local = sum(not item.verdict.signer for item in found.judged)
    parts = [f"{len(found.judged) - local} signed by {' and '.join(names)}"] if names else []
    parts += [f"{local} from the author's own machine"] if local else []
    yield (
        wrong("validators' signatures", "; ".join(faults))
        if faults
        else good("validators' signatures", ", ".join(parts))
    )


def _unlike(item: Judged, signed: ValidatorVerdict | None) -> Iterator[str]:
    if item.verdict.signer and signed != item.verdict:
        yield f"the verdict on {item.root}, {item.format} differs from what {item.verdict.signer} has signed"
    elif signed is not None and signed.status == "fail" and item.verdict.status != "fail":
        yield f"{signed.signer} has signed a failure of {item.root}, {item.format}"
