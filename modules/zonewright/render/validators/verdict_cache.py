"""Verdicts that were given before, by what they depend on: the files, the program's version, and how it is asked."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from zonewright.model.canonical import canonical_json, digest_of
from zonewright.render.formats.format import ValidatorCommand
from zonewright.render.validators.verdict import ValidatorVerdict

_LAYOUT = 2
"""Rises when the same answer of a program becomes another verdict: 2 since a file without text is no pass."""


def verdict_folder(environment: Mapping[str, str]) -> Path:
    """Where verdicts are kept: below ``ZONEWRIGHT_CACHE``, else in the user's cache folder, never in a repository."""
    own, base = environment.get("ZONEWRIGHT_CACHE"), environment.get("XDG_CACHE_HOME")
    if own:
        return Path(own).expanduser().absolute() / "verdicts"
    home = Path(environment.get("HOME") or Path.home()) / ".cache"
    return (Path(base) if base and Path(base).is_absolute() else home) / "zonewright" / "verdicts"


@dataclass(frozen=True, slots=True)
class VerdictCache:
    """A folder of verdicts; whatever is wrong with it, the programs are asked."""

    folder: Path

    def get(self, content: str, check: ValidatorCommand, identity: str) -> ValidatorVerdict | None:
        """The verdict on content, or None.

        Args:
            content: digest of the files and their format.
            check: how the program is asked.
            identity: which program it is; empty is one that cannot be told, whose verdicts are never looked up.
        """
        if not identity:
            return None
        try:
            data = json.loads(self._path(content, check, identity).read_text(encoding="utf-8"))
            arguments = tuple(tuple(map(str, item)) for item in data.pop("arguments"))
            made = ValidatorVerdict(arguments=arguments, **data)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        return made if made.status in {"pass", "fail"} else None

    def put(self, content: str, check: ValidatorCommand, identity: str, verdict: ValidatorVerdict) -> None:
        """Keep a verdict; what was not run is not kept."""
        if not identity or verdict.status == "not-run":
            return
        path = self._path(content, check, identity)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(asdict(verdict), file)
            Path(temporary).replace(path)
        except OSError:
            return

    def _path(self, content: str, check: ValidatorCommand, identity: str) -> Path:
        key = {"layout": _LAYOUT, "content": content, "check": asdict(check), "program": identity}
        name = digest_of(canonical_json(key)).removeprefix("sha256:")
        return self.folder / name[:2] / f"{name}.json"
