"""Runs the code of one rule where nothing of the machine can be reached, for so long and no longer."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from zonewright.declare.yaml_text.regular import read_regular
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
    """What came of one run: findings, or why there is no answer."""

    found: tuple[Breached, ...] = ()
    failure: str = ""


_ANSWERS: dict[str, OwnAnswer] = {}
"""By what was asked, the latest last; what had no answer is asked again."""


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid", strict=True))
class _Written:
    found: list[Breached] = Field(default_factory=list)
    error: str = ""


_NONE = "it gave no answer that can be read"
_WRITTEN: TypeAdapter[_Written] = TypeAdapter(_Written)


def run_rule(text: str, facts: Mapping[str, object], limit: int) -> OwnAnswer:
    """What a rule says of facts.

    Args:
        text: its code.
        facts: what it judges.
        limit: the limit in force.
    """
    given = canonical_json({"facts": facts, "limit": limit})
    key = digest_of(f"{len(text)} {text}{given}")
    known = _ANSWERS.pop(key, None)
    answer = known or _run(text, given)
    if not answer.failure:
        _ANSWERS[key] = answer
        while len(_ANSWERS) > _REMEMBERED:
            _ANSWERS.pop(next(iter(_ANSWERS)), None)
    return answer


def _run(text: str, given: str) -> OwnAnswer:
    place = confinement.place()
    if not place.tool:
        return OwnAnswer(failure=f"it runs only in confinement, and this machine cannot confine it: {place.reason}")
    visible = [Path(one) for one in dict.fromkeys((sys.base_prefix, str(Path(sys.executable).resolve().parent)))]
    with confinement.folder("zonewright-rule-") as folder:
        account = confinement.account([folder.parent, *visible])
        program = Path(inside.__file__).read_text(encoding="utf-8")
        confinement.write(
            folder / "files", {"inside.py": program, "rule.py": text, "given.json": given, "answer.json": ""}, account
        )
        limits = ["/usr/bin/prlimit", f"--cpu={CPU_S}", f"--as={MEMORY_BYTES}", "--nproc=16", "--"]
        python = [str(Path(sys.executable).resolve()), "-I", "-S", f"{confinement.FILES}/inside.py", confinement.FILES]
        command = confinement.confined([*limits, *python], folder, tool=place.tool, visible=visible)
        failure = _wait(command, account)
        if failure:
            return OwnAnswer(failure=failure)
        try:
            return _read(read_regular(folder / "files" / "answer.json", _ANSWER_BYTES))
        except OSError:
            return OwnAnswer(failure=_NONE)


def _read(data: bytes) -> OwnAnswer:
    """What a rule wrote; it wrote it itself, so it may be anything."""
    if len(data) > _ANSWER_BYTES:
        return OwnAnswer(failure=f"its answer has more than {_ANSWER_BYTES // 1024**2} MB")
    try:
        answer = _WRITTEN.validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        return OwnAnswer(failure=_line(f"what it gives is no finding: {where}: {first['msg']}") if where else _NONE)
    if answer.error:
        return OwnAnswer(failure=_line(f"its code failed: {answer.error}"))
    return OwnAnswer(found=tuple(answer.found))


def _wait(command: list[str], account: confinement.Account) -> str:
    """Run a command to its end; gives why it has no answer, or nothing."""
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own program in a place of its own
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
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
