"""A run leaves out what Pulumi's SDK logs for debugging, and nothing else."""

import asyncio
import contextvars
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pulumi
import pytest
from pulumi.log import debug as debug_imported_before
from pulumi.runtime import settings as sdk
from pulumi.runtime.proto import engine_pb2
from pulumi.runtime.rpc_manager import RPCManager

from zonewright.program.debug_messages import (
    VARIABLE,
    QuietEngine,
    asked,
    command_of_engine,
    leave_out_debug_messages,
)


@dataclass
class HearingEngine:
    """An engine that keeps what it hears."""

    heard: list[str] = field(default_factory=list)

    def Log(self, request: engine_pb2.LogRequest) -> None:  # noqa: N802 - the name of the call
        """Keep one message."""
        self.heard.append(request.message)


def _heard(program: Callable[[], None], **variables: str) -> list[str]:
    """What an engine hears of a program that goes quiet first, in a run of its own."""
    engine = HearingEngine()

    def run() -> None:
        sdk.SETTINGS.engine = engine
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv(VARIABLE, raising=False)
            for name, value in variables.items():
                patch.setenv(name, value)
            leave_out_debug_messages()
        program()

    contextvars.copy_context().run(run)
    return engine.heard


def _a_call_of_the_sdk() -> None:
    async def fails() -> None:
        raise ValueError("refused")

    async def calls() -> None:
        await RPCManager().do_rpc("register resource", fails)()  # type: ignore[no-untyped-call]

    asyncio.run(calls())


def _log_as_the_sdk() -> None:
    """Log as a module of the SDK does."""
    for level in ("debug", "info", "warn", "error"):
        exec(f"log.{level}('{level}')", {"__name__": "pulumi.runtime.resource", "log": pulumi.log})


class _Named:
    """A resource with a URN, as far as a log message asks for it."""

    def __init__(self) -> None:
        self.urn = pulumi.Output.from_input("urn:pulumi:s::p::t::n")


def _log_as_a_user() -> None:
    async def logs() -> None:
        pulumi.log.debug("in a task")
        pulumi.log.debug("of a resource", resource=_Named())  # type: ignore[arg-type]
        await asyncio.sleep(0.01)

    pulumi.log.debug("by the module")
    debug_imported_before("by a name that was imported")
    asyncio.run(logs())


def test_what_the_sdk_logs_for_debugging_is_left_out() -> None:
    """Neither the begin nor the failure of a call is sent, and both are if somebody asks."""
    assert _heard(_a_call_of_the_sdk) == []
    told = _heard(_a_call_of_the_sdk, **{VARIABLE: "1"})
    assert told[:2] == ["beginning rpc register resource", "RPC failed with exception:"]


def test_what_the_sdk_has_to_say_arrives() -> None:
    """Of the SDK's own messages only those for debugging are left out."""
    assert _heard(_log_as_the_sdk) == ["info", "warn", "error"]


def test_what_a_user_logs_arrives() -> None:
    """A program's own debug messages are sent: from tasks, about a resource, and by a name that was imported before."""
    said = ["by the module", "by a name that was imported", "in a task", "of a resource"]
    assert _heard(_log_as_a_user) == said


def test_other_runs_of_the_process_lose_nothing() -> None:
    """A run goes quiet once, for itself only; where there is no engine nothing is done."""
    before = sdk.SETTINGS.engine

    def again() -> None:
        quiet = sdk.SETTINGS.engine
        assert isinstance(quiet, QuietEngine)
        leave_out_debug_messages()
        assert sdk.SETTINGS.engine is quiet
        assert quiet.heard == []  # all else is the engine's own

    def without() -> None:
        sdk.SETTINGS.engine = None
        leave_out_debug_messages()
        assert sdk.SETTINGS.engine is None

    _heard(again)
    contextvars.copy_context().run(without)
    assert sdk.SETTINGS.engine is before


@pytest.mark.parametrize(
    "arguments",
    [
        ["up", "--debug"],
        ["up", "-d"],
        ["up", "-yd"],
        ["preview", "--verbose=9"],
        ["-v9", "preview"],
        ["--logtostderr", "-v=3", "up"],
    ],
)
def test_options_of_the_engine_ask(arguments: list[str]) -> None:
    """`--debug` and a level of the log ask for debug messages, however they are written; `0` in the setting refuses."""
    assert asked({}, ["pulumi", *arguments])
    assert asked({VARIABLE: ""}, ["pulumi", *arguments])
    assert asked({VARIABLE: "1"}, ["pulumi", *arguments])
    assert not asked({VARIABLE: "0"}, ["pulumi", *arguments])


@pytest.mark.parametrize(
    "arguments", [[], ["up", "--yes", "--stack", "debug"], ["up", "--diff", "-y", "-f"], ["--logtostderr", "up"]]
)
def test_other_options_do_not_ask(arguments: list[str]) -> None:
    """Other options ask for no debug messages; the setting does."""
    assert not asked({}, ["pulumi", *arguments])
    assert not asked({VARIABLE: ""}, ["pulumi", *arguments])
    assert asked({VARIABLE: "1"}, ["pulumi", *arguments])


def test_the_engine_is_found_above_a_process(tmp_path: Path) -> None:
    """The nearest `pulumi` above a process is its engine, whatever stands between; outside Linux there is none."""
    for pid, parent, command in (
        (40, 30, "python\0program\0"),
        (30, 20, ""),
        (20, 10, "/opt/pulumi/bin/pulumi\0up\0--debug\0"),
        (10, 1, "pulumi\0watch\0"),
        (50, 1, "python\0inline.py\0"),
        (60, 59, "python\0"),
    ):
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "cmdline").write_text(command, encoding="utf-8")
        (folder / "status").write_text(f"Name:\tx\nTgid:\t{pid}\nPPid:\t{parent}\nTracerPid:\t0\n", encoding="utf-8")
    assert command_of_engine(40, tmp_path) == ["/opt/pulumi/bin/pulumi", "up", "--debug"]
    assert command_of_engine(50, tmp_path) == []
    assert command_of_engine(60, tmp_path) == []
    assert command_of_engine(os.getpid(), tmp_path / "nowhere") == []


def test_a_real_process_finds_its_engine(tmp_path: Path) -> None:
    """A program reads the command of the `pulumi` that started it from the system."""
    program = "import os; from zonewright.program.debug_messages import command_of_engine as c; print(c(os.getpid()))"
    said = subprocess.run(
        [str(tmp_path / "pulumi"), "-c", '"$1" -c "$2"; :', "up", sys.executable, program, "--debug"],
        executable="/bin/sh", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.strip().endswith("'--debug']"), said
