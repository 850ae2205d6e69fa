"""Native validators behind a seam: the verdict of the program that will read the file, on the rendered bytes."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

LIMIT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a validator said.

    Attributes:
        status: ``pass``, ``fail``, or ``not-run``, which is never taken for a pass.
        program: the validator.
        detail: what it printed, or why it was not run.
    """

    status: Literal["pass", "fail", "not-run"]
    program: str
    detail: str = ""


class Validator(Protocol):
    """Judges the files of one node."""

    def validate(self, files: Mapping[str, str]) -> Verdict:
        """The verdict on files by path below the node's root, such as ``etc/netplan/50-zonewright.yaml``."""
        ...


class NetplanValidator:
    """``netplan generate`` on a root folder of its own."""

    def validate(self, files: Mapping[str, str]) -> Verdict:
        """Write the files to a temporary root and let netplan read them."""
        program = shutil.which("netplan")
        if program is None:
            return Verdict(status="not-run", program="netplan", detail="netplan is not installed (package netplan.io)")
        with tempfile.TemporaryDirectory(prefix="zonewright-netplan-") as folder:
            root = Path(folder)
            for path, text in files.items():
                target = root / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.touch(mode=0o600)  # netplan warns of files that others can read
                target.write_text(text, encoding="utf-8", newline="\n")
            try:
                result = subprocess.run(  # noqa: S603 - the validator found on PATH, arguments of our own
                    [program, "generate", "--root-dir", folder],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    timeout=LIMIT_S,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                return Verdict(status="not-run", program=program, detail=f"{type(error).__name__}: {error}")
        detail = result.stdout.replace(folder, "").strip()
        return Verdict(status="pass" if result.returncode == 0 else "fail", program=program, detail=detail)
