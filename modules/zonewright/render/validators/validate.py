"""Verdicts on rendered files: from who has signed some elsewhere, from the cache, or from the programs themselves."""

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from zonewright.render.formats.format import ROOTS, Format
from zonewright.render.formats.format_set import BUILT_IN, FormatSet
from zonewright.render.validators.native import NativeValidator
from zonewright.render.validators.verdict import Judged, ValidatorVerdict, content_digest
from zonewright.render.validators.verdict_cache import VerdictCache

_MAX_THREADS = 8


def validate_all(
    files: Mapping[str, str],
    *,
    changed: Collection[str] | None = None,
    most: int | None = None,
    formats: FormatSet = BUILT_IN,
    cache: VerdictCache | None = None,
    signed: Mapping[str, ValidatorVerdict] | None = None,
) -> tuple[Judged, ...]:
    """Verdicts on rendered files, each subject and format by itself, in order of formats and paths.

    Args:
        files: text by path, as rendered; all files of a subject and format must be there.
        changed: only subjects and formats of which one of these paths is a file; None for all.
        most: how many are run; what is beyond says so and is not run. None runs all.
        formats: the formats of the files.
        cache: verdicts that were given before.
        signed: verdicts from elsewhere by content digest; a failure goes before what is run here, a pass stands in
            where the program cannot be run.
    """
    found = [
        batch
        for batch in batches(files, formats)
        if changed is None or any(f"{batch[1]}/{path}" in changed for path in batch[2])
    ]

    chosen = _chosen(found, len(found) if most is None else most)

    def judge(index: int) -> Judged:
        format_, root, of_root = found[index]
        digest = content_digest(format_.id, of_root)
        elsewhere = (signed or {}).get(digest)
        if elsewhere is not None and elsewhere.status == "fail":
            verdict = elsewhere
        elif index not in chosen:
            detail = f"only the first {most} of {len(found)} were run"
            verdict = elsewhere or ValidatorVerdict(status="not-run", program=_program(format_), detail=detail)
        else:
            verdict = _verdict(format_, of_root, digest, cache)
            if verdict.status == "not-run" and elsewhere is not None:
                verdict = elsewhere
        paths = tuple(f"{root}/{path}" for path in of_root)
        return Judged(format=format_.id, root=root, paths=paths, digest=digest, verdict=verdict)

    with ThreadPoolExecutor(max_workers=min(_MAX_THREADS, os.cpu_count() or 1)) as pool:
        return tuple(pool.map(judge, range(len(found))))


def _chosen(batches: Sequence[tuple[Format, str, Mapping[str, str]]], most: int) -> frozenset[int]:
    """Indexes of those that are run: the first of each format before the second of any."""
    rank: dict[str, int] = defaultdict(int)
    order = []
    for index, (format_, _, _) in enumerate(batches):
        order.append((rank[format_.id], index))
        rank[format_.id] += 1
    return frozenset(index for _, index in sorted(order)[:most])


def _verdict(format_: Format, files: Mapping[str, str], digest: str, cache: VerdictCache | None) -> ValidatorVerdict:
    if format_.check is None:
        raise TypeError(format_.id)
    validator = NativeValidator(format_.check)
    identity = validator.identity() if cache is not None else ""
    known = cache.get(digest, format_.check, identity) if cache is not None else None
    if known is not None:
        return known
    made = validator.validate(files)
    if cache is not None:
        cache.put(digest, format_.check, identity, made)
    return made


def _program(format_: Format) -> str:
    return format_.check.program if format_.check is not None else ""


def batches(files: Mapping[str, str], formats: FormatSet) -> Iterator[tuple[Format, str, dict[str, str]]]:
    """The files of each format and subject, by path below the subject's root.

    Args:
        files: text, or what stands for it, by path.
        formats: the formats of the files.
    """
    by_root: dict[str, list[str]] = defaultdict(list)
    depths = {root.partition("/")[0]: root.count("/") + 1 for root in ROOTS.values()}
    for path in sorted(files):
        by_root["/".join(path.split("/")[: depths.get(path.partition("/")[0], 1)])].append(path)
    for format_ in formats.formats:
        if format_.check is None:
            continue
        patterns = [file.pattern() for file in format_.files]
        first = ROOTS[format_.subject].partition("/")[0]
        for root, paths in by_root.items():
            if root.partition("/")[0] != first:
                continue
            below = {path: path[len(root) + 1 :] for path in paths}
            own = {
                text: files[path]
                for path, text in below.items()
                if any(pattern.fullmatch(text) for pattern in patterns)
            }
            if own:
                yield format_, root, own
