"""Test the wheel: built once, installed on each supported Python, with the sources out of the way.

    python tools/test_wheel.py [--python X.Y]... [-- PYTEST ARGUMENTS]

Environments lie in ``$XDG_CACHE_HOME/zonewright/wheel`` by the digest of the lock and the Python, so that a second run
installs the wheel only; those that nobody used for long are removed. Tests run in a copy of what git knows of this
checkout, without modules, agents and templates. What needs the engine, hosts or the sources themselves is left out.
"""

import argparse
import getpass
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kept_environment import LOCK, place_of, ready
from locked import write_constraints

ROOT = Path(__file__).resolve().parents[1]
SUPPORTED = ("3.11", "3.12", "3.13")
AGENT = "3.9"
EVERY_MODULE = """
import importlib, pkgutil, zonewright.cli.fleet, zonewright.fleet
for package in (zonewright.fleet, zonewright.cli.fleet):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
"""
FLEET = """\
party: operator
agent: {{url: "http://127.0.0.1:9"}}
login: {{user: {user}, port: {port}, keys: [{folder}/key]}}
hosts: {{web-001: {{address: 127.0.0.1, site: dc1, host_keys: [{host_key}]}}}}
"""
SSHD = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host
PidFile none
AuthorizedKeysFile {folder}/key.pub
UsePAM no
StrictModes no
PermitRootLogin yes
Subsystem sftp internal-sftp
"""
SOURCES = ("modules/", "agents/", "templates/")
CHOSEN = ("tests/unit", "tests/contract", "tests/property")
# Tests whose subject is the checkout: its text, its build, its lock, its agent run from a folder.
OF_THE_CHECKOUT = (
    "tests/unit/test_dependencies.py",
    "tests/unit/test_docs.py",
    "tests/unit/test_agent_docs.py",
    "tests/unit/test_glossary.py::test_the_name_here_exists",
    "tests/unit/test_messages.py::test_messages_are_plain",
    "tests/unit/test_mutants.py",
    "tests/unit/test_architecture.py::test_each_way_to_change_something_names_files_that_are_there",
    "tests/unit/test_fleet_artefact.py::test_the_archive_is_the_same_everywhere",
    "tests/unit/test_package.py::test_the_wheel_holds_what_it_needs",
)


def fail(sentence: str) -> None:
    """End with a sentence."""
    sys.exit(f"error: {sentence}")


def run(*command: str | Path, folder: Path = ROOT) -> None:
    """Run a step; its failure ends all."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=environment, check=False)
    if done.returncode:
        fail(f"{' '.join(map(str, command[:4]))} ... ended with {done.returncode}; see above")


def python_of(version: str) -> str | None:
    """The interpreter of a version that this machine has: this one, or one on PATH or among pyenv's."""
    candidates = [sys.executable, shutil.which(f"python{version}") or ""]
    candidates += map(str, sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python")))
    code = f"import sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != '{version}')"
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, "-c", code], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def environment_of(python: str) -> Path:
    """The interpreter of an environment with the locked dependencies; made where it is missing."""
    folder = place_of(python)
    if not ready(folder):
        shutil.rmtree(folder, ignore_errors=True)
        run(python, "-m", "venv", folder)
        pip = (folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        run(*pip, "--require-hashes", "-r", LOCK)
        (folder / "complete").touch()
    return folder / "bin" / "python"


def copied(folder: Path) -> Path:
    """What git knows of the checkout, without the sources."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if not name.startswith(SOURCES) and (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    return folder


def test_on(version: str, wheel: Path, folder: Path, arguments: list[str]) -> bool:
    """Whether the tests pass with the wheel on a version of Python; without that Python they are skipped aloud."""
    python = python_of(version)
    if python is None:
        if os.environ.get("CI") and version == SUPPORTED[0]:
            fail(f"no Python {version} here; install python{version} and python{version}-venv")
        print(f"SKIPPED: no Python {version} on this machine (Debian: python{version}-venv)", flush=True)
        return True
    inside = environment_of(python)
    run(
        inside,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--force-reinstall",
        wheel,
    )
    where = subprocess.run(
        [inside, "-c", "import zonewright, zonewright_agent, zonewright_templates as t; print(zonewright.__file__)"],
        cwd=folder, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    if not Path(where).is_relative_to(inside.parents[1]):
        fail(f"zonewright would be imported from {where}, not from the wheel")
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    left_out = [f"--deselect={name}" for name in OF_THE_CHECKOUT]
    command = [inside, "-m", "pytest", "-m", "not engine and not soak", *left_out, *(arguments or CHOSEN)]
    environment = {**os.environ, "PATH": f"{inside.parent}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    passed = subprocess.run(command, cwd=folder, env=environment, check=False).returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    words = "passed" if passed else "FAILED"
    print(f"wheel on Python {version}: {words}, {cpu_s:.0f} s of CPU, {time.monotonic() - started:.0f} s", flush=True)
    return test_types(inside, folder) and passed


def test_types(inside: Path, folder: Path) -> bool:
    """Whether `mypy --strict` passes a program that uses the public names, and finds the mistakes that it makes.

    As a consumer has it: three installed packages that say they are typed, and none of our settings. What mypy found in
    packages is kept with the environment: without that it reads all of them, 13 s of CPU.

    Args:
        inside: the Python of the environment that has the wheel.
        folder: a copy of the checkout without the sources.
    """
    words = ("-m", "mypy", "--strict", "--config-file=", "--cache-dir", inside.parents[1] / "mypy", "api.py")
    done = subprocess.run(
        [inside, *words], cwd=folder / "tests" / "typing", capture_output=True, text=True, check=False
    )
    passed = done.stdout == "Success: no issues found in 1 source file\n"
    print(f"types for a consumer: {'passed' if passed else f'FAILED{chr(10)}{done.stdout}{done.stderr}'}", flush=True)
    return passed


def test_agent(wheel: Path, folder: Path) -> bool:
    """Whether the wheel's agent, with the standard library alone, says its version on the oldest Python of hosts."""
    python = python_of(AGENT)
    if python is None:
        print(f"SKIPPED: no Python {AGENT} on this machine, so the agent was not run on it", flush=True)
        return True
    unpacked = folder / "agent"
    shutil.unpack_archive(wheel, unpacked, "zip")
    modules = [path.stem for path in sorted((unpacked / "zonewright_agent").glob("*.py")) if path.stem != "__main__"]
    code = f"import importlib\nfor name in {modules!r}: importlib.import_module('zonewright_agent.' + name)\n"
    shutil.rmtree(unpacked / "zonewright")
    passed = all(
        subprocess.run([python, *words], cwd=unpacked, check=False).returncode == 0
        for words in (["-W", "error", "-c", code], ["-m", "zonewright_agent", "--help"])
    )
    print(f"agent on Python {AGENT}: {'passed' if passed else 'FAILED'}, {len(modules)} modules", flush=True)
    return passed


@contextmanager
def ssh_server(folder: Path) -> Iterator[bool]:
    """A real OpenSSH server that the fleet's file of a folder names; False where this machine has none."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        if os.environ.get("CI"):
            fail("no sshd here; install openssh-server")
        print("SKIPPED: no sshd (Debian: openssh-server), so the fleet's SSH was not run", flush=True)
    for name in ("host", "key"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    public = " ".join((folder / "host.pub").read_text(encoding="utf-8").split()[:2])
    text = FLEET.format(user=getpass.getuser(), port=port, folder=folder, host_key=public)
    (folder / "fleet.yaml").write_text(text, encoding="utf-8")
    if program is None:
        yield False
        return
    (folder / "sshd_config").write_text(SSHD.format(port=port, folder=folder), encoding="utf-8")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    with subprocess.Popen([program, "-D", "-e", "-f", folder / "sshd_config"], stderr=subprocess.PIPE) as server:
        for line in server.stderr or ():
            if b"listening" in line:
                break
        try:
            yield True
        finally:
            server.terminate()


def test_fleet(wheel: Path, folder: Path) -> bool:
    """Whether an operator's install is whole: the extra `fleet` alone, without Pulumi and SQL; its size is said."""
    environment = folder / "operator"
    tested = write_constraints(LOCK, folder / "tested.txt")
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    python = environment / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--constraint", tested, f"{wheel}[fleet]")
    (folder / "Pulumi.yaml").write_text("name: x\nruntime: python\n", encoding="utf-8")
    fleet = (environment / "bin" / "zonewright", "fleet")
    with ssh_server(folder) as is_up:
        words: list[list[str | Path]] = [[python, "-c", EVERY_MODULE], [*fleet, "inventory"]]
        words += [[*fleet, "status"], [*fleet, "plan"]] if is_up else []  # each logs in, and asks the host
        done = [subprocess.run(one, cwd=folder, stdout=subprocess.DEVNULL, check=False).returncode for one in words]
    there = {path.name.partition("-")[0] for path in environment.glob("lib/python*/site-packages/*.dist-info")}
    passed = not any(done) and not there & {"pulumi", "grpcio", "sqlalchemy", "starlette"}
    size = sum(path.stat().st_size for path in environment.rglob("*") if path.is_file() and not path.is_symlink())
    told = f"{'passed' if passed else 'FAILED'}, {size / 1e6:.0f} MB, {len(there)} distributions"
    print(f"zonewright[fleet] alone: {told}", flush=True)
    return passed


def main() -> int:
    """Build, install, test; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", action="append", metavar="X.Y", help="this version only; may be repeated")
    parser.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="tests, and options for pytest after --")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="zonewright-wheel-") as temporary:
        folder = Path(temporary)
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist")
        (wheel,) = (folder / "dist").glob("*.whl")
        copy = copied(folder / "checkout")
        passed = [test_on(version, wheel, copy, given.arguments) for version in given.python or SUPPORTED]
        passed.append(test_agent(wheel, folder))
        if not given.python:
            passed.append(test_fleet(wheel, folder))
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
