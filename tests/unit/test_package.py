"""The package as it is built and installed; what each extra is enough for test_extras.py shows."""

import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

from support.zone_project import REPOSITORY
from zonewright import __version__


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
