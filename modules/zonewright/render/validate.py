"""Native validators behind a seam: the verdict of the program that will read the files, on the rendered bytes."""

import os
import re
import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, Protocol

from zonewright.render.format import ROOTS, Check, Format
from zonewright.render.formats import FORMATS

LIMIT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a validator said.

    Attributes:
        status: ``pass``, ``fail``, or ``not-run``, which is never taken for a pass.
        program: the validator.
        version: its version as its package has it, or empty where that can not be told.
        arguments: of each call, with ``{root}`` for the temporary folder.
        detail: what it printed, or why it was not run.
    """

    status: Literal["pass", "fail", "not-run"]
    program: str
    version: str = ""
    arguments: tuple[tuple[str, ...], ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict with what it is on.

    Attributes:
        format: id of the format.
        root: folder of the subject among the rendered files, such as ``sites/qp-dc1``.
        paths: its files of this format.
        verdict: the verdict.
    """

    format: str
    root: str
    paths: tuple[str, ...]
    verdict: Verdict


class Validator(Protocol):
    """Judges the files of one subject and format."""

    def validate(self, files: Mapping[str, str]) -> Verdict:
        """The verdict on files by path below the subject's root, such as ``etc/netplan/50-zonewright.yaml``."""
        ...


@dataclass(frozen=True, slots=True)
class NativeValidator:
    """The program that a format names, on a root folder of its own."""

    check: Check

    def is_installed(self) -> bool:
        """Whether the program is there; without it every verdict is not-run."""
        return shutil.which(self.check.program) is not None

    def validate(self, files: Mapping[str, str]) -> Verdict:
        """Write the files to a temporary root and let the program read them; it is given no input and 30 seconds."""
        check = self.check
        program = shutil.which(check.program)
        if program is None:
            detail = f"{check.program} is not installed (package {check.package})"
            return Verdict(status="not-run", program=check.program, detail=detail)
        version, outputs = _version(check.package), []
        with tempfile.TemporaryDirectory(prefix=f"zonewright-{check.program}-") as folder:
            _write(Path(folder), files)
            status: Literal["pass", "fail", "not-run"] = "pass"
            for arguments in check.commands:
                call = [program, *(item.replace("{root}", folder) for item in arguments)]
                try:
                    result = subprocess.run(  # noqa: S603 - the validator found on PATH, arguments of our own
                        call,
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT,
                        text=True,
                        errors="replace",
                        timeout=LIMIT_S,
                        check=False,
                    )
                except (OSError, subprocess.TimeoutExpired) as error:
                    what = f"ran longer than {LIMIT_S:g} s" if isinstance(error, subprocess.TimeoutExpired) else error
                    outputs, status = [f"{check.program} {what}"], "not-run"
                    break
                outputs.append(result.stdout.replace(folder, "").strip())
                if result.returncode < 0:  # killed by a signal: it said nothing of the file
                    outputs, status = [f"{check.program} was ended by signal {-result.returncode}"], "not-run"
                    break
                if result.returncode or (check.complaint and re.search(check.complaint, result.stdout)):
                    status = "fail"
        return Verdict(
            status=status,
            program=program,
            version=version,
            arguments=check.commands,
            detail="\n".join(text for text in outputs if text),
        )


def _write(root: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(mode=0o600)  # netplan warns of files that others can read
        target.write_text(text, encoding="utf-8", newline="\n")


@cache
def _version(package: str) -> str:
    """Version of the Debian package; empty where there is no dpkg. Not all validators can tell their own."""
    dpkg = shutil.which("dpkg-query")
    if dpkg is None:
        return ""
    command = [dpkg, "--show", "--showformat=${Version}", package]
    result = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)  # noqa: S603
    return result.stdout.strip() if result.returncode == 0 else ""


def validate_all(
    files: Mapping[str, str], *, changed: Collection[str] | None = None, most: int | None = None
) -> tuple[Judged, ...]:
    """Verdicts on rendered files, each subject and format by itself, in order of path.

    Args:
        files: text by path, as rendered; all files of a subject and format must be there.
        changed: only subjects and formats of which one of these paths is a file; None for all.
        most: how many subjects are run; what is beyond says so and is not run. None runs all.
    """
    batches = [
        (format_, root, of_root)
        for format_, root, of_root in _batches(files)
        if format_.check is not None and (changed is None or any(f"{root}/{path}" in changed for path in of_root))
    ]

    def judge(index: int) -> Judged:
        format_, root, of_root = batches[index]
        if format_.check is None:
            raise TypeError(format_.id)
        if most is not None and index >= most:
            detail = f"only the first {most} of {len(batches)} were run"
            verdict = Verdict(status="not-run", program=format_.check.program, detail=detail)
        else:
            verdict = NativeValidator(format_.check).validate(of_root)
        paths = tuple(f"{root}/{path}" for path in of_root)
        return Judged(format=format_.id, root=root, paths=paths, verdict=verdict)

    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        return tuple(pool.map(judge, range(len(batches))))


def _batches(files: Mapping[str, str]) -> Iterator[tuple[Format, str, dict[str, str]]]:
    """The files of each format and subject, by path below the subject's root."""
    for format_ in FORMATS:
        found: dict[str, dict[str, str]] = defaultdict(dict)
        depth = ROOTS[format_.subject].count("/") + 1
        first = ROOTS[format_.subject].partition("/")[0]
        own = {file.path for file in format_.files}
        for path in sorted(files):
            parts = path.split("/")
            root, below = "/".join(parts[:depth]), "/".join(parts[depth:])
            if parts[0] == first and below in own:
                found[root][below] = files[path]
        for root, of_root in found.items():
            yield format_, root, of_root
