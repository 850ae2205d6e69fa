"""The native program of a format on files in a root folder of its own: confined, without input, and never trusted."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from zonewright.render.formats.format import ValidatorCommand
from zonewright.render.validators import confinement
from zonewright.render.validators.known import VARIABLE, may_judge
from zonewright.render.validators.many import MOST, Many
from zonewright.render.validators.verdict import ValidatorVerdict, VerdictStatus

LIMIT_S = 30.0
_SOON_S = 5.0
_OUTPUT_BYTES = 64 * 1024
_LINE_CHARACTERS = 1000
_PYTHON = "python3"


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
        """Version of the program's package; empty where that cannot be told."""
        return _version(self.check.package)

    def identity(self) -> str:
        """What makes the program the same one: its version and file; empty where one of them cannot be told."""
        version, program = self.version(), self._program()
        if not version or program is None:
            return ""
        held = Path(program).stat()
        return f"{version} {program} {held.st_size} {held.st_mtime_ns}"

    def validate(self, files: Mapping[str, str]) -> ValidatorVerdict:
        """Write the files to a temporary root and let the program read them; it is given no input and 30 seconds."""
        program, why = self._usable()
        if why:
            return self._not_run(program, why)
        check, commands = self.check, self._commands(program)
        status: VerdictStatus = "pass"
        outputs: list[str] = []
        visible = self._visible(program)
        with confinement.folder(f"zonewright-{check.program}-") as folder:
            account = confinement.account([folder.parent, *visible])
            confinement.write(folder / "files", check.judged(files), account)
            for arguments in commands:
                call = [program, *(item.replace("{root}", confinement.FILES) for item in arguments)]
                done = _run(self._confined(call, folder, visible), account)
                word, output = judged(check, done.code, done.output.replace(confinement.FILES, "").strip())
                if done.failure:
                    word, output = "not-run", f"{check.program} {done.failure}"
                if word == "not-run":
                    status, outputs = word, [output]
                    break
                outputs.append(output)
                status = "fail" if word == "fail" else status
        return self._said(program, status if status != "pass" else _blank(files), [*outputs, *_blanks(files)])

    def validate_many(self, each: Sequence[Mapping[str, str]]) -> tuple[ValidatorVerdict, ...]:
        """The same of the files of many subjects; those that pass are judged in one place, of one start.

        Args:
            each: the files of each subject.
        """
        passed: list[ValidatorVerdict | None] = [None] * len(each)
        if not self.check.of_zone:  # what a zone names is kept apart from other subjects
            for start in range(0, len(each), MOST):
                part = each[start : start + MOST]
                passed[start : start + len(part)] = self._passed(part) if len(part) > 1 else [None]
        return tuple(
            found if found is not None else self.validate(files) for found, files in zip(passed, each, strict=True)
        )

    def _passed(self, each: Sequence[Mapping[str, str]]) -> list[ValidatorVerdict | None]:
        """Verdicts on those that pass without a doubt."""
        program, why = self._usable()
        if why:
            return [None] * len(each)
        check, commands, many = self.check, self._commands(program), Many.of(len(each))
        visible = self._visible(program)
        with confinement.folder(f"zonewright-{check.program}-") as folder:
            account = confinement.account([folder.parent, *visible])
            whole = [check.judged(files) for files in each]
            confinement.write(folder / "files", many.files(whole), account)
            (folder / "files").chmod(0o111)  # no program lists what others have
            call = many.command(program, commands, confinement.FILES, limit_s=LIMIT_S)
            done = _run(self._confined(call, folder, visible), account, len(each))
            (folder / "files").chmod(0o711)
        told = many.told("" if done.failure else done.output, len(commands))
        return [
            self._if_passed(program, files, calls, f"{confinement.FILES}/{name}")
            for name, files, calls in zip(many.names, each, told, strict=True)
        ]

    def _if_passed(
        self, program: str, files: Mapping[str, str], calls: Sequence[tuple[int, str]], root: str
    ) -> ValidatorVerdict | None:
        words = [judged(self.check, code, output.replace(root, "").strip()) for code, output in calls]
        is_whole = len(calls) == len(self._commands(program))
        if not is_whole or _blanks(files) or any(word != "pass" for word, _ in words):
            return None
        return self._said(program, "pass", [output for _, output in words])

    def _usable(self) -> tuple[str, str]:
        """The program by its path, and why it may or can not be run; empty where it can."""
        check, program = self.check, self._program()
        if check.of_zone and not may_judge(check.program, os.environ):
            why = f"which is not a known validator; if you trust it, set {VARIABLE}={check.program}"
            return check.program, f"a format of the zone names {check.program}, {why}"
        if program is None:
            return check.program, f"{check.program} is not installed (package {check.package})"
        place = confinement.place()
        if not place.tool:
            why = f"runs only in confinement, and this machine cannot confine it: {place.reason}"
            return program, f"{check.program} {why}"
        return program, ""

    def _not_run(self, program: str, why: str) -> ValidatorVerdict:
        return ValidatorVerdict(status="not-run", program=program, detail=why)

    def _said(self, program: str, status: VerdictStatus, outputs: Sequence[str]) -> ValidatorVerdict:
        return ValidatorVerdict(
            status=status,
            program=program if program != _own_python() else self.check.package,
            version=self.version(),
            arguments=self._commands(program),
            detail="\n".join(text for text in outputs if text),
        )

    def _confined(self, call: Sequence[str], folder: Path, visible: Sequence[Path]) -> list[str]:
        tool = confinement.place().tool
        return confinement.confined(call, folder, tool=tool, visible=visible, needs_network=self.check.in_namespace)

    def _commands(self, program: str) -> tuple[tuple[str, ...], ...]:
        core = self.check.core
        return (core[1:],) if core and program == core[0] else self.check.commands

    def _program(self) -> str | None:
        """The program by its absolute path: a folder of PATH that depends on where one stands is not looked into."""
        if self.check.program == _PYTHON and not self.check.of_zone:
            return _own_python()
        folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
        found = shutil.which(
            self.check.program, path=os.pathsep.join(one for one in folders if Path(one).is_absolute())
        )
        core = self.check.core
        is_of_system = found is not None and str(Path(found).resolve()).startswith("/usr/")
        return core[0] if core and is_of_system and os.access(core[0], os.X_OK) else found

    def _visible(self, program: str) -> list[Path]:
        """What the program reads besides the system and the files: itself, or our own interpreter with our own part."""
        if program != _own_python():
            return [Path(program)]
        found = importlib.util.find_spec(self.check.package)
        own = found.submodule_search_locations if found is not None else None
        return [Path(one) for one in dict.fromkeys([sys.base_prefix, sys.prefix, *(own or ())])]


def judged(check: ValidatorCommand, code: int, output: str) -> tuple[VerdictStatus, str]:
    """What one call of a format's program says of the files, and in which words.

    Args:
        check: of the format.
        code: exit code of the call.
        output: what it printed, without the folder that the files were in.
    """
    if check.absent and re.search(check.absent, output):
        return "not-run", f"{check.program} cannot be run: {output}"
    kept = _of_files(output, check)
    is_only_of_machine = output and not kept
    is_bad = (code and not is_only_of_machine) or (check.complaint and _complains(output, check.complaint))
    return ("fail" if is_bad else "pass"), kept


def _blanks(files: Mapping[str, str]) -> list[str]:
    """What is said of files that have no text: programs take them, and they say nothing."""
    return [f"{path} is empty" for path, text in files.items() if not text.strip()]


def _blank(files: Mapping[str, str]) -> VerdictStatus:
    return "fail" if _blanks(files) else "pass"


def _complains(output: str, complaint: str) -> bool:
    """Whether a line has the complaint; a pattern may be a zone's, so lines have an end."""
    return any(re.search(complaint, line[:_LINE_CHARACTERS]) for line in output.splitlines())


def _of_files(output: str, check: ValidatorCommand) -> str:
    """The output without what it says of the machine that it runs on."""
    if not check.machine:
        return output
    return "\n".join(line for line in output.splitlines() if re.fullmatch(check.machine, line) is None)


def _run(call: list[str], account: confinement.Account, subjects: int = 1) -> _Call:
    """Run a program; once more where it had no say, because a busy machine refuses a place or ends what is in it."""
    began_s = time.monotonic()
    first = _run_once(call, account, subjects)
    is_soon = time.monotonic() - began_s < _SOON_S
    return _run_once(call, account, subjects) if first.failure and is_soon else first


def _run_once(call: list[str], account: confinement.Account, subjects: int) -> _Call:
    """Run a program in a process group of its own, which ends with it; so many subjects have so much of everything."""
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(  # noqa: S603 - a fixed place around the validator found on PATH
                call,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=confinement.ENVIRONMENT,
                cwd="/",
                **account,
            )
        except OSError as error:
            return _Call(failure=f"cannot be run: {error.strerror}")
        try:
            code = process.wait(LIMIT_S * subjects)
        except subprocess.TimeoutExpired:
            return _Call(failure=f"ran longer than {LIMIT_S:g} s")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        text = output.read(_OUTPUT_BYTES * subjects).decode(errors="replace")
    ended = confinement.ended_by(code)
    if ended:  # it said nothing of the file
        return _Call(failure=f"was ended by signal {ended}")
    if confinement.is_refusal(code, text):
        return _Call(failure=f"could not be confined: {text.strip()}")
    return _Call(code=code, output=text)


@cache
def _own_python() -> str:
    """Our own interpreter, from where it is installed: who wraps or embeds it may be called otherwise."""
    found = Path(sys.prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    return str(found) if os.access(found, os.X_OK) else sys.executable


@cache
def _version(package: str) -> str:
    """Version of the Debian package; empty where there is no dpkg. Not all validators can tell their own."""
    dpkg = shutil.which("dpkg-query")
    if dpkg is None:
        return ""
    command = [dpkg, "--show", "--showformat=${Version}", package]
    result = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)  # noqa: S603
    return result.stdout.strip() if result.returncode == 0 else ""
