"""Runs the code of one rule where nothing of the machine can be reached, for so long and no longer.

It reads two files and writes its answer, and nothing else: no second process, no file on the host's disk. Names and
texts are hashed alike in each run, so the order of a set is no reason for another answer.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.limits import INTEGER
from zonewright.own_rules import inside
from zonewright.render.validators import confinement

CPU_S = 5
WALL_S = 10.0
MEMORY_BYTES = 512 * 1024**2
_ANSWER_BYTES = 4 * 1024**2
_SAID_BYTES = 4096
_REMEMBERED = 64
"""Answers that are kept: preview, admission and the transaction ask the same within seconds."""

RuleFigure = Annotated[int, Field(ge=0, le=INTEGER.most)]


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid", strict=True))
class Breached:
    """One thing that breaks a rule, as its code says it.

    Attributes:
        subject: id of a rack, cluster, site, duct or link of the facts.
        value: the figure found.
        limit: the figure allowed; None for the limit that the code was given.
        excess: how far beyond; None for the difference of the two, at least 1.
        nodes: numbers of the nodes that would have to move, of those in the facts; empty for all.
    """

    subject: str
    value: RuleFigure
    limit: RuleFigure | None = None
    excess: Annotated[int, Field(ge=1, le=INTEGER.most)] | None = None
    nodes: Annotated[list[RuleFigure], Field(max_length=100_000)] = Field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAnswer:
    """What came of one run: findings, or why there is no answer.

    Attributes:
        found: what breaks the rule.
        failure: why there is no answer, in our words; empty where there is one.
        said: what the code itself said of it; it may name what others have, so it is for who has the facts.
    """

    found: tuple[Breached, ...] = ()
    failure: str = ""
    said: str = ""


_ANSWERS: dict[str, OwnAnswer] = {}
"""By what was asked, the latest last; what had no answer is asked again."""
_KEPT = threading.Lock()
"""A service decides in several threads."""


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid", strict=True))
class _Written:
    found: list[Breached] = Field(default_factory=list)
    kind: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]{0,59}$")] | None = None
    line: RuleFigure = 0
    text: str = ""


_LATE = "the rules of the zone's own have taken their time together, and others wait; shorten them"
_NONE = "it gave no answer that can be read"
_WRITTEN: TypeAdapter[_Written] = TypeAdapter(_Written)


def run_rule(
    text: str, facts: Mapping[str, object], limit: int, *, is_new: bool = False, is_late: bool = False
) -> OwnAnswer:
    """What a rule says of facts.

    Args:
        text: its code.
        facts: what it judges.
        limit: the limit in force.
        is_new: whether it is run also where the answer is known.
        is_late: whether it is not run any more, because the rules of the zone have taken their time together.
    """
    given = canonical_json({"facts": facts, "limit": limit})
    key = digest_of(f"{len(text)} {text}{given}")
    with _KEPT:
        known = None if is_new else _ANSWERS.get(key)
    answer = known or (OwnAnswer(failure=_LATE) if is_late else _run(text, given))
    if not answer.failure:
        with _KEPT:
            _ANSWERS.pop(key, None)
            _ANSWERS[key] = answer
            while len(_ANSWERS) > _REMEMBERED:
                del _ANSWERS[next(iter(_ANSWERS))]
    return answer


def _run(text: str, given: str) -> OwnAnswer:
    place = confinement.place()
    if not place.tool:
        return OwnAnswer(failure=f"it runs only in confinement, and this machine cannot confine it: {place.reason}")
    visible = [Path(one) for one in dict.fromkeys((sys.base_prefix, str(Path(sys.executable).resolve().parent)))]
    with confinement.folder("zonewright-rule-") as folder:
        account = confinement.account([folder.parent, *visible])
        program = Path(inside.__file__).read_text(encoding="utf-8")
        confinement.write(folder / "files", {"inside.py": program, "rule.py": text, "given.json": given}, account)
        limits = ["/usr/bin/prlimit", f"--cpu={CPU_S}", f"--as={MEMORY_BYTES}", "--nproc=1", "--"]
        seed = ["/usr/bin/env", "PYTHONHASHSEED=0"]  # -I would not hear it; there is no other variable of Python's
        python = [str(Path(sys.executable).resolve()), "-P", "-s", "-S"]
        program_call = [*limits, *seed, *python, f"{confinement.FILES}/inside.py", confinement.FILES]
        command = confinement.confined(program_call, folder, tool=place.tool, visible=visible, is_fixed=True)
        with tempfile.TemporaryFile() as answers:
            failure = _wait(command, account, answers)
            answers.seek(0)
            return OwnAnswer(failure=failure) if failure else _read(answers.read(_ANSWER_BYTES + 1))


def _read(data: bytes) -> OwnAnswer:
    """What a rule wrote; it wrote it itself, so it may be anything."""
    if len(data) > _ANSWER_BYTES:
        return OwnAnswer(failure=f"its answer has more than {_ANSWER_BYTES // 1024**2} MB")
    try:
        answer = _WRITTEN.validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        failure = "what it gives is no finding" if where.startswith("found.") else _NONE
        return OwnAnswer(failure=failure, said=_line(f"{where}: {first['msg']}"))
    if answer.kind is not None:
        where = f" at line {answer.line:,}" if answer.line else ""
        return OwnAnswer(failure=f"its code failed{where}: {answer.kind}", said=_line(answer.text))
    if len(answer.found) > inside.MOST:
        return OwnAnswer(failure=f"it gives more than {inside.MOST:,} findings")
    return OwnAnswer(found=tuple(answer.found))


def _wait(command: list[str], account: confinement.Account, answers: IO[bytes]) -> str:
    """Run a command to its end, its output in a file; gives why it has no answer, or nothing."""
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own program in a place of its own
                command,
                stdin=subprocess.DEVNULL,
                stdout=answers,
                stderr=said,
                start_new_session=True,
                env=confinement.ENVIRONMENT,
                cwd="/",
                **account,
            )
        except OSError as error:
            return f"it cannot be run: {error.strerror}"
        try:
            code = process.wait(WALL_S)
        except subprocess.TimeoutExpired:
            return f"it ran longer than {WALL_S:g} s"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said.seek(0)
        text = said.read(_SAID_BYTES).decode(errors="replace")
    ended = confinement.ended_by(code)
    if ended in (signal.SIGXCPU, signal.SIGKILL):
        return f"it took more than {CPU_S} s of processor time"
    if ended:
        return f"it was ended by signal {ended}"
    if confinement.is_refusal(code, text):
        return _line(f"it could not be confined: {text.strip()}")
    return "" if code == 0 else f"it ended with {code}; it may have taken more than {MEMORY_BYTES // 1024**2} MB"


def _line(text: str) -> str:
    return " ".join(text.split())[:300]
