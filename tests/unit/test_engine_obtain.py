"""The order of the ways to an engine, its report, and builds that happen once and whole, with a Go that is a script."""

import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import psutil
import pytest

from zonewright import engine
from zonewright.engine import build, cache, install, launcher, lazy_lists, sdk_generator

_ROOT = Path(__file__).resolve().parents[2]

_GO = """#!/bin/sh
case "$1" in
env) echo "go1.99.0" ;;
list) echo "$FAKE_SDK" ;;
build)
    echo x >> "$FAKE_SDK/builds"
    while [ "$1" != -o ]; do shift; done
    echo half > "$2"
    $FAKE_BUILD
    printf '#!/bin/sh\\necho v3.259.0\\n' > "$2"
    chmod +x "$2"
    ;;
esac
"""


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Give an environment with a fake Go, no `pulumi` and an installer that is refused."""
    monkeypatch.setattr(install, "_SCRIPT", "raise SystemExit('no way to the internet')")
    monkeypatch.setattr(build, "_USUAL_PLACE", "")
    (tmp_path / "go").mkdir()
    (tmp_path / "go" / "go").write_text(_GO, encoding="utf-8")
    (tmp_path / "go" / "go").chmod(0o755)
    executor = tmp_path / "sdk" / "python" / "cmd" / launcher.EXECUTOR
    executor.parent.mkdir(parents=True)
    executor.write_text("", encoding="utf-8")
    zxcvbn(tmp_path / "sdk")  # the fake Go has the source of each module in one folder
    return {
        "PATH": f"{tmp_path}/go:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "ZONEWRIGHT_CACHE": str(tmp_path / "cache"),
        "FAKE_SDK": str(tmp_path / "sdk"),
    }


def zxcvbn(folder: Path) -> None:
    """Write what the edits look for, as the two modules have it."""
    for name, text in (
        ("frequency", 'import (\n\t"log"\n)\n\nfunc init() {\n\tLists["English"] = read()\n}\n'),
        (
            "matching",
            (
                'import (\n\t"sort"\n)\n\nfunc init() {\n\tloadFrequencyList()\n}\n\nfunc Omnimatch() {\n'
                "\tif dictionaryMatchers == nil || adjacencyGraphs == nil {\n\t\tloadFrequencyList()\n\t}\n}\n\n"
                "func loadFrequencyList() {\n}\n"
            ),
        ),
    ):
        (folder / name).mkdir(parents=True)
        (folder / name / f"{name}.go").write_text(text, encoding="utf-8")


def pulumi(folder: Path, version: str) -> str:
    """Make a folder with an engine of some version and give its path."""
    folder.mkdir()
    for name in ("pulumi", "pulumi-language-python"):
        (folder / name).write_text(f"#!/bin/sh\necho {version}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return str(folder)


def builds(surroundings: dict[str, str]) -> int:
    """Count how often the fake Go has built."""
    file = Path(surroundings["FAKE_SDK"]) / "builds"
    return len(file.read_text(encoding="utf-8").splitlines()) if file.exists() else 0


def test_order(surroundings: dict[str, str], tmp_path: Path) -> None:
    """A named engine comes before PATH, PATH before a build, and status agrees with ensure."""
    lines: list[str] = []
    built = engine.ensure(environment=surroundings, say=lines.append)
    assert built.how == "build"
    assert [attempt.way for attempt in built.passed_over] == ["PATH", "installer"]
    assert "no way to the internet" in built.passed_over[1].reason
    assert any("building the Pulumi engine 3.259.0 with go1.99.0" in line for line in lines)
    on_path = {**surroundings, "PATH": f"{pulumi(tmp_path / 'path', 'v3.260.0')}:{surroundings['PATH']}"}
    assert engine.ensure(environment=on_path).how == "PATH"
    named = {**on_path, "ZONEWRIGHT_PULUMI": pulumi(tmp_path / "named", "v3.261.0")}
    assert str(engine.ensure(environment=named).version) == "3.261.0"
    for environment in (surroundings, on_path, named):
        assert engine.status(environment=environment).engine == engine.ensure(environment=environment)
    assert builds(surroundings) == 1


def test_old_engine_on_path_is_passed_over_and_named(surroundings: dict[str, str], tmp_path: Path) -> None:
    """An engine on PATH that is too old is not used, and the report says which and why."""
    folder = pulumi(tmp_path / "old", "v3.100.0")
    got = engine.ensure(environment={**surroundings, "PATH": f"{folder}:{surroundings['PATH']}"}, say=lambda _: None)
    assert got.how == "build"
    assert got.passed_over[0].reason == f"{folder}/pulumi is version 3.100.0, expected >= 3.259.0, < 4"


def test_report_survives(surroundings: dict[str, str]) -> None:
    """A later call gives the same engine with the same reasons, quickly, and finds it through PATH as well."""
    first = engine.ensure(environment=surroundings, say=lambda _: None)
    assert engine.ensure(environment=surroundings) == first
    again = engine.ensure(environment={**surroundings, "PATH": f"{first.folders[0]}:{surroundings['PATH']}"})
    assert (again.how, again.pulumi) == ("build", first.pulumi)
    assert [attempt.way for attempt in again.passed_over] == ["installer"]


def test_status_gets_nothing(surroundings: dict[str, str]) -> None:
    """Status neither builds nor makes the cache folder."""
    now = engine.status(environment=surroundings)
    assert now.engine is None
    assert not now.cache.exists()


def test_nothing_works(surroundings: dict[str, str]) -> None:
    """When no way leads to an engine the error has one sentence for each, and what to install."""
    with pytest.raises(engine.EngineError) as caught:
        engine.ensure(environment={**surroundings, "PATH": "/nowhere"}, say=lambda _: None)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:-1]] == ["ZONEWRIGHT_PULUMI", "PATH", "installer", "build"]
    assert "no Go compiler is on PATH; install Go 1.25" in lines[-2]
    assert lines[-1].startswith("Install Pulumi >= 3.259.0, < 4 (https://www.pulumi.com/docs/install) or a newer Go")
    assert [attempt.way for attempt in caught.value.attempts] == ["ZONEWRIGHT_PULUMI", "PATH", "installer", "build"]


def test_old_go_is_a_sentence(surroundings: dict[str, str], tmp_path: Path) -> None:
    """A Go that go.mod refuses is named together with what is needed."""
    refusal = "go: go.mod requires go >= 1.25.11 (running go 1.19; GOTOOLCHAIN=local)"
    (tmp_path / "go" / "go").write_text(f"#!/bin/sh\necho '{refusal}' >&2\nexit 1\n", encoding="utf-8")
    with pytest.raises(engine.EngineError, match=r"cannot be used, expected 1\.25.* or newer: go: go\.mod requires"):
        engine.ensure(environment=surroundings, say=lambda _: None)


def test_failed_build_leaves_nothing(surroundings: dict[str, str]) -> None:
    """A build that fails leaves no engine and no half of one, names its last line and its log, and can be repeated."""
    failing = {**surroundings, "FAKE_BUILD": "exit 2"}
    with pytest.raises(engine.EngineError, match=r"build with Go failed after [0-9]+ s: .*engine-build\.log"):
        engine.ensure(environment=failing, say=lambda _: None)
    folder = Path(surroundings["ZONEWRIGHT_CACHE"])
    assert sorted(path.name for path in folder.iterdir()) == ["engine-build.log", "engine.lock"]
    assert engine.ensure(environment=surroundings, say=lambda _: None).how == "build"


def test_killed_build_leaves_no_engine(surroundings: dict[str, str]) -> None:
    """After `kill -9` in mid-build Go ends, no engine looks whole, and the next call builds and clears up."""
    slow = subprocess.Popen(_ensure_command(), env={**surroundings, "FAKE_BUILD": "sleep 3"})
    folder = Path(surroundings["ZONEWRIGHT_CACHE"])
    until = time.monotonic() + 30
    while not any(folder.glob("unfinished-*/pulumi")):
        assert time.monotonic() < until
        time.sleep(0.02)
    go = psutil.Process(slow.pid).children()[0]
    slow.kill()
    slow.wait()
    assert engine.status(environment=surroundings).engine is None
    assert go.wait(2) is None
    assert engine.ensure(environment=surroundings, say=lambda _: None).how == "build"
    assert not any(folder.glob("unfinished-*"))


def test_interrupted_build_ends_go(surroundings: dict[str, str], tmp_path: Path) -> None:
    """Ctrl-C in mid-build ends the Go command too, and leaves nothing half-made."""
    script = _script(tmp_path / "slow", f"echo $PPID > {tmp_path}/go.pid; exec sleep 30")
    slow = {**surroundings, "FAKE_BUILD": str(script)}
    caller = subprocess.Popen(_ensure_command(), env=slow, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while not (tmp_path / "go.pid").exists() or not (tmp_path / "go.pid").read_text(encoding="utf-8").strip():
        assert time.monotonic() < until
        time.sleep(0.02)
    go = int((tmp_path / "go.pid").read_text(encoding="utf-8"))
    caller.send_signal(signal.SIGINT)
    assert caller.wait(10) != 0
    assert not any(Path(surroundings["ZONEWRIGHT_CACHE"]).glob("unfinished-*"))
    with pytest.raises(ProcessLookupError):
        os.kill(go, 0)


def test_lists_are_read_when_asked_for(tmp_path: Path) -> None:
    """The edited copies load nothing when they start; go.mod puts them in place of the originals, which stay."""
    zxcvbn(tmp_path / "original")
    for folder in (tmp_path / "original").iterdir():
        folder.chmod(0o555)  # as Go leaves them
    (tmp_path / "copies").mkdir()
    go_mod = lazy_lists.edited(build.module_folder(), lambda _: tmp_path / "original", tmp_path / "copies")
    assert "func init" in (tmp_path / "original" / "frequency" / "frequency.go").read_text(encoding="utf-8")
    assert (tmp_path / "copies" / "go.sum").read_bytes() == (build.module_folder() / "go.sum").read_bytes()
    for number, name in enumerate(lazy_lists.MODULES):
        copy = tmp_path / "copies" / f"module-{number}"
        assert f"\nreplace {name} => {copy}\n" in go_mod.read_text(encoding="utf-8")
        frequency, matching = (
            (copy / one / f"{one}.go").read_text(encoding="utf-8") for one in ("frequency", "matching")
        )
        assert "func init" not in frequency + matching
        assert "func Load() { once.Do(load) }" in frequency
        assert "func Omnimatch() {\n\tonce.Do(loadFrequencyList)\n}" in matching
        assert "func loadFrequencyList() {\n\tfrequency.Load()\n}" in matching


def test_another_version_of_the_lists_fails_the_build(surroundings: dict[str, str]) -> None:
    """Where the source is not what the edits were written for, nothing is built and the file is named."""
    changed = Path(surroundings["FAKE_SDK"]) / "frequency" / "frequency.go"
    changed.write_text(changed.read_text(encoding="utf-8").replace("func init", "func start"), encoding="utf-8")
    with pytest.raises(engine.EngineError, match=r"frequency\.go of zxcvbn has 'func init.* 0 times, expected"):
        engine.ensure(environment=surroundings, say=lambda _: None)
    assert builds(surroundings) == 0


def test_other_edits_are_another_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that was built before the edits changed is not taken for one with them."""
    before = build.name(build.module_folder())
    monkeypatch.setattr(lazy_lists, "_EDITS", {})
    assert build.name(build.module_folder()) != before


def test_three_callers_build_once(surroundings: dict[str, str]) -> None:
    """Callers at the same time build once; those that wait say whom they wait for."""
    slow = {**surroundings, "FAKE_BUILD": "sleep 1"}
    callers = [
        subprocess.Popen(_ensure_command(), env=slow, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(3)
    ]
    said = [caller.communicate(timeout=60)[0] for caller in callers]
    assert [caller.returncode for caller in callers] == [0, 0, 0], said
    assert builds(surroundings) == 1
    waiting = [text for text in said if "waiting for another zonewright (process " in text]
    assert len(waiting) == 2


def test_installer_is_given_up_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installer that hangs is ended at its limit, with what it started."""
    monkeypatch.setattr(install, "_SCRIPT", "import subprocess; subprocess.run(['sleep', '60'])")
    started = time.monotonic()
    with pytest.raises(engine.EngineError, match="did not finish within 0 s"):
        install.install(tmp_path, say=lambda _: None, limit_s=0.3)
    assert time.monotonic() - started < 5


def test_installed_engine_is_used(surroundings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """When Pulumi's installer works, its engine is used and nothing is built."""
    monkeypatch.setattr(
        install,
        "_SCRIPT",
        "import pathlib, sys\n"
        "for name in ('pulumi', 'pulumi-language-python'):\n"
        "    file = pathlib.Path(sys.argv[1], 'bin', name); file.parent.mkdir(exist_ok=True)\n"
        "    file.write_text('#!/bin/sh\\necho v' + sys.argv[2]); file.chmod(0o755)\n",
    )
    got = engine.ensure(environment=surroundings, say=lambda _: None)
    assert got.how == "installer"
    assert builds(surroundings) == 0
    assert engine.ensure(environment=surroundings) == got


def test_unwritable_cache_is_a_sentence(surroundings: dict[str, str], tmp_path: Path) -> None:
    """A cache folder that cannot be made is an error that names it and the variable."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(engine.EngineError, match=r"file/cache cannot be used: .*set ZONEWRIGHT_CACHE"):
        engine.ensure(environment={**surroundings, "ZONEWRIGHT_CACHE": f"{tmp_path}/file/cache"}, say=lambda _: None)


def test_a_host_is_built_once_and_stands_beside_each_engine(surroundings: dict[str, str], tmp_path: Path) -> None:
    """The host for YAML is built once; an engine that is built again has it; an official engine keeps its own."""
    got = engine.ensure(environment=surroundings, say=lambda _: None)
    built = engine.ensure_host(got, "yaml", environment=surroundings, say=lambda _: None)
    assert builds(surroundings) == 2
    beside = got.pulumi.parent / "pulumi-language-yaml"
    assert beside.samefile(built)
    assert not beside.is_symlink()  # it looks for plugins beside itself, and warns of others
    beside.unlink()
    assert engine.ensure(environment=surroundings) == got
    assert beside.samefile(built)
    assert engine.ensure_host(got, "yaml", environment=surroundings) == built
    named = {**surroundings, "ZONEWRIGHT_PULUMI": pulumi(tmp_path / "named", "v3.261.0")}
    own = tmp_path / "named" / "pulumi-language-yaml"
    own.write_text("", encoding="utf-8")
    assert engine.ensure_host(engine.ensure(environment=named), "yaml", environment=named) == own
    assert builds(surroundings) == 2


def test_the_generator_of_sdks_is_built_once(surroundings: dict[str, str], tmp_path: Path) -> None:
    """It is built once for the engine that zonewright builds; an official engine has generators of its own."""
    got = engine.ensure(environment=surroundings, say=lambda _: None)
    built = engine.ensure_generator(got, environment=surroundings, say=lambda _: None)
    assert built == sdk_generator.kept(cache.folder(surroundings))
    assert built.is_file()
    assert engine.ensure_generator(got, environment=surroundings) == built
    assert builds(surroundings) == 2
    named = {**surroundings, "ZONEWRIGHT_PULUMI": pulumi(tmp_path / "named", "v3.261.0")}
    assert engine.ensure_generator(engine.ensure(environment=named), environment=named) is None
    assert builds(surroundings) == 2


def test_a_host_that_is_not_built_is_a_sentence(surroundings: dict[str, str]) -> None:
    """Where the build of a host fails, the error says so, and nothing stands beside the engine."""
    got = engine.ensure(environment=surroundings, say=lambda _: None)
    failing = {**surroundings, "FAKE_BUILD": "exit 1"}
    with pytest.raises(engine.EngineError, match="the build with Go failed after"):
        engine.ensure_host(got, "yaml", environment=failing, say=lambda _: None)
    assert not (got.pulumi.parent / "pulumi-language-yaml").exists()


def test_cache_folder() -> None:
    """The cache folder is ZONEWRIGHT_CACHE, else in an absolute XDG_CACHE_HOME, else in the home folder."""
    home = {"HOME": "/home/a"}
    assert cache.folder(home) == Path("/home/a/.cache/zonewright")
    assert cache.folder({**home, "XDG_CACHE_HOME": "relative"}) == Path("/home/a/.cache/zonewright")
    assert cache.folder({**home, "XDG_CACHE_HOME": "/x"}) == Path("/x/zonewright")
    assert cache.folder({**home, "XDG_CACHE_HOME": "/x", "ZONEWRIGHT_CACHE": "/own"}) == Path("/own")


def test_one_version_everywhere() -> None:
    """The engine that is built, the SDK in the development extra and the lock file are of one version."""
    module = (build.module_folder() / "go.mod").read_text(encoding="utf-8")
    assert set(re.findall(r"github\.com/pulumi/pulumi/(?:pkg|sdk)/v3 v(\S+)", module)) == {str(engine.WANTED)}
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"pulumi=={engine.WANTED}" in project["optional-dependencies"]["dev"]
    assert f"\npulumi=={engine.WANTED} " in (_ROOT / "requirements-dev.lock").read_text(encoding="utf-8")


def _ensure_command() -> list[str]:
    """Give a command that gets an engine with the installer refused, in a process of its own."""
    script = (
        "from zonewright import engine; from zonewright.engine import install\n"
        "install._SCRIPT = 'raise SystemExit(1)'\nengine.ensure()"
    )
    return [sys.executable, "-c", script]


def _script(path: Path, text: str) -> Path:
    """Write a shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path
