"""A fork of the warm Python is the program that was asked for, whichever of the two fronts stands before it."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from support.parts import skip_or_fail
from support.warm_python import warm_python

pytestmark = pytest.mark.slow
SAYS = (
    "import os, sys; print(sys.argv[1:], os.getcwd(), os.environ['GIVEN'], sys.stdin.read(), flush=True); "
    "print('loud', file=sys.stderr); sys.exit(7)"
)


@pytest.fixture(params=["in C", "in Python"])
def front(request: pytest.FixtureRequest) -> str:
    """What stands for Python."""
    if request.param == "in Python":
        return warm_python().path_in_python()
    if Path(warm_python().path()).read_bytes()[:4] != b"\x7fELF":
        skip_or_fail("no C compiler and headers (Debian packages gcc, libc6-dev): the front in C is NOT tested")
    return warm_python().path()


def test_a_fork_has_all_that_it_was_started_with(front: str, tmp_path: Path) -> None:
    """Arguments, folder, environment and streams are the front's, and so is the exit code."""
    odd = "two\nlines \N{SNOWMAN}"
    given = ["-c", SAYS, "", odd]
    done = subprocess.run(
        [front, *given],
        cwd=tmp_path,
        env={"GIVEN": f"a=b {odd}"},
        input="read",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{['', odd]} {tmp_path} a=b {odd} read\n"
    assert (done.stderr, done.returncode) == ("loud\n", 7)


def test_a_script_is_the_main_module(front: str, tmp_path: Path) -> None:
    """A script finds what lies beside it, is `__main__`, and is read again when it has changed."""
    (tmp_path / "beside.py").write_text("WORD = 'beside'\n", encoding="utf-8")
    script = tmp_path / "script.py"
    for word in ("first", "second"):
        script.write_text(
            f"import beside, __main__\nprint(beside.WORD, __main__.__file__, '{word}')\n", encoding="utf-8"
        )
        done = subprocess.run([front, "-u", str(script)], capture_output=True, text=True, check=True)
        assert done.stdout == f"beside {script} {word}\n"
    script.write_text("what was this\n", encoding="utf-8")
    done = subprocess.run([front, "-u", str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, "SyntaxError" in done.stderr) == (1, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_fork(front: str, number: signal.Signals) -> None:
    """What signals the front signals its fork, which may answer it."""
    waits = (
        f"import signal; signal.signal({int(number)}, lambda *_: print('got it', flush=True) or exit(3)); "
        "print('ready', flush=True); signal.pause()"
    )
    with subprocess.Popen([front, "-c", waits], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.read() == "got it\n"
    assert process.returncode == 3


def test_who_is_killed_takes_the_other_along(front: str) -> None:
    """A front whose fork is killed ends by the same signal, and a killed front leaves no fork."""
    dies = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert subprocess.run([front, "-c", dies], check=False).returncode == -signal.SIGKILL
    with subprocess.Popen(
        [front, "-c", "import signal; print('ready', flush=True); signal.pause()"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.kill()
        assert process.stdout.read() == ""  # its end tells that nobody can write any more


def test_what_is_no_fork_s_runs_the_real_python(front: str) -> None:
    """A start with flags that a fork cannot have is one of the real Python."""
    command = [
        front,
        "-I",
        "-S",
        "-c",
        "import sys, os; print('sqlalchemy' in sys.modules, sys.flags.isolated, os.getppid())",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"False 1 {os.getpid()}\n"
