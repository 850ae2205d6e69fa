"""Edits the engine's sources before a build, so that lists of passwords are read when they are asked for.

`pulumi config set` refuses a value that looks like a password: it asks the library zxcvbn how hard the value is to
guess. The engine has two copies of that library. Each decodes its 100,000 words as soon as the engine starts, which is
half of the processor time that a call of `pulumi` takes before it does anything. With the edits the words are decoded
at the first question. The answers are the same.

Must not change what the engine does, only when. An edit whose place is not found fails the build.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from zonewright.engine.errors import EngineError

MODULES = ("github.com/ccojocar/zxcvbn-go", "github.com/nbutton23/zxcvbn-go")
"""The Go modules that are edited; go.mod says in which version."""

_EDITS = {
    "frequency/frequency.go": (
        ('\t"log"\n', '\t"log"\n\t"sync"\n'),
        (
            "func init() {\n",
            "var once sync.Once\n\n// Load fills Lists, once.\nfunc Load() { once.Do(load) }\n\nfunc load() {\n",
        ),
    ),
    "matching/matching.go": (
        ('\t"sort"\n', '\t"sort"\n\t"sync"\n'),
        ("func init() {\n\tloadFrequencyList()\n}\n", "var once sync.Once\n"),
        (
            "\tif dictionaryMatchers == nil || adjacencyGraphs == nil {\n\t\tloadFrequencyList()\n\t}\n",
            "\tonce.Do(loadFrequencyList)\n",
        ),
        ("func loadFrequencyList() {\n", "func loadFrequencyList() {\n\tfrequency.Load()\n"),
    ),
}
"""By a file's path in its module: texts that stand there once, and what each becomes."""


def digest() -> bytes:
    """Give a digest of the edits: an engine that is built with others is another one in the cache."""
    return hashlib.sha256(json.dumps([MODULES, _EDITS]).encode()).digest()


def edited(module: Path, folder_of: Callable[[str], Path], target: Path) -> Path:
    """Write copies of the Go modules with the edits made, and a go.mod that puts them in place of the originals.

    Go refuses an overlay over its own folder of modules.

    Args:
        module: The folder of the pinned go.mod and go.sum.
        folder_of: Gives the folder of a Go module's source, which Go has compared with go.sum.
        target: An empty folder for the copies.

    Returns:
        The go.mod, for `go build -modfile`; its go.sum lies beside it.

    Raises:
        EngineError: When a file is not what the edits were written for.
    """
    replaced = []
    for number, name in enumerate(MODULES):
        source, copy = folder_of(name), target / f"module-{number}"
        # Without their modes: Go makes its folders read-only, and this copy is to be removed.
        for path in sorted(path for path in source.rglob("*") if path.suffix in {".go", ".mod"}):
            place = copy / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
        for file, edits in _EDITS.items():
            _edit(copy / file, edits)
        if not (copy / "go.mod").exists():  # the older of the two has none
            (copy / "go.mod").write_text(f"module {name}\n", encoding="utf-8")
        replaced.append(f"\nreplace {name} => {copy}\n")
    (target / "go.sum").write_bytes((module / "go.sum").read_bytes())
    go_mod = target / "go.mod"
    go_mod.write_text((module / "go.mod").read_text(encoding="utf-8") + "".join(replaced), encoding="utf-8")
    return go_mod


def _edit(file: Path, edits: tuple[tuple[str, str], ...]) -> None:
    """Make the edits in a file."""
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    for old, new in edits:
        if text.count(old) != 1:
            raise EngineError(
                f"the Go source {file.parent.name}/{file.name} of zxcvbn has {old!r} {text.count(old)} times, expected "
                f"once: the edits in {Path(__file__).name} do not fit the version in go.mod"
            )
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
