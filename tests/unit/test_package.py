"""The package as it is installed: what the base is enough for, and what says which extra it needs."""

import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from support.zone_project import REPOSITORY
from zonewright import __version__

BLOCKED = ("pulumi", "grpc", "sqlalchemy", "starlette", "urllib3", "anyio", "uvicorn")
BASE_ONLY = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
from zonewright.cli import main
sys.exit(main(sys.argv[1:]))
"""


def base_only(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line where only the base's dependencies can be imported."""
    return subprocess.run(
        [sys.executable, "-c", BASE_ONLY, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_an_auditor_needs_no_extra() -> None:
    """`check` of a zone and `schema` work with the base alone, on the whole reference zone."""
    checked = base_only("check", "stacks/zones/reference", cwd=REPOSITORY)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.splitlines()[-1].startswith("good: ")
    assert base_only("schema", "zone", cwd=REPOSITORY).returncode == 0


@pytest.mark.parametrize("arguments", [("ledger", "status"), ("diff", "--stack", "a"), ("recover", "--stack", "a")])
def test_what_needs_an_extra_says_which(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Without its extra a command ends with one sentence and the line that installs it."""
    (tmp_path / "Pulumi.yaml").write_text("name: x\nruntime: python\n", encoding="utf-8")
    config = 'config: {"zone:declaration": z/t.yaml, "zone:ledger": "sqlite:///l.db", "zone:stackId": a-0123456789ab}\n'
    (tmp_path / "Pulumi.a.yaml").write_text(config, encoding="utf-8")
    (tmp_path / "l.db").write_bytes(b"")
    result = base_only(*arguments, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert f"pip install 'zonewright[{'ledger' if arguments[0] == 'ledger' else 'stack'}]'" in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_package_is_the_command_line(tmp_path: Path) -> None:
    """`python -m zonewright` takes what `zonewright` takes, with its exit codes, and calls itself by that name."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "zonewright", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run("--version").stdout == f"zonewright {__version__}\n"
    wrong = run("check", "--nothing")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("usage: zonewright ")
    faulty = run("check", "nowhere")
    assert (faulty.returncode, faulty.stdout.startswith("nowhere: not a zone's folder")) == (1, True), faulty


def test_the_wheel_holds_what_it_needs(tmp_path: Path) -> None:
    """A wheel built from the checkout has modules, templates and the engine's pinned modules, and runs from itself."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "zonewright/py.typed",
        "zonewright_agent/py.typed",
        "zonewright_gateway/py.typed",
        "zonewright_gateway/maps/snmp/apc-rpdu2.yaml",
        "zonewright_templates/py.typed",
        "zonewright/provider/PulumiPlugin.yaml",
        "zonewright/engine/gomodule/go.mod",
        "zonewright/engine/gomodule/sdk_generator/main.go",
        "zonewright_templates/netplan/node.yaml.j2",
    } <= names
    assert not [name for name in names if name.startswith(("tests/", "bench/"))]
    (about,) = [name for name in names if name.endswith(".dist-info/METADATA")]
    page = zipfile.ZipFile(wheel).read(about).decode("utf-8").partition("\n\n")[2]
    assert re.findall(r"\]\((?!https://)[^)]*\)", page) == [], (
        "on a package index these links of the README lead nowhere"
    )
    assert page.count("](https://") > 20
    environment = tmp_path / "environment"
    venv.create(environment, system_site_packages=False, with_pip=False)
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from zonewright.cli import main; sys.exit(main(['--help']))"
    )
    shown = subprocess.run(
        [environment / "bin" / "python", "-c", code, wheel], capture_output=True, text=True, check=True
    )
    assert "check" in shown.stdout
