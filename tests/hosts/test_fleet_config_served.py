"""What was delivered is what is served: a real name server takes each new version, and the way back."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from support.config_world import CONFIGURATION, ONE, TWO, ZONE_FILE, ConfigWorld, config_world
from support.parts import require
from support.telemetry_processes import wait_for

DOMAIN = "dc1.small.internal"
RELOAD = "kill -HUP $(cat ~/named.pid) 2>/dev/null || named -c ~/named.conf"


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[ConfigWorld]:
    named = require("named", "bind9", "whether a name server serves what was deployed")
    dig = require("dig", "bind9-dnsutils", "whether a name server serves what was deployed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with config_world(tmp_path) as world:
        host = world.hosts[0]
        home, owner = host.home_there, host.home.stat()
        own = f"""
            options {{
                directory "{home}"; pid-file "{home}/named.pid"; session-keyfile "{home}/session.key";
                listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no;
                allow-transfer {{ none; }};
            }};
            controls {{ }};
            zone "{DOMAIN}" {{ type primary; file "{home}/{ZONE_FILE}"; }};
        """
        (host.home / "named.conf").write_text(own, encoding="ascii")
        os.chown(host.home / "named.conf", owner.st_uid, owner.st_gid)
        ask = f"{dig} +short +time=1 +tries=1 -p {port} @127.0.0.1 SOA {DOMAIN} | cut -d' ' -f3"
        serial = f"awk '$3 == \"SOA\" {{ print $6; exit }}' ~/{ZONE_FILE}"
        world.write(
            reload=RELOAD.replace("named -c", f"{named} -c"), check=f'test "$({ask})" = "$({serial})"', within_s=8
        )
        try:
            yield world
        finally:
            with suppress(OSError, ValueError):
                os.kill(int((host.home / "named.pid").read_text(encoding="ascii")), signal.SIGTERM)
                wait_for(lambda: not (host.home / "named.pid").exists())


def served(world: ConfigWorld) -> str:
    """What the name server answers for the address that differs between the two versions."""
    port = re.findall(r"listen-on port ([0-9]+)", (world.hosts[0].home / "named.conf").read_text(encoding="ascii"))[0]
    dig = require("dig", "bind9-dnsutils", "whether a name server serves what was deployed")
    command = [dig, "+short", "+time=1", "+tries=1", "-p", port, "@127.0.0.1", f"ns1.{DOMAIN}", "A"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def test_a_name_server_serves_each_version_and_the_one_before(world: ConfigWorld) -> None:
    """New files, a rollback, and files that a failed check puts back are each newer than what the server has loaded."""
    assert world.state() == ("changed", "")
    world.facility.approved(TWO)
    assert world.state() == ("changed", "")
    assert TWO in world.text()
    back = world.run("rollback", "--configs")
    assert back.code == 0, back.stdout
    assert ONE in world.text()
    good = world.fleet["configurations"]["names"]
    world.write(**{**good, "check": f"! grep -q {TWO} ~/{ZONE_FILE}", "within_s": 2})
    assert world.state()[0] == "rolled-back"
    assert ONE in world.text()
    wait_for(lambda: served(world) == ONE, seconds=10)


def test_what_a_reload_makes_is_not_for_its_maker_alone(world: ConfigWorld) -> None:
    """A file that a reload or a check writes has the usual mask, and not that of the trial's own files."""
    own = CONFIGURATION | {"reload": "echo made > ~/by-reload", "check": "echo made > ~/by-check"}
    world.write(**own)
    assert world.state() == ("changed", "")
    home = world.hosts[0].home
    assert [(home / name).stat().st_mode & 0o777 for name in ("by-reload", "by-check")] == [0o644, 0o644]


def test_who_may_read_and_write_is_compared_and_repaired(world: ConfigWorld) -> None:
    """A mode that somebody changed is drift with both modes; the next deployment puts it right."""
    world.write(**CONFIGURATION, mode="640")
    assert world.state() == ("changed", "")
    assert world.run("verify").code == 0
    path = world.hosts[0].home / ZONE_FILE
    path.chmod(0o666)
    drift = world.run("verify")
    assert drift.code == 1
    assert re.search(r"mode: \S+/site.zone \(666, but the fleet's file has 640\)", drift.stdout)
    assert world.state() == ("changed", "")
    assert path.stat().st_mode & 0o777 == 0o640
