"""What travels to a host: the same bytes for the same sources, all of it in the name, and texts that are safe."""

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

from support.golden import compare_golden
from support.parts import require
from support.zone_project import REPOSITORY
from zonewright.fleet.agents.artefact import (
    COMPILED,
    PROGRAM,
    ArtefactError,
    agent_sources,
    make_artefact,
    make_release,
    read_wheels,
)
from zonewright.fleet.agents.artefact import PYTHON as OWN_PYTHON
from zonewright.fleet.agents.layout import UNIT, system_layout, user_layout
from zonewright.fleet.agents.texts import RUN, SETTINGS, agent_texts
from zonewright.fleet.archive import MANIFEST
from zonewright.model.fleet import AgentSettings
from zonewright.render import RenderError
from zonewright_agent import __version__
from zonewright_agent.configuration import from_text
from zonewright_agent.simple_toml import loads

NAMED = AgentSettings(url="https://zone.example:8480/v1/metrics")
NUMBERED = AgentSettings(url="https://192.0.2.1:8480/v1/metrics", interval_s=30, psutil="wheels")
WITH_BOARDS = NUMBERED.model_copy(update={"sources": ("host", "nvml")})
PYTHON = "/usr/bin/python3"


def texts(settings: AgentSettings = NAMED, *, has_rapl: bool = False, prefix: str | None = None) -> dict[str, str]:
    """The texts of one host."""
    layout = system_layout() if prefix is None else user_layout(prefix)
    return agent_texts("core-001", settings, layout, python=PYTHON, left_out=() if has_rapl else ("rapl",))


def test_another_receiver_is_told_where_the_host_is() -> None:
    """The agent takes the settings; both receivers may be talked to, and where one has a name, all may."""
    also = {"also_url": "https://192.0.2.9:9090/api/v1/otlp/v1/metrics", "also_token_file": "/etc/otlp-token"}
    found = agent_texts(
        "core-001",
        NUMBERED.model_copy(update=also),
        system_layout(),
        python=PYTHON,
        left_out=("rapl",),
        place=("dc1", "dc1/a/01/02"),
    )
    settings = from_text(found[SETTINGS], "agent.toml")
    assert (settings.site, settings.rack, settings.also_token_file) == ("dc1", "dc1/a/01/02", "/etc/otlp-token")
    assert "IPAddressAllow=192.0.2.1 192.0.2.9\n" in found[UNIT]
    named = agent_texts(
        "core-001",
        NUMBERED.model_copy(update={"also_url": "https://prometheus.example/otlp"}),
        system_layout(),
        python=PYTHON,
        left_out=(),
    )
    assert "IPAddressAllow" not in named[UNIT]


def test_the_archive_is_the_same_everywhere(tmp_path: Path) -> None:
    """Another process with another hash seed, time zone and umask, over copies with other times, makes the same."""
    shutil.copytree(REPOSITORY / "agents", tmp_path / "agents")
    for path in (tmp_path / "agents").rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    code = (
        "import os; os.umask(0o077)\n"
        "import hashlib\nfrom zonewright.fleet.agents.artefact import *\n"
        "artefact = make_artefact(agent_sources(), {'psutil/x.py': b'1'})\n"
        "release = make_release(artefact, {'agent.toml': 'a', 'run': 'b'})\n"
        "print(release.id, hashlib.sha256(release.archive('')).hexdigest())"
    )
    said = set()
    for seed, zone, agents in (("1", "UTC", REPOSITORY / "agents"), ("2", "Asia/Shanghai", tmp_path / "agents")):
        paths = os.pathsep.join([str(agents), str(REPOSITORY / "modules")])
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": paths}
        said.add(subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout)
    assert len(said) == 1


def test_everything_is_in_the_name() -> None:
    """Any changed byte of program, library or text makes another release; the same content the same one."""
    sources, library = agent_sources(), {"psutil/__init__.py": b"1"}
    names = {
        make_release(make_artefact(sources, library), texts()).id,
        make_release(make_artefact(sources, {"psutil/__init__.py": b"2"}), texts()).id,
        make_release(make_artefact({**sources, "zonewright_agent/new.py": b""}, library), texts()).id,
        make_release(make_artefact(sources, library), texts(NUMBERED)).id,
    }
    assert len(names) == 4
    assert make_release(make_artefact(sources, library), texts()).id in names
    assert all(name.startswith(f"{__version__}-") for name in names)


def test_tar_unpacks_what_the_manifest_says(tmp_path: Path) -> None:
    """GNU tar takes the archive, and sha256sum finds every file as the manifest has it."""
    release = make_release(make_artefact(agent_sources(), {"psutil/__init__.py": b"1"}), texts())
    subprocess.run(["tar", "-x", "-C", str(tmp_path)], input=release.archive(""), check=True)
    subprocess.run(["sha256sum", "--quiet", "-c", MANIFEST], cwd=tmp_path, check=True)
    assert (tmp_path / MANIFEST).read_text(encoding="utf-8") == release.manifest
    with tarfile.open(fileobj=io.BytesIO(release.archive(""))) as archive:
        names = {entry.name for entry in archive if entry.isfile()}
    assert names == {line.split("  ")[1] for line in release.manifest.splitlines()} | {MANIFEST}


def python_39() -> str | None:
    """A Python 3.9 that runs: pyenv's shim is there and ends with 127 where pyenv's versions are not."""
    kept = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv").glob("versions/3.9.*/bin/python")
    for python in (*map(str, sorted(kept)), shutil.which("python3.9")):
        if python and subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0:
            return python
    return None


def test_the_program_runs_on_python_39(tmp_path: Path) -> None:
    """The zipapp with the wheel's psutil runs on the oldest Python that hosts may have, and takes the settings."""
    python = python_39()
    if python is None:
        pytest.skip("there is no Python 3.9 here: that the agent runs on it is NOT tested (its syntax is, by ruff)")
    release = make_release(make_artefact(agent_sources(), {}), texts(prefix=str(tmp_path)))
    subprocess.run(["tar", "-x", "-C", str(tmp_path)], input=release.archive(""), check=True)
    token = Path(tomllib.loads((tmp_path / SETTINGS).read_text(encoding="utf-8"))["token_file"])
    token.parent.mkdir(parents=True, exist_ok=True)
    token.write_text("a-token", encoding="ascii")
    token.chmod(0o600)
    command = [python, str(tmp_path / PROGRAM), "--check-config", "--config", str(tmp_path / SETTINGS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("good: agent core-001 reports")


def test_wheels_are_found_by_architecture(tmp_path: Path) -> None:
    """Each wheel stands under its architecture and C library; a folder without any is refused."""
    with pytest.raises(ArtefactError, match="holds no wheel of psutil"):
        read_wheels(tmp_path)
    for name in ("manylinux2014_x86_64.manylinux_2_17_x86_64", "manylinux2014_aarch64", "musllinux_1_2_x86_64"):
        path = tmp_path / f"psutil-7.0.0-cp36-abi3-{name}.whl"
        shutil.make_archive(str(path), "zip", REPOSITORY / "agents", "zonewright_agent")
        path.with_suffix(".whl.zip").rename(path)
    assert sorted(read_wheels(tmp_path)) == ["aarch64-glibc", "x86_64-glibc", "x86_64-musl"]
    with zipfile.ZipFile(tmp_path / "nvidia_ml_py-13.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("pynvml.py", "boards = 1\n")
    assert {tuple(files)[-1:] for files in read_wheels(tmp_path).values()} == {("pynvml.py",)}, "for hosts with boards"
    older = tmp_path / "nvidia_ml_py-9.2-py3-none-any.whl"
    older.write_bytes(b"cut")
    assert read_wheels(tmp_path)["x86_64-glibc"]["pynvml.py"] == b"boards = 1\n", "the newest counts"
    older.rename(tmp_path / "nvidia_ml_py-13.1-py3-none-any.whl")
    with pytest.raises(ArtefactError, match=r"nvidia_ml_py-13\.1.* is no whole wheel of nvidia-ml-py; fetch one"):
        read_wheels(tmp_path)


CASES = {
    "system": texts(),
    "system-rapl": texts(NUMBERED, has_rapl=True),
    "user": texts(NUMBERED, prefix="/home/operator/agent"),
}


@pytest.mark.parametrize("case", CASES)
def test_texts_are_the_committed_ones(case: str) -> None:
    """Each text is its golden file, byte for byte."""
    for name, text in CASES[case].items():
        compare_golden(f"agent/{case}/{name}", text)


@pytest.mark.parametrize("has_rapl", [False, True])
@pytest.mark.parametrize("settings", [NAMED, NUMBERED, WITH_BOARDS], ids=["by name", "by address", "with boards"])
def test_the_unit_is_hardened(tmp_path: Path, settings: AgentSettings, *, has_rapl: bool) -> None:
    """The exposure score is 1.5 at most, and systemd finds nothing unknown in the unit."""
    require("systemd-analyze", "systemd", "the unit's exposure")
    path = tmp_path / UNIT
    path.write_text(texts(settings, has_rapl=has_rapl)[UNIT], encoding="utf-8")
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=15", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    verify = subprocess.run(["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, check=False)
    assert verify.stderr == b""


def test_the_capability_is_given_only_with_counters() -> None:
    """The one capability stands in the unit of a host with such counters, and in no other."""
    assert "CAP_" not in texts()[UNIT]
    assert texts(has_rapl=True)[UNIT].count("CAP_DAC_READ_SEARCH") == 2
    assert loads(texts()[SETTINGS])["sources"] == ["host", "hwmon"]
    assert loads(texts(has_rapl=True)[SETTINGS])["sources"] == ["host", "hwmon", "rapl"]
    assert "PrivateDevices=yes" in texts()[UNIT]
    with_boards = texts(WITH_BOARDS)[UNIT]
    assert ("DeviceAllow=char-nvidia rw" in with_boards, "PrivateDevices" in with_boards) == (True, False)


@pytest.mark.parametrize("url", ['https://zone.example/"', "https://zone.example/\\u0041", "https://zone.example/#"])
def test_values_stay_values(url: str) -> None:
    """What would end a string, or begin a comment, is quoted; what would end a line is refused."""
    assert loads(texts(NAMED.model_copy(update={"url": url}))[SETTINGS])["url"] == url
    with pytest.raises(RenderError, match="must not get into a file"):
        texts(NAMED.model_copy(update={"url": f"{url}\nsources = []"}))


@pytest.mark.parametrize("python", ["/usr/bin/python3 -c", "/usr/bin/$(id)", ""])
def test_words_stay_words(python: str) -> None:
    """What a shell or systemd would read as more than one word is refused."""
    with pytest.raises(RenderError, match="expected one word"):
        agent_texts("core-001", NAMED, system_layout(), python=python, left_out=())


def test_run_scripts_are_shell() -> None:
    """The shell takes both run scripts."""
    for case in CASES.values():
        subprocess.run(["sh", "-n"], input=case[RUN].encode(), check=True)


def unpacked(folder: Path, sources: dict[str, bytes]) -> None:
    """A release as a host with this Python has it, ready to be checked by its own program."""
    release = make_release(make_artefact(sources, {"psutil/__init__.py": b"1"}), texts(prefix=str(folder)))
    subprocess.run(["tar", "-x", "-C", str(folder)], input=release.archive(OWN_PYTHON), check=True)
    lists = release.lists(OWN_PYTHON).encode()
    names = ["-", MANIFEST, COMPILED]
    subprocess.run(["sha256sum", "--quiet", "-c", *names], cwd=folder, input=lists, check=True)
    (folder / "secrets").mkdir()
    (folder / "secrets" / "token").touch(mode=0o600)
    (folder / "secrets" / "token").write_text("a-token", encoding="ascii")


def check_config(folder: Path) -> subprocess.CompletedProcess[str]:
    """What the program says of its settings, and where Python found its modules."""
    command = [sys.executable, "-I", "-v", PROGRAM, "--check-config", "--config", SETTINGS]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def where_from(done: subprocess.CompletedProcess[str], folder: Path) -> set[str]:
    """The archives that the agent's modules came from."""
    found = re.findall(r"^import 'zonewright_agent\..+ \"(.+)/zonewright_agent/\">$", done.stderr, re.MULTILINE)
    return {path.removeprefix(f"{folder}/") for path in found}


def test_byte_code_of_the_same_python_is_used(tmp_path: Path) -> None:
    """A host with this Python gets byte code that its lists name, and loads the program from it."""
    unpacked(tmp_path, agent_sources())
    done = check_config(tmp_path)
    assert done.stdout.startswith("good: agent core-001 reports")
    assert where_from(done, tmp_path) == {f"compiled/{MAGIC_NUMBER.hex()}.zip"}
    assert (tmp_path / "lib" / "psutil" / "__pycache__" / f"__init__.{sys.implementation.cache_tag}.pyc").exists()


def test_a_python_that_was_upgraded_takes_the_sources(tmp_path: Path) -> None:
    """Where the only byte code is of another Python, the program runs from its sources."""
    unpacked(tmp_path, agent_sources())
    path = tmp_path / "compiled" / f"{MAGIC_NUMBER.hex()}.zip"
    path.write_bytes(path.read_bytes().replace(MAGIC_NUMBER, b"\1\1\r\n"))
    path.rename(path.with_name("01010d0a.zip"))
    done = check_config(tmp_path)
    assert done.stdout.startswith("good: agent core-001 reports")
    assert where_from(done, tmp_path) == {PROGRAM}


def test_byte_code_does_not_count_for_the_name() -> None:
    """A host with another Python gets the same release without byte code, and so does one whose program has a fault."""
    release = make_release(make_artefact(agent_sources(), {"psutil/__init__.py": b"1"}), texts())
    assert COMPILED.encode() in release.archive(OWN_PYTHON)
    assert COMPILED.encode() not in release.archive("3.9")
    assert f"  {COMPILED}" not in release.lists("3.9")
    broken = make_artefact({**agent_sources(), "zonewright_agent/new.py": b"def"}, {})
    assert broken.compiled == {}
