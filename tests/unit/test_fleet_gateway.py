"""The host of a gateway gets its program, libraries and devices in the place of the agent alone."""

import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from zonewright.fleet.agents.artefact import PROGRAM, ArtefactError
from zonewright.fleet.agents.facts import HostFacts
from zonewright.fleet.agents.gateway import fits
from zonewright.fleet.agents.layout import UNIT
from zonewright.fleet.agents.plan import plan_host
from zonewright.fleet.agents.recipe import desired_of, recipe_of
from zonewright.fleet.agents.scripts import CHECK
from zonewright.fleet.agents.texts import DEVICES
from zonewright.model.fleet import AgentSettings

FACTS = HostFacts(
    machine="x86_64",
    libc="glibc",
    python=sys.executable,
    python_version="3.11",
    supervisor="runit",
    has_rapl=False,
    current="",
    releases=(),
    damaged=(),
    is_proven=False,
    unit_sha256="",
    public_key="",
    token_sha256="",
    is_active=False,
)
GOOD = """
credentials_file: {folder}/secrets/devices
devices:
  incomer-a: {{protocol: modbus, address: 10.0.0.5, map: abb-b23, rating_w: 50000}}
  pdu-a: {{protocol: snmp, address: 10.0.0.6, family: apc-rpdu2, credentials: pdus, rating_w: 11000}}
"""


def settings(folder: Path, **more: str) -> AgentSettings:
    """The agent with a gateway on one host, for a user who is not root."""
    url = "http://127.0.0.1:8480/v1/metrics"
    gateways = {"gw-1": {"devices": "devices-1.yaml", **more}}
    return AgentSettings.model_validate({"url": url, "prefix": str(folder), "gateways": gateways, "sources": ["host"]})


def test_the_release_of_a_gateway_takes_its_devices_on_its_host(tmp_path: Path) -> None:
    """What is sent to a host is checked there as it will run: libraries, credentials and all devices."""
    (tmp_path / "devices-1.yaml").write_text(GOOD.format(folder=tmp_path), encoding="utf-8")
    recipe = recipe_of(settings(tmp_path), tmp_path)
    plans = {name: plan_host(name, recipe, FACTS, is_enrolled=True) for name in ("gw-1", "core-001")}
    gateway, agent = plans["gw-1"].release, plans["core-001"].release
    assert gateway is not None
    assert agent is not None
    assert DEVICES in gateway.texts
    assert DEVICES not in agent.texts
    with zipfile.ZipFile(_file(tmp_path / "agent.zip", agent.artefact.files[PROGRAM])) as program:
        assert not any(name.startswith("zonewright_gateway") for name in program.namelist())
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    subprocess.run(["tar", "-x", "-C", str(unpacked)], input=gateway.archive("3.11"), check=True)
    private_file(tmp_path / "secrets" / "token", "a-token")
    private_file(tmp_path / "secrets" / "devices", "pdus: {community: a-word}\n")
    check = [sys.executable, "-IS", "-c", CHECK]
    done = subprocess.run(check, cwd=unpacked, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("good: gw-1 reads 2 devices and reports to http://127.0.0.1:8480")
    private_file(tmp_path / "secrets" / "devices", "pdu: {community: a-word}\n")
    done = subprocess.run(check, cwd=unpacked, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "devices.pdu-a.credentials: there is no 'pdus'; did you mean 'pdu'?" in done.stderr


def private_file(path: Path, text: str) -> None:
    """A file that its owner alone may read."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)


def _file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_what_stands_in_the_way_of_a_gateway(tmp_path: Path) -> None:
    """An older Python is an obstacle for the gateway alone; faults of its devices stop before any host is touched."""
    (tmp_path / "devices-1.yaml").write_text(GOOD.format(folder=tmp_path), encoding="utf-8")
    recipe = recipe_of(settings(tmp_path), tmp_path)
    old = replace(FACTS, python_version="3.9")
    assert plan_host("core-001", recipe, old, is_enrolled=True).obstacles == ()
    (obstacle,) = plan_host("gw-1", recipe, old, is_enrolled=True).obstacles
    assert obstacle.endswith("is Python 3.9; the gateway needs 3.11 or newer")
    with pytest.raises(ArtefactError, match="holds no wheels; fetch them with: pip download"):
        recipe_of(settings(tmp_path, libraries="wheels"), tmp_path)
    relative = GOOD.format(folder=tmp_path).replace(f"{tmp_path}/secrets", "secrets")
    (tmp_path / "devices-1.yaml").write_text(relative, encoding="utf-8")
    with pytest.raises(ArtefactError, match="credentials_file: expected an absolute path on gw-1"):
        recipe_of(settings(tmp_path), tmp_path)
    (tmp_path / "devices-1.yaml").write_text("devices:\n  a: {protocol: modbus}\n  b: 5\n", encoding="utf-8")
    with pytest.raises(ArtefactError) as caught:
        recipe_of(settings(tmp_path), tmp_path)
    assert "devices-1.yaml:2: devices.a: 'map' is missing" in str(caught.value)
    assert "devices-1.yaml:3: devices.b: expected a mapping, got 5" in str(caught.value)


def test_what_is_deployed_changes_with_the_devices(tmp_path: Path) -> None:
    """Another device is another configuration of the stack's resource; its program is the same."""
    path = tmp_path / "devices-1.yaml"
    path.write_text(GOOD.format(folder=tmp_path), encoding="utf-8")
    before = desired_of(recipe_of(settings(tmp_path), tmp_path))
    path.write_text(GOOD.format(folder=tmp_path).replace("10.0.0.5", "10.0.0.7"), encoding="utf-8")
    after = desired_of(recipe_of(settings(tmp_path), tmp_path))
    assert (before.artefact_digest, before.version) == (after.artefact_digest, after.version)
    assert before.configuration_digest != after.configuration_digest


def test_the_unit_of_a_gateway_may_talk_to_its_devices(tmp_path: Path) -> None:
    """The agent's unit names the one address that it may talk to; a gateway's has more room, and no such list."""
    (tmp_path / "devices-1.yaml").write_text(GOOD.format(folder=tmp_path), encoding="utf-8")
    system = settings(tmp_path).model_copy(update={"prefix": None})
    recipe = recipe_of(system, tmp_path)
    facts = replace(FACTS, supervisor="systemd")
    units = {}
    for name in ("gw-1", "core-001"):
        release = plan_host(name, recipe, facts, is_enrolled=True).release
        assert release is not None
        units[name] = release.texts[UNIT]
    assert "IPAddressDeny=any" in units["core-001"]
    assert "IPAddressDeny" not in units["gw-1"]
    assert "MemoryMax=512M" in units["gw-1"]


@pytest.mark.parametrize(
    ("name", "is_fit"),
    [
        ("pymodbus-3.16.1-py3-none-any.whl", True),
        ("six-1.16-py2.py3-none-any.whl", True),
        ("pyyaml-6.0.3-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", True),
        ("pyyaml-6.0.3-cp312-cp312-manylinux2014_x86_64.whl", False),
        ("pyyaml-6.0.3-cp311-cp311-manylinux2014_aarch64.whl", False),
        ("pyyaml-6.0.3-cp311-cp311-musllinux_1_2_x86_64.whl", False),
        ("cryptography-50.0.2-cp39-abi3-manylinux_2_28_x86_64.whl", True),
        ("cryptography-50.0.2-cp312-abi3-manylinux_2_28_x86_64.whl", False),
        ("readme.whl", False),
    ],
)
def test_which_wheels_are_for_a_host(name: str, is_fit: bool) -> None:  # noqa: FBT001 - a table
    """A wheel is taken where its name says that the host's Python, C library and machine can use it."""
    assert fits(name, machine="x86_64", libc="glibc", python_version="3.11") is is_fit
