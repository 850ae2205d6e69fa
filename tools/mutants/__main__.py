"""``make mutants``: change one thing of the code, and see whether a test notices. The exit code is 1 if none does.

Without arguments: the mutants of the files that were changed, and 300 others by a seed that is printed.
"""

import argparse
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.mutants import choosing
from tools.mutants.choosing import REPOSITORY, Row
from tools.mutants.mutant import Mutant
from tools.mutants.mutations import Place, places_of

_SEED = "ZONEWRIGHT_SEED"


@dataclass(slots=True)
class Tally:
    """What came out.

    Attributes:
        results: how many of each kind, by file.
        survivors: mutants that no test noticed, with how many tests called their function, and the tests of their row.
        left: mutants for which there was no time.
        faults: rows whose tests fail without a mutant.
    """

    results: dict[str, Counter[str]] = field(default_factory=dict)
    survivors: list[tuple[Mutant, int, Row]] = field(default_factory=list)
    left: int = 0
    faults: list[str] = field(default_factory=list)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--base", help="the commit that changed files differ from (default: where it left origin/main)")
    parser.add_argument("--seed", type=int, help="of the sample (default: another one each time)")
    parser.add_argument("--sample", type=int, help="how many by the seed (default: 300; with --file all)")
    parser.add_argument(
        "--minutes", type=float, default=20.0, help="when to begin no further mutant (default: 20; with --file no end)"
    )
    parser.add_argument("--all", action="store_true", help="all mutants of all files, without an end")
    parser.add_argument("--file", action="append", default=[], help="only all mutants of files whose path ends so")
    parser.add_argument("--key", action="append", default=[], help="only these mutants")
    parser.add_argument("--parallel", type=int, default=os.cpu_count() or 1, help="mutants at the same time")
    parser.add_argument("--report", type=Path, help="write each result as a line of JSON")
    return parser.parse_args()


def _chosen(options: argparse.Namespace, table: Sequence[Row], seed: int) -> list[Place]:
    """The mutants of this run; those of changed files come first."""
    files = choosing.names(table)
    if options.file:
        files = [file for file in files if file.endswith(tuple(options.file))]
        if not files:
            sys.exit(f"error: no file of {choosing.TABLE.relative_to(REPOSITORY)} ends with {', '.join(options.file)}")
    found = {file: places_of(file, (REPOSITORY / file).read_text(encoding="utf-8")) for file in files}
    chosen = random.Random(seed)  # noqa: S311 - nothing secret
    if options.all or options.file:
        every = [place for file in files for place in found[file]]
        return every if options.sample is None else chosen.sample(every, min(options.sample, len(every)))
    base, names = choosing.changed(options.base)
    mine = [place for file in files if file in names for place in found[file]]
    others = [place for file in files if file not in names for place in found[file]]
    sample = chosen.sample(others, min(300 if options.sample is None else options.sample, len(others)))
    print(f"mutants of files that differ from {base[:12]}: {len(mine):,}; others: {len(sample):,} of {len(others):,}")
    return mine + sample


class _Server:
    """The process with the tests of one row."""

    def __init__(self, row: Row, parallel: int, seed: int) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.mutants.server"],
            cwd=REPOSITORY,
            env=environment | {_SEED: str(seed)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process with the tests has no pipes")
        self._input, self._output = self._process.stdin, self._process.stdout
        files = [str(REPOSITORY / file) for file in row.files]
        self._send({"args": list(row.arguments), "files": files, "parallel": parallel})
        self.first = self._answer()

    def _send(self, line: dict[str, Any]) -> None:
        self._input.write(json.dumps(line) + "\n")
        self._input.flush()

    def _answer(self) -> dict[str, Any]:
        line = self._output.readline()
        return dict(json.loads(line)) if line else {"fault": "the process with the tests has ended"}

    def results(self, places: Iterator[Mutant], parallel: int) -> Iterator[tuple[Mutant, dict[str, Any]]]:
        """Each mutant with what came out; a few are always under way."""
        waiting: dict[str, Mutant] = {}
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
            while True:
                while len(waiting) < 2 * parallel and (mutant := next(places, None)) is not None:
                    if mutant.key in waiting:
                        continue
                    text = Path(folder) / mutant.key
                    text.write_text(mutant.text, encoding="utf-8")
                    waiting[mutant.key] = mutant
                    self._send({"key": mutant.key, "file": str(REPOSITORY / mutant.file), "text": str(text)})
                if not waiting:
                    return
                answer = self._answer()
                if "fault" in answer:
                    raise RuntimeError(answer["fault"])
                (Path(folder) / answer["key"]).unlink()
                yield waiting.pop(answer["key"]), answer

    def close(self) -> None:
        """No further mutant comes."""
        self._input.close()
        self._process.wait()


def _until(places: Sequence[Place], keys: Sequence[str], ends_s: float, tally: Tally) -> Iterator[Mutant]:
    """The mutants of these places, until the time is over."""
    known = choosing.equivalents()
    for at, place in enumerate(places):
        if time.monotonic() > ends_s:
            tally.left += len(places) - at
            return
        mutant = place.mutant()
        if keys and mutant.key not in keys:
            continue
        if not keys and any(one.names(mutant) for one in known):
            tally.results.setdefault(mutant.file, Counter())["equivalent"] += 1
            continue
        yield mutant


def _run(options: argparse.Namespace, table: Sequence[Row], places: Sequence[Place], seed: int) -> Tally:
    tally = Tally()
    ends_s = time.monotonic() + (float("inf") if options.all or options.file else options.minutes * 60)
    report = options.report.open("a", encoding="utf-8") if options.report else None
    order = list(dict.fromkeys(row for place in places if (row := choosing.row_of(place.file, table)) is not None))
    for row in order:
        mine = [place for place in places if place.file in row.files]
        if time.monotonic() > ends_s:
            tally.left += len(mine)
            continue
        began_s = time.monotonic()
        server = _Server(row, options.parallel, seed)
        if "fault" in server.first:
            tally.faults.append(f"{' '.join(row.tests)}: {server.first['fault']}")
            continue
        print(
            f"{' '.join(row.tests)}: {server.first['ready']} tests, once in {server.first['seconds']:.1f} s", flush=True
        )
        for mutant, answer in server.results(_until(mine, options.key, ends_s, tally), options.parallel):
            tally.results.setdefault(mutant.file, Counter())[answer["result"]] += 1
            if report is not None:
                line = {"file": mutant.file, "line": mutant.line, "scope": mutant.scope, "diff": mutant.diff, **answer}
                print(json.dumps(line), file=report, flush=True)
            if answer["result"] == "survived":
                tally.survivors.append((mutant, answer["tests"], row))
                print(_sentence(mutant, answer["tests"], row), flush=True)
        server.close()
        print(f"  {len(mine):,} mutants, {time.monotonic() - began_s:.0f} s", flush=True)
    return tally


def _sentence(mutant: Mutant, tests: int, row: Row) -> str:
    """A survivor, with all that is needed to look at it."""
    called = f"{tests} tests call it, none failed" if tests else "no test calls it"
    diff = "\n".join(f"    {line}" for line in mutant.diff.splitlines())
    return (
        f"survived: {mutant.file}:{mutant.line} in {mutant.scope or 'the module'}: {called}\n{diff}\n"
        f"  tests: {' '.join(row.tests)}\n"
        f"  again: make mutants ARGS='--file {mutant.file} --key {mutant.key}'"
    )


def main() -> int:
    """Run, and say what came out."""
    options = _options()
    seed = options.seed if options.seed is not None else int(os.environ.get(_SEED) or secrets.randbelow(2**31))
    table = choosing.rows()
    print(f"seed {seed}: repeat with make mutants ARGS='--seed {seed}'")
    tally = _run(options, table, _chosen(options, table, seed), seed)
    total: Counter[str] = Counter()
    for file, results in sorted(tally.results.items()):
        total += results
        print(f"{file}: {', '.join(f'{count:,} {word}' for word, count in sorted(results.items()))}")
    print(f"in all: {', '.join(f'{count:,} {word}' for word, count in sorted(total.items())) or 'no mutant'}")
    if tally.left:
        print(f"no time was left for {tally.left:,} mutants; give more with --minutes")
    for fault in tally.faults:
        print(f"error: {fault}", file=sys.stderr)
    if tally.survivors:
        print(
            f"{len(tally.survivors):,} survived, see above. Add a test that fails with the mutant. If nothing differs,"
        )
        print(f"name it in {choosing.EQUIVALENT.relative_to(REPOSITORY)} with the reason.")
    return 3 if tally.faults else int(bool(tally.survivors))


if __name__ == "__main__":
    sys.exit(main())
