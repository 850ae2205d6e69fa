"""Verdicts that were given before, by what they depend on: the files, the program's version, and how it is asked."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from zonewright.model.canonical import canonical_json, digest_of
from zonewright.render.format import Check
from zonewright.render.verdict import Verdict

_LAYOUT = 1


@dataclass(frozen=True, slots=True)
class VerdictCache:
    """A folder of verdicts; whatever is wrong with it, the programs are asked."""

    folder: Path

    def get(self, content: str, check: Check, version: str) -> Verdict | None:
        """The verdict on content, or None.

        Args:
            content: digest of the files and their format.
            check: how the program is asked.
            version: the program's version; empty is a version that can not be told, which is never looked up.
        """
        if not version:
            return None
        try:
            data = json.loads(self._path(content, check, version).read_text(encoding="utf-8"))
            arguments = tuple(tuple(map(str, item)) for item in data.pop("arguments"))
            made = Verdict(arguments=arguments, **data)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        return made if made.status in {"pass", "fail"} and made.version == version else None

    def put(self, content: str, check: Check, verdict: Verdict) -> None:
        """Keep a verdict; what was not run is not kept."""
        if not verdict.version or verdict.status == "not-run":
            return
        path = self._path(content, check, verdict.version)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(asdict(verdict), file)
            Path(temporary).replace(path)
        except OSError:
            return

    def _path(self, content: str, check: Check, version: str) -> Path:
        key = {"layout": _LAYOUT, "content": content, "check": asdict(check), "version": version}
        name = digest_of(canonical_json(key)).removeprefix("sha256:")
        return self.folder / name[:2] / f"{name}.json"
