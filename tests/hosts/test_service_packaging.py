"""What the service is installed by: the unit of systemd, and the container file."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.parts import require
from support.zone_project import REPOSITORY
from zonewright.cli import parser

UNIT = REPOSITORY / "packaging" / "zonewright.service"
CONTAINER = REPOSITORY / "packaging" / "Containerfile"
_EXPOSED = 15
"""Tenths of the ten by which systemd rates what a service could reach; its own word for it is OK from 25 on."""


def test_the_unit_is_one_and_confines_the_service(tmp_path: Path) -> None:
    """Each line of it is taken by systemd, which rates what is open to the service as next to nothing."""
    require("systemd-analyze", "systemd", "the unit of the service")
    unit = tmp_path / UNIT.name
    command = tmp_path / "zonewright"
    command.write_text("#!/bin/sh\n", encoding="ascii")
    command.chmod(0o755)
    text = UNIT.read_text(encoding="utf-8").replace("/opt/zonewright/bin/zonewright", str(command))
    unit.write_text(text, encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    faults = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (done.returncode, faults) == (0, []), done.stderr
    rate = ["systemd-analyze", "security", "--offline=true", f"--threshold={_EXPOSED}", str(unit)]
    rated = subprocess.run(rate, capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout


@pytest.mark.parametrize("file", [UNIT, CONTAINER], ids=lambda path: path.name)
def test_the_command_line_that_is_started_is_one(file: Path) -> None:
    """Its options are those of this version."""
    text = file.read_text(encoding="utf-8")
    found = re.search(r"^(?:ExecStart=\S+|ENTRYPOINT) (.*)$", text, re.MULTILINE)
    assert found is not None
    words = [word for word in re.findall(r"[^\s\"\[\],]+", found[1]) if word != "$SERVE_OPTIONS"]
    arguments = parser(["serve"]).parse_args(words[words.index("serve") :])
    assert arguments.log_format == "json"


def test_the_container_is_built_and_serves(tmp_path: Path) -> None:
    """Where an engine is there, the image is built from the wheel, and is not root's."""
    engine = next((name for name in ("podman", "docker") if shutil.which(name)), None)
    if engine is None or subprocess.run([engine, "info"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no engine of containers answers (Debian package podman): the container file is NOT built")
    wheel = ["python3", "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(tmp_path / "dist"), str(REPOSITORY)]
    subprocess.run(wheel, check=True, capture_output=True)
    shutil.copy(REPOSITORY / "requirements-dev.lock", tmp_path)
    subprocess.run([engine, "build", "--file", str(CONTAINER), "--tag", "zonewright-test", str(tmp_path)], check=True)
    asked = [engine, "run", "--rm", "--entrypoint", "id", "zonewright-test", "-u"]
    assert subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip() == "10001"
    told = [engine, "run", "--rm", "--entrypoint", "/opt/zonewright/bin/zonewright", "zonewright-test", "--version"]
    assert "zonewright" in subprocess.run(told, check=True, capture_output=True, text=True).stdout
