"""Our language host under the real engine: it runs what it should, and nothing outlives its engine."""

import json
import platform
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from support.warm_python import warm_python

if TYPE_CHECKING:
    from support.trial_project import Project

pytestmark = pytest.mark.engine


@pytest.fixture
def warm(project: "Project") -> "Project":
    """Give a project for what is not about processes: its language hosts, program and provider are forks."""
    project.environment.update(warm_python().variables())
    return project


def test_up_then_nothing_to_do(warm: "Project") -> None:
    """A program and a provider run through our host; the second `up` changes nothing and neither warns."""
    warm.program(
        'thing("one")\npulumi.export("stack", pulumi.get_stack())\npulumi.export("who", '
        'pulumi.Config("zone").get("who"))'
    )
    assert warm.run("config", "set", "zone:who", "me").returncode == 0
    first = warm.run("up", "--yes")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "2 created" in first.stdout
    assert "warning" not in first.stdout + first.stderr
    outputs = json.loads(warm.run("stack", "output", "--json").stdout)
    assert outputs == {"stack": "a", "who": "me"}
    second = warm.run("up", "--yes", "--expect-no-changes")
    assert second.returncode == 0, second.stdout + second.stderr
    assert warm.run("destroy", "--yes").returncode == 0


def test_about_names_python_and_dependencies(project: "Project") -> None:
    """`pulumi about` gets the Python of the program, the host's or another, and what is installed beside it."""
    project.program("")
    other = project.root / "python"
    other.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
    other.chmod(0o755)
    for variables in ({}, {"PULUMI_PYTHON_CMD": str(other)}):
        project.environment.update(variables)
        about = json.loads(project.run("about", "--json").stdout)
        assert about["runtime"]["executable"] == sys.executable
        assert about["runtime"]["version"] == platform.python_version()
        assert "zonewright" in {dependency["name"] for dependency in about["dependencies"]}


def test_output_is_passed_on_and_an_exception_shown_once(warm: "Project") -> None:
    """What a program prints arrives, from both streams; its own traceback does too, and no second error after it."""
    warm.program('import sys\nprint("to-output")\nprint("to-error", file=sys.stderr)\nraise ValueError("deliberate")')
    result = warm.run("preview")
    assert result.returncode != 0
    assert "to-output" in result.stdout
    assert "to-error" in result.stdout
    assert result.stdout.count("ValueError: deliberate") == 1
    assert "exit code" not in result.stdout + result.stderr


def test_exit_status_is_named(warm: "Project") -> None:
    """A program that ends with a status of its own fails with that status in the message."""
    warm.program("raise SystemExit(7)")
    result = warm.run("preview")
    assert result.returncode != 0
    assert "program exited with non-zero exit code: 7" in result.stdout


def test_missing_virtual_environment_is_a_sentence(warm: "Project") -> None:
    """A project that names a virtual environment which is not there is told what to run, without a traceback."""
    file = warm.root / "Pulumi.yaml"
    runtime = "runtime: {name: python, options: {virtualenv: .nowhere}}"
    file.write_text(file.read_text(encoding="utf-8").replace("runtime: python", runtime), encoding="utf-8")
    warm.program("")
    shown = warm.run("preview")
    assert shown.returncode != 0
    assert f"there is no Python at {warm.root}/.nowhere/bin/python; run 'make setup'" in shown.stdout
    assert "Traceback" not in shown.stdout + shown.stderr


def test_failed_resource_ends_the_run_soon(warm: "Project") -> None:
    """When a resource fails, a program that goes on is ended at once: the engine does not wait for it."""
    warm.program("""
        import threading, time
        threading.Thread(target=time.sleep, args=(60,)).start()
        thing("bad")
    """)
    started = time.monotonic()
    result = warm.run("up", "--yes", "--skip-preview")
    assert result.returncode != 0
    assert "this one is bad" in result.stdout
    assert time.monotonic() - started < 60  # which it would last if it were waited for


@pytest.mark.parametrize("where", ["program", "provider"])
def test_killed_engine_leaves_no_process(project: "Project", where: str) -> None:
    """After `kill -9` of the engine its language host, program and provider end within five seconds."""
    project.program(_waiting(where))
    engine = project.start("up", "--yes", "--skip-preview")
    project.wait_for_file(f"{where}-began")
    assert len(project.processes()) >= (3 if where == "program" else 4)
    engine.kill()
    engine.wait()
    assert project.wait_for_no_process(5) == []


def test_killed_host_leaves_no_process(project: "Project") -> None:
    """After `kill -9` of the language host the program and the provider that it started end, and the engine too."""
    project.program(_waiting("provider"))
    engine = project.start("up", "--yes", "--skip-preview")
    project.wait_for_file("provider-began")
    host = next(one for one in project.processes() if "zonewright.engine.language_host" in one.cmdline())
    started_by_host = host.children(recursive=True)
    assert len(started_by_host) >= 2
    host.kill()
    until = time.monotonic() + 5
    while any(one.is_running() for one in started_by_host) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(one.is_running() for one in started_by_host)
    assert engine.wait(60) != 0


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT, signal.SIGINT]])
def test_interrupted_engine_leaves_no_process(project: "Project", signals: list[signal.Signals]) -> None:
    """After Ctrl-C, once or twice, or SIGTERM, the engine ends in order and soon, and nothing is left."""
    project.program(_waiting("program"))
    engine = project.start("preview")
    project.wait_for_file("program-began")
    for number in signals:
        engine.send_signal(number)
        time.sleep(0.1)
    assert engine.wait(10) != 0
    assert project.wait_for_no_process(5) == []


def _waiting(where: str) -> str:
    """Give a program that waits for a minute, itself or for its provider."""
    if where == "program":
        return 'import pathlib, time\npathlib.Path("program-began").touch()\ntime.sleep(60)'
    return 'slow = thing("slow")\npulumi.export("id", slow.id)'
