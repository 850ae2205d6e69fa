"""Verdicts on rendered files: from who has signed some elsewhere, from the cache, or from the programs themselves."""

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from zonewright.render.formats.format import ROOTS, Format, ValidatorCommand
from zonewright.render.formats.format_set import BUILT_IN, FormatSet
from zonewright.render.validators.many import MOST
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
    digests = [content_digest(format_.id, of_root) for format_, _, of_root in found]
    failed = {index for index, digest in enumerate(digests) if _is_failure((signed or {}).get(digest))}
    verdicts = _verdicts(found, digests, chosen - failed, cache)

    def judged(index: int) -> Judged:
        format_, root, of_root = found[index]
        elsewhere = (signed or {}).get(digests[index])
        verdict = verdicts.get(index)
        if verdict is None and elsewhere is None:
            detail = f"only the first {most} of {len(found)} were run"
            verdict = ValidatorVerdict(status="not-run", program=_program(format_), detail=detail)
        if elsewhere is not None and (verdict is None or verdict.status == "not-run"):
            verdict = elsewhere
        if verdict is None:
            raise TypeError(root)
        paths = tuple(f"{root}/{path}" for path in of_root)
        return Judged(format=format_.id, root=root, paths=paths, digest=digests[index], verdict=verdict)

    return tuple(judged(index) for index in range(len(found)))


def _is_failure(verdict: ValidatorVerdict | None) -> bool:
    return verdict is not None and verdict.status == "fail"


def _chosen(batches: Sequence[tuple[Format, str, Mapping[str, str]]], most: int) -> frozenset[int]:
    """Indexes of those that are run: the first of each format before the second of any."""
    rank: dict[str, int] = defaultdict(int)
    order = []
    for index, (format_, _, _) in enumerate(batches):
        order.append((rank[format_.id], index))
        rank[format_.id] += 1
    return frozenset(index for _, index in sorted(order)[:most])


def _verdicts(
    found: Sequence[tuple[Format, str, Mapping[str, str]]],
    digests: Sequence[str],
    indexes: Collection[int],
    cache: VerdictCache | None,
) -> Mapping[int, ValidatorVerdict]:
    """Verdicts by index: those given before, and the rest by the programs, many subjects of a format at once."""
    verdicts: dict[int, ValidatorVerdict] = {}
    open_: dict[str, list[int]] = defaultdict(list)
    identities: dict[str, str] = {}
    for index in sorted(indexes):
        format_ = found[index][0]
        check = _check(format_)
        if cache is not None and format_.id not in identities:
            identities[format_.id] = NativeValidator(check).identity()
        known = cache.get(digests[index], check, identities[format_.id]) if cache is not None else None
        if known is not None:
            verdicts[index] = known
        else:
            open_[format_.id].append(index)
    threads = min(_MAX_THREADS, os.cpu_count() or 1)
    parts = [part for of_format in open_.values() for part in _parts(of_format, threads)]

    def run(part: Sequence[int]) -> tuple[ValidatorVerdict, ...]:
        return NativeValidator(_check(found[part[0]][0])).validate_many([found[index][2] for index in part])

    with ThreadPoolExecutor(max_workers=threads) as pool:
        for part, made in zip(parts, pool.map(run, parts), strict=True):
            for index, verdict in zip(part, made, strict=True):
                verdicts[index] = verdict
                if cache is not None:
                    format_ = found[index][0]
                    cache.put(digests[index], _check(format_), identities[format_.id], verdict)
    return verdicts


def _parts(indexes: Sequence[int], threads: int) -> list[Sequence[int]]:
    """Indexes in parts of one place each, so that all threads have some."""
    size = min(MOST, -(-len(indexes) // threads))
    return [indexes[start : start + size] for start in range(0, len(indexes), size)]


def _check(format_: Format) -> ValidatorCommand:
    if format_.check is None:
        raise TypeError(format_.id)
    return format_.check


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
        for root, paths in by_root.items():
            if root.partition("/")[0] not in format_.folders:
                continue
            below = {path: path[len(root) + 1 :] for path in paths}
            own = {
                text: files[path]
                for path, text in below.items()
                if any(pattern.fullmatch(text) for pattern in patterns)
            }
            if own:
                yield format_, root, own
