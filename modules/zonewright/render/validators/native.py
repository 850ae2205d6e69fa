"""The native program of a format on files in a root folder of its own: bounded, without input, and never trusted."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from zonewright.render.formats.format import ValidatorCommand
from zonewright.render.validators.verdict import ValidatorVerdict, VerdictStatus

LIMIT_S = 30.0
_OUTPUT_BYTES = 64 * 1024
_PYTHON = "python3"
_NAMESPACE = ("unshare", "--user", "--map-root-user", "--net")


@dataclass(frozen=True, slots=True)
class _Call:
    """What came of one call: its exit code and output, or why there is none."""

    code: int = 0
    output: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class NativeValidator:
    """The program that a format names, on a root folder of its own."""

    check: ValidatorCommand

    def is_installed(self) -> bool:
        """Whether the program is there; without it every verdict is not-run."""
        return self._program() is not None

    def version(self) -> str:
        """Version of the program's package; empty where that can not be told."""
        return _version(self.check.package)

    def identity(self) -> str:
        """What makes the program the same one: its version and file; empty where one of them can not be told."""
        version, program = self.version(), self._program()
        if not version or program is None:
            return ""
        held = Path(program).stat()
        return f"{version} {program} {held.st_size} {held.st_mtime_ns}"

    def validate(self, files: Mapping[str, str]) -> ValidatorVerdict:
        """Write the files to a temporary root and let the program read them; it is given no input and 30 seconds."""
        check, program = self.check, self._program()
        if program is None:
            detail = f"{check.program} is not installed (package {check.package})"
            return ValidatorVerdict(status="not-run", program=check.program, detail=detail)
        status: VerdictStatus = "pass"
        outputs: list[str] = []
        with tempfile.TemporaryDirectory(prefix=f"zonewright-{check.program}-") as folder:
            _write(Path(folder), {**dict(check.parts), **files})
            for arguments in check.commands:
                done = _run([*self._before(), program, *(item.replace("{root}", folder) for item in arguments)])
                word, output = judged(check, done.code, done.output.replace(folder, "").strip())
                if done.failure:
                    word, output = "not-run", f"{check.program} {done.failure}"
                if word == "not-run":
                    status, outputs = word, [output]
                    break
                outputs.append(output)
                status = "fail" if word == "fail" else status
        return ValidatorVerdict(
            status=status,
            program=program if program != sys.executable else check.package,
            version=self.version(),
            arguments=check.commands,
            detail="\n".join(text for text in outputs if text),
        )

    def _program(self) -> str | None:
        return sys.executable if self.check.program == _PYTHON else shutil.which(self.check.program)

    def _before(self) -> tuple[str, ...]:
        return _NAMESPACE if self.check.in_namespace else ()


def judged(check: ValidatorCommand, code: int, output: str) -> tuple[VerdictStatus, str]:
    """What one call of a format's program says of the files, and in which words.

    Args:
        check: of the format.
        code: exit code of the call.
        output: what it printed, without the folder that the files were in.
    """
    if check.absent and re.search(check.absent, output):
        return "not-run", f"{check.program} can not be run: {output}"
    kept = _of_files(output, check)
    is_only_of_machine = output and not kept
    is_bad = (code and not is_only_of_machine) or (check.complaint and re.search(check.complaint, output))
    return ("fail" if is_bad else "pass"), kept


def _of_files(output: str, check: ValidatorCommand) -> str:
    """The output without what it says of the machine that it runs on."""
    if not check.machine:
        return output
    return "\n".join(line for line in output.splitlines() if re.fullmatch(check.machine, line) is None)


def _run(call: list[str]) -> _Call:
    """Run a program in a process group of its own, which ends with it."""
    name = Path(call[0]).name
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(  # noqa: S603 - the validator found on PATH, arguments of the format
                call, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        except OSError as error:
            return _Call(failure=f"can not be run: {name}: {error.strerror}")
        try:
            code = process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            return _Call(failure=f"ran longer than {LIMIT_S:g} s")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        text = output.read(_OUTPUT_BYTES).decode(errors="replace")
    if code < 0:  # killed by a signal: it said nothing of the file
        return _Call(failure=f"was ended by signal {-code}")
    if code and text.startswith("unshare: "):
        return _Call(failure=f"needs a network namespace, and there is none for this user: {text.strip()}")
    return _Call(code=code, output=text)


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
