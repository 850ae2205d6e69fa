"""Which rendered files may be deployed: a format that is gated opens on a pass, and on nothing else."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from zonewright.render.errors import RenderError
from zonewright.render.formats.format_set import BUILT_IN, FormatSet
from zonewright.render.validators.verdict import Judged
from zonewright.rules.finding import Finding

RULE = "validated-files"
_SHOWN = 200


def gate(
    verdicts: Iterable[Judged], policy: Collection[str], files: Mapping[str, str], formats: FormatSet = BUILT_IN
) -> tuple[Finding, ...]:
    """Findings on files of gated formats without a pass; one that no verdict is on is a finding too.

    Args:
        verdicts: what validators said.
        policy: ids of the formats that are gated.
        files: text by path of everything that would be deployed.
        formats: the formats of the files.
    """
    judged = list(verdicts)
    passed = {path for item in judged if item.verdict.status == "pass" for path in item.paths}
    found = [_finding(item) for item in judged if item.format in policy and item.verdict.status != "pass"]
    told = {path for item in judged for path in item.paths}
    found += [
        _absent(format_id, path)
        for format_id, path in _gated(files, policy, formats)
        if path not in passed and path not in told
    ]
    unknown = sorted(set(policy) - {format_.id for format_ in formats.formats})
    found += [_unknown(format_id, formats) for format_id in unknown]
    return tuple(sorted(found, key=lambda finding: finding.subject))


def unrendered(error: RenderError) -> Finding:
    """The finding on files that cannot be rendered, so that nothing of the change can be deployed.

    Args:
        error: why.
    """
    return Finding(
        rule=RULE,
        level="mandatory",
        subject=error.template or error.subject or "templates",
        where="",
        message=str(error.sentences[0]),
        fix="correct the template, or the value in the declaration",
    )


def _gated(files: Mapping[str, str], policy: Collection[str], formats: FormatSet) -> Iterator[tuple[str, str]]:
    """Each file of a gated format, with the format's id."""
    for format_ in formats.formats:
        if format_.id in policy:
            for path in files:
                if format_.owns(path):
                    yield format_.id, path


def _finding(item: Judged) -> Finding:
    said = " ".join(item.verdict.detail.split())[:_SHOWN] or "it printed nothing"
    word = "failed" if item.verdict.status == "fail" else "was not run"
    return Finding(
        rule=RULE,
        level="mandatory",
        subject=f"{item.root}, {item.format}",
        where="",
        message=f"files of {item.format} need a pass, and the verdict on {item.root} {word}: {said}",
        fix="correct what it names"
        if word == "failed"
        else "install the program, or use a signed verdict from another machine with --verdicts",
    )


def _absent(format_id: str, path: str) -> Finding:
    return Finding(
        rule=RULE,
        level="mandatory",
        subject=f"{path}, {format_id}",
        where="",
        message=f"files of {format_id} need a pass, and there is no verdict on {path}",
        fix="run the validators, or use a signed verdict from another machine with --verdicts",
    )


def _unknown(format_id: str, formats: FormatSet) -> Finding:
    return Finding(
        rule=RULE,
        level="mandatory",
        subject=format_id,
        where="",
        message=f"the zone gates the format '{format_id}', which does not exist, so nothing can pass it",
        fix=f"correct gated_formats in zone.yaml; there are: {', '.join(one.id for one in formats.formats)}",
    )
