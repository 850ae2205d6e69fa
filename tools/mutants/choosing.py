"""Which files are mutated, by which tests, and which of their mutants are known to be equivalent."""

import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from tools.mutants.mutant import Mutant

REPOSITORY = Path(__file__).resolve().parents[2]
TABLE = REPOSITORY / "tests" / "mutants" / "table.yaml"
EQUIVALENT = REPOSITORY / "tests" / "mutants" / "equivalent.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Files, and the quick tests that must notice what is broken in them.

    Attributes:
        files: from the repository's root.
        tests: arguments of pytest.
        without: part of the names of tests that say nothing new on these files, such as the same over another road.
    """

    files: tuple[str, ...]
    tests: tuple[str, ...]
    without: str = ""

    @property
    def arguments(self) -> tuple[str, ...]:
        """What pytest is called with."""
        return (*self.tests, *(("-k", f"not {self.without}") if self.without else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalent:
    """A mutant that no test can kill.

    Attributes:
        file: the file, from the repository's root.
        scope: the function.
        before: the lines that it takes away.
        after: the lines that it puts in their place.
        why: why nothing is different then.
    """

    file: str
    scope: str
    before: str
    after: str
    why: str

    def names(self, mutant: Mutant) -> bool:
        """Whether it is this mutant."""
        mine = (self.file, self.scope, self.before.strip(), self.after.strip())
        return mine == (mutant.file, mutant.scope, mutant.before.strip(), mutant.after.strip())


def rows() -> tuple[Row, ...]:
    """The table. A file belongs to the first row that names it."""
    read = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    taken: set[str] = set()
    found = []
    for row in read["rows"]:
        named = [path for pattern in row["files"] for path in sorted((REPOSITORY / read["below"]).glob(pattern))]
        files = [str(path.relative_to(REPOSITORY)) for path in named if path.name != "__init__.py"]
        files = [file for file in files if file not in taken]
        taken.update(files)
        found.append(Row(files=tuple(files), tests=tuple(row["tests"]), without=row.get("without", "")))
    return tuple(found)


def equivalents() -> tuple[Equivalent, ...]:
    """The mutants that were judged."""
    read = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8"))
    return tuple(Equivalent(**one) for one in read["equivalent"] or ())


def changed(base: str | None) -> tuple[str, set[str]]:
    """The files that differ from a commit, committed or not, and the commit as it is shown to people.

    Args:
        base: the commit; None takes where the branch left ``origin/main``, or else the commit before the last.
    """
    if base is None:
        left = _git("merge-base", "HEAD", "origin/main")
        at_main = left and left == _git("rev-parse", "HEAD")
        base = left if left and not at_main else "HEAD~1"
    diff = _git("diff", "--name-only", base, "--")
    new = _git("ls-files", "--others", "--exclude-standard")
    return base, {line for text in (diff, new) for line in text.splitlines()}


def _git(*words: str) -> str:
    """The answer of git; empty where there is no such commit, as in a first or shallow clone."""
    done = subprocess.run(["git", *words], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def row_of(file: str, table: Iterable[Row]) -> Row | None:
    """The row of a file."""
    return next((row for row in table if file in row.files), None)


def names(table: Sequence[Row]) -> list[str]:
    """All files of the table."""
    return [file for row in table for file in row.files]
