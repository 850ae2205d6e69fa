"""The environment of a project: what is set, what is kept out of sight, and the command line around it."""

import json
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zonewright import engine
from zonewright.cli import main
from zonewright.engine import launcher

_ENGINE = engine.Engine(Path("/engine/pulumi"), engine.WANTED, "PATH", (Path("/engine"),), ())


def command_line(*arguments: str) -> int:
    """Run the command as a user does, to its exit code."""
    return main(arguments)


@pytest.fixture
def named_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an engine and name it by the variable."""
    folder = tmp_path / "engine"
    folder.mkdir()
    for name in ("pulumi", "pulumi-language-python"):
        (folder / name).write_text("#!/bin/sh\necho v3.259.0\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("ZONEWRIGHT_PULUMI", str(folder))
    return folder


def test_variables(tmp_path: Path) -> None:
    """The engine comes first on PATH, once, and everything that Pulumi writes is inside the project."""
    variables = engine.environment(_ENGINE, root=tmp_path, base={"PATH": "/usr/bin:/engine:/bin"})
    assert variables["PATH"] == "/engine:/usr/bin:/bin"
    assert variables["PULUMI_HOME"] == str(tmp_path / ".zonewright" / "pulumi-home")
    assert variables["ZONEWRIGHT_PYTHON"] == sys.executable
    again = engine.environment(_ENGINE, root=tmp_path, base=variables)
    assert again == variables


def test_passphrase(tmp_path: Path) -> None:
    """The passphrase is long, for its owner only, made once, and git ignores it."""
    file = Path(engine.environment(_ENGINE, root=tmp_path)["PULUMI_CONFIG_PASSPHRASE_FILE"])
    first = file.read_text(encoding="ascii")
    assert len(first.strip()) >= 40
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    engine.environment(_ENGINE, root=tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text(encoding="ascii") == first
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    listed = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert listed.split() == ["??", ".zonewright/.gitignore"]


def test_two_callers_agree_on_the_passphrase(tmp_path: Path) -> None:
    """Of callers at the same time one makes the passphrase, and none leaves another file."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: engine.environment(_ENGINE, root=tmp_path), range(16)))
    assert sorted(path.name for path in (tmp_path / ".zonewright").iterdir()) == [
        ".gitignore",
        "passphrase",
        "pulumi-home",
    ]


def test_same_ignore_file_as_in_the_repository(tmp_path: Path) -> None:
    """The file that keeps the state folder out of git is the one that the repository has committed."""
    engine.environment(_ENGINE, root=tmp_path)
    committed = Path(__file__).resolve().parents[2] / ".zonewright" / ".gitignore"
    assert (tmp_path / ".zonewright" / ".gitignore").read_bytes() == committed.read_bytes()


def test_exports_are_safe_for_a_shell() -> None:
    """Any value comes through a shell's `eval` unchanged."""
    value = "a 'b' $(c) \"d\"\n`e`"
    script = f'{engine.exports({"VALUE": value})}printf %s "$VALUE"'
    assert subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True).stdout == value


def test_unwritable_project_is_a_sentence(tmp_path: Path) -> None:
    """A project whose state folder cannot be made is an error that names it."""
    (tmp_path / ".zonewright").write_text("", encoding="utf-8")
    with pytest.raises(engine.EngineError, match=r"/\.zonewright cannot be written, but it holds the stacks' state: "):
        engine.environment(_ENGINE, root=tmp_path)


@pytest.mark.usefixtures("named_engine")
def test_env_command_never_prints_the_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`engine env` prints the passphrase's file in either format, and never what is in it."""
    (tmp_path / "Pulumi.yaml").touch()
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert command_line("engine", "env") == 0
    assert command_line("engine", "env", "--format", "json") == 0
    printed = capsys.readouterr().out
    file = tmp_path / ".zonewright" / "passphrase"
    assert f"export PULUMI_CONFIG_PASSPHRASE_FILE={file}\n" in printed
    document = json.loads(printed[printed.index("{") :])
    assert document["version"] == 1
    assert document["environment"]["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(file)
    assert file.read_text(encoding="ascii").strip() not in printed


def test_commands_and_exit_codes(
    named_engine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Ensure and status give 0 with an engine, status 1 without, a bad setting or no project 3 with one line."""
    assert command_line("engine", "ensure", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["engine"]["pulumi"] == str(named_engine / "pulumi")
    assert command_line("engine", "status") == 0
    assert "obtained by: ZONEWRIGHT_PULUMI" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    assert command_line("engine", "env") == 3
    assert capsys.readouterr().err.startswith("error: no Pulumi.yaml is in ")
    shutil.rmtree(named_engine)
    assert command_line("engine", "ensure") == 3
    assert "ZONEWRIGHT_PULUMI is" in capsys.readouterr().err
    monkeypatch.delenv("ZONEWRIGHT_PULUMI")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("ZONEWRIGHT_CACHE", str(tmp_path / "cache"))
    assert command_line("engine", "status", "--format", "json") == 1
    assert json.loads(capsys.readouterr().out)["engine"] is None


def launch(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the launcher as an engine would that has ended already: the host ends with its standard input."""
    launcher.write(folder)
    return subprocess.run(
        [folder / "pulumi-language-python", "127.0.0.1:1"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **environment},
        input="",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def wrapped_python(path: Path, options: str = "") -> Path:
    """Make a command that is this Python, with options."""
    path.parent.mkdir(parents=True)
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {options} "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("way", ["named", "active", "above", "stale", "without"])
def test_launcher_finds_a_python(tmp_path: Path, way: str) -> None:
    """The launcher uses the named Python, the active environment's or one above, past one that has nothing."""
    project = tmp_path / "project" / "stacks"
    project.mkdir(parents=True)
    is_above = way in {"above", "stale", "without"}
    python = wrapped_python(tmp_path / "project" / ".venv" / "bin" / "python") if is_above else None
    without = wrapped_python(tmp_path / "without" / "bin" / "python", "-S")
    environment = {
        "named": {"ZONEWRIGHT_PYTHON": sys.executable},
        "active": {"VIRTUAL_ENV": str(Path(sys.executable).parents[1])},
        "above": {},
        "stale": {"ZONEWRIGHT_PYTHON": "/nowhere/python", "VIRTUAL_ENV": "/nowhere"},
        "without": {"ZONEWRIGHT_PYTHON": str(without), "VIRTUAL_ENV": str(without.parents[1])},
    }[way]
    result = launch(project, environment)
    assert result.returncode == 0, (python, result.stderr)
    assert result.stdout.strip().isdigit()


@pytest.mark.parametrize("way", ["absolute", "relative", "link"])
def test_launcher_names_the_executor_beside_it(tmp_path: Path, way: str) -> None:
    """However the launcher is called, the executor that it gives the language host lies in its own folder."""
    (tmp_path / "engine").mkdir()
    launcher.write(tmp_path / "engine")
    file = tmp_path / "engine" / "pulumi-language-python"
    says = tmp_path / "says"
    says.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', encoding="utf-8")
    says.chmod(0o755)
    (tmp_path / "link").symlink_to(file)
    called = {"absolute": file, "relative": Path("engine") / file.name, "link": tmp_path / "link"}[way]
    result = subprocess.run(
        [called], cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "ZONEWRIGHT_PYTHON": str(says)}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    given = result.stdout.splitlines()
    assert given[given.index("--executor") + 1] == str(tmp_path.resolve() / "engine" / launcher.EXECUTOR)


def test_launcher_without_python_is_a_sentence(tmp_path: Path) -> None:
    """Without any Python that has zonewright the launcher says what it tried and what to run."""
    without = wrapped_python(tmp_path / "without" / "bin" / "python", "-S")
    for environment, tried in (
        ({"ZONEWRIGHT_PYTHON": "/nowhere/python"}, "/nowhere/python"),
        ({"VIRTUAL_ENV": str(without.parents[1])}, str(without)),
        (
            {"ZONEWRIGHT_PYTHON": "/nowhere/python", "VIRTUAL_ENV": str(without.parents[1])},
            f"{without} /nowhere/python",
        ),
    ):
        result = launch(tmp_path, environment)
        assert result.returncode == 1
        assert f"found no Python with zonewright in it (tried: {tried}); run" in result.stderr
    assert 'eval "$(zonewright engine env)"' in result.stderr
