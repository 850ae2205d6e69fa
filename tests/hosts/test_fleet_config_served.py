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
import yaml

from support.config_world import CONFIGURATION, ONE, TWO, ZONE_FILE, ConfigWorld, config_world
from support.parts import require
from support.telemetry_processes import wait_for
from support.zone_project import REPOSITORY

DOMAIN = "dc1.small.internal"
CHECK = (
    """test "$(dig +short {at} SOA {zone} | cut -d' ' -f3)" = """
    """"$(awk '$3 == "SOA" {{ print $6; exit }}' {file})\""""
)
RELOAD = "kill -HUP $(cat ~/named.pid) 2>/dev/null || named -c ~/named.conf"


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[ConfigWorld]:
    named = require("named", "bind9", "whether a name server serves what was deployed")
    dig = require("dig", "bind9-dnsutils", "whether a name server serves what was deployed")
    port = free_port()
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
        check = CHECK.format(at=f"+time=1 +tries=1 -p {port} @127.0.0.1", zone=DOMAIN, file=f"~/{ZONE_FILE}")
        check = check.replace("dig", dig, 1)
        world.write(reload=RELOAD.replace("named -c", f"{named} -c"), check=check, within_s=8)
        try:
            yield world
        finally:
            with suppress(OSError, ValueError):
                os.kill(int((host.home / "named.pid").read_text(encoding="ascii")), signal.SIGTERM)
                wait_for(lambda: not (host.home / "named.pid").exists())


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


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


def checks() -> dict[str, str]:
    """The check of each configuration that the page shows, by format."""
    page = (REPOSITORY / "docs" / "how-to" / "deploy-configurations.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    parsed = [yaml.safe_load(block) for block in blocks]
    found = [one for block in parsed for one in block.get("configurations", block).values()]
    return {one["format"]: one["check"] for one in found}


def test_the_page_s_check_of_a_router_wants_every_session(tmp_path: Path) -> None:
    """With a real bgpd it fails while a peer is down or nothing answers, and passes when all are established."""
    bgpd = require("bgpd", "frr", "whether the page's check of a router sees a session that is down")
    vtysh = require("vtysh", "frr", "whether the page's check of a router sees a session that is down")
    sockets = [tmp_path / "a", tmp_path / "b"]
    own = {"a": ("127.0.0.1", "65001", "127.0.0.2", "65002"), "b": ("127.0.0.2", "65002", "127.0.0.1", "65001")}
    ports, running = [free_port(), free_port()], []
    check = f'vtysh() {{ {vtysh} --vty_socket {sockets[0]} "$@"; }}; {checks()["frr"]}'

    def passes() -> bool:
        return subprocess.run(["sh", "-c", check], capture_output=True, check=False).returncode == 0

    def start(number: int) -> None:
        name, port, other = "ab"[number], ports[number], ports[1 - number]
        mine, number_mine, peer, number_peer = own[name]
        (tmp_path / f"{name}.conf").write_text(
            f"router bgp {number_mine}\n no bgp ebgp-requires-policy\n bgp router-id {mine}\n"
            f" neighbor {peer} remote-as {number_peer}\n neighbor {peer} port {other}\n"
            f" neighbor {peer} timers connect 1\n neighbor {peer} update-source {mine}\n"
            f" neighbor {peer} disable-connected-check\n",
            encoding="ascii",
        )
        sockets[number].mkdir()
        command = [bgpd, "-n", "-S", "-f", tmp_path / f"{name}.conf", "-i", sockets[number] / "pid"]
        command += [
            "--vty_socket",
            sockets[number],
            "-p",
            str(port),
            "-l",
            mine,
            "-P",
            "0",
            "-z",
            sockets[number] / "z",
        ]
        running.append(subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        wait_for((sockets[number] / "bgpd.vty").exists)

    try:
        assert not passes()
        start(0)
        assert not passes()
        start(1)
        wait_for(passes, seconds=20)
        running[1].kill()
        wait_for(lambda: not passes(), seconds=20)
    finally:
        for one in running:
            one.kill()
            one.wait()


def test_the_page_s_check_of_a_name_server_is_that_of_the_test() -> None:
    """What is tried here with BIND is what the page says, but for the address of the server and the file."""
    assert (
        checks()["bind"].split()
        == CHECK.format(at="@127.0.0.1", zone="wj-dc1.zone.internal", file="/etc/bind/zones/site.zone").split()
    )
