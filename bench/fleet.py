"""Roll-out to 50 real SSH hosts beside pyinfra and Ansible on the same hosts, in the same run.

The peers live in environments of their own in the user's cache: pyinfra needs another paramiko. They copy a file of the
same size and hash it; zonewright also checks it, switches, restarts the agent and waits for its signed report. Its
processor time is given for the deployer with the service, and for the hosts, which elsewhere are machines of their own.
"""

import contextlib
import dataclasses
import json
import os
import socket
import statistics
import subprocess
import tempfile
import time
import venv
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import psutil

from bench.figures import Figure, median_s, seconds
from support.fault_proxy import FaultProxy
from support.fleet_world import ALL_AT_ONCE, FleetWorld, fleet_world, installed_psutil, release
from support.ssh_hosts import SshHost, new_key
from zonewright.fleet.agents.artefact import Artefact, make_artefact
from zonewright.fleet.inventory import Host, ansible_inventory
from zonewright.fleet.rollout.rollout import roll_out
from zonewright.fleet.ssh.ssh_transport import SshSettings, SshTransport
from zonewright.fleet.ssh.transport import Target

HOSTS, SIZE = 50, 1_000_000
PEERS = {"pyinfra": "pyinfra==3.10.0", "ansible": "ansible-core==2.19.14"}
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "zonewright" / "bench"
BAD_DEADLINE_S = 15.0
_RUNS = 5
INTERVAL_S = 10.0
"""As the agents come: between two samplings."""
_PLAYBOOK = """\
- hosts: all
  gather_facts: false
  tasks:
    - copy: {src: SOURCE, dest: /home/operator/copied}
    - command: sha256sum /home/operator/copied
      changed_when: false
"""


def figures(_runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """Figures of a roll-out."""
    peers = {name: _environment(name) for name in PEERS}
    with tempfile.TemporaryDirectory() as folder, fleet_world(Path(folder), HOSTS) as world:
        return _measured(world, Path(folder), peers)


def _measured(world: FleetWorld[SshHost], folder: Path, peers: dict[str, Path]) -> list[Figure]:
    source = folder / "source"
    source.write_bytes(os.urandom(SIZE))
    _deploy(world, "1.0.0")  # the first one makes users, keys and services; upgrades are what is done often
    versions = iter(f"1.{number}.0" for number in range(1, 100))
    our_times, their_times, cpu_ms = [], [], []
    for _ in range(_RUNS):  # in turn, so that a machine that is busy for a while is so for both
        here_s, there_s = time.process_time(), _cpu_of_hosts_s(world)
        our_times.append(seconds(lambda: _deploy(world, next(versions))))
        here_s, there_s = time.process_time() - here_s, _cpu_of_hosts_s(world) - there_s
        cpu_ms.append((here_s * 1000 / HOSTS, there_s * 1000 / HOSTS))
        source.write_bytes(os.urandom(SIZE))
        their_times.append(seconds(lambda: _pyinfra(world, folder, peers["pyinfra"])))
    ours, pyinfra = statistics.median(our_times), statistics.median(their_times)
    last = next(versions)
    _deploy(world, last)
    unchanged = median_s(lambda: _deploy(world, last, expected="unchanged"), runs=_RUNS)
    pyinfra_unchanged = median_s(lambda: _pyinfra(world, folder, peers["pyinfra"]), runs=_RUNS)
    source.write_bytes(os.urandom(SIZE))
    five = seconds(lambda: _ansible(world, folder, peers["ansible"], forks=5))
    source.write_bytes(os.urandom(SIZE))
    fifty = seconds(lambda: _ansible(world, folder, peers["ansible"], forks=50))
    with_bad, whole = _beside_bad_hosts(world, folder, next(versions))
    return [
        Figure(f"{HOSTS} hosts: upgrade, restart, signed health", ours, "s", 5.0),
        Figure("  times pyinfra's copy + hash", ours / pyinfra, "times", 1.5),
        Figure("  times Ansible's, 5 forks", ours / five, "times"),
        Figure("  times Ansible's, 50 forks", ours / fifty, "times"),
        Figure("  processor time here, for each host", statistics.median(here for here, _ in cpu_ms), "ms"),
        Figure("  processor time of each host itself", statistics.median(there for _, there in cpu_ms), "ms"),
        Figure(f"{HOSTS} hosts: nothing to do", unchanged, "s", 1.0),
        Figure("  times pyinfra's", unchanged / pyinfra_unchanged, "times", 1.0),
        Figure(f"{HOSTS} good of 54: until all good are done", with_bad, "s"),
        Figure("  times without the bad ones", with_bad / ours, "times", 1.3),
        Figure("  the whole run", whole, "s", ours + BAD_DEADLINE_S),
        Figure("pyinfra: copy + hash", pyinfra, "s"),
        Figure("pyinfra: nothing to do", pyinfra_unchanged, "s"),
        Figure("Ansible: copy + hash, 5 forks", five, "s"),
        Figure("Ansible: copy + hash, 50 forks", fifty, "s"),
    ]


def _cpu_of_hosts_s(world: FleetWorld[SshHost]) -> float:
    """Processor time so far of all processes of all hosts, with those that have ended."""
    total_s = 0.0
    for server in filter(None, (host.process for host in world.hosts)):
        first = psutil.Process(server.pid)
        for one in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total_s += sum(one.cpu_times()[:4])  # its own and its children's, by user and system
    return total_s


def _artefact(version: str) -> Artefact:
    """The agent with as much random ballast as makes it as large as the peers' file."""
    made = make_artefact(release(version), installed_psutil())
    return dataclasses.replace(made, files={**made.files, "ballast": os.urandom(_ballast_bytes())})


@cache
def _ballast_bytes() -> int:
    """What the agent lacks to the size of the peers' file; any version of it is as large."""
    made = make_artefact(release("1.0.0"), installed_psutil())
    return max(0, SIZE - sum(len(content) for content in (*made.files.values(), *made.compiled.values())))


_ARTEFACTS: dict[str, Artefact] = {}


def _deploy(world: FleetWorld[SshHost], version: str, *, expected: str = "changed") -> None:
    artefact = _ARTEFACTS.get(version) or _ARTEFACTS.setdefault(version, _artefact(version))
    job = world.job(release(version), settings=world.settings(interval_s=INTERVAL_S))
    job = dataclasses.replace(job, recipe=dataclasses.replace(job.recipe, artefacts={"any": artefact}))
    outcomes = roll_out(world.targets(), job, ALL_AT_ONCE, observe=world.events.append)
    wrong = [f"{one.host} {one.state} {one.sentence}" for one in outcomes if one.state != expected]
    if wrong:
        raise RuntimeError(f"{len(wrong)} of {len(outcomes)} are not {expected}: {wrong[0]}")


def _beside_bad_hosts(world: FleetWorld[SshHost], folder: Path, version: str) -> tuple[float, float]:
    """Seconds until the good hosts are done, and until all are, with four bad ones of different kinds among them."""
    job = world.job(release(version), settings=world.settings(interval_s=INTERVAL_S))
    recipe = dataclasses.replace(job.recipe, artefacts={"any": _artefact(version)})
    with ExitStack() as stack:
        silent = stack.enter_context(FaultProxy(None))
        first = world.hosts[0].target()
        frozen = stack.enter_context(FaultProxy((first.address, first.port), freeze_after=100_000))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        bad: list[Target] = [
            dataclasses.replace(first, name="bad-silent", address="127.0.0.1", port=silent.address[1]),
            dataclasses.replace(first, name="bad-refused", address="127.0.0.1", port=port),
            dataclasses.replace(first, name="bad-key", host_keys=(new_key(folder / "other"),)),
            dataclasses.replace(first, name="bad-frozen", address="127.0.0.1", port=frozen.address[1]),
        ]
        transport = SshTransport(SshSettings(key_files=(world.key,)))
        job = dataclasses.replace(job, recipe=recipe, transport=transport, host_deadline_s=BAD_DEADLINE_S)
        hosts = [*(Host(target=target) for target in bad), *world.targets()[1:]]
        rollout = ALL_AT_ONCE.model_copy(update={"parallel": 54})
        outcomes = []
        whole = seconds(lambda: outcomes.extend(roll_out(hosts, job, rollout, observe=world.events.append)))
        transport.close()
    good = [one for one in outcomes if not one.host.startswith("bad-")]
    if {one.state for one in good} != {"changed"} or any(one.state == "changed" for one in outcomes[:4]):
        raise RuntimeError(f"not as expected: {[(one.host, one.state, one.sentence) for one in outcomes[:8]]}")
    return max(one.elapsed_s for one in good), whole


def _environment(name: str) -> Path:
    """The peer's own environment; made once."""
    folder = CACHE / name
    if not (folder / "bin" / "pip").exists():
        venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "pip", "install", "-q", PEERS[name]], check=True)
    return folder / "bin"


def _known_hosts(world: FleetWorld[SshHost], folder: Path) -> Path:
    path = folder / "known_hosts"
    path.write_text("".join(f"[{one.address}]:{one.port} {one.public_key}\n" for one in world.hosts), encoding="ascii")
    return path


def _pyinfra(world: FleetWorld[SshHost], folder: Path, binaries: Path) -> None:
    shared = {
        "ssh_user": world.hosts[0].user,
        "ssh_key": str(world.key),
        "ssh_known_hosts_file": str(_known_hosts(world, folder)),
        "ssh_strict_host_key_checking": "yes",
    }
    hosts = [(one.address, {**shared, "ssh_port": one.port}) for one in world.hosts]
    (folder / "inventory.py").write_text(f"hosts = {hosts!r}\n", encoding="utf-8")
    (folder / "deploy.py").write_text(
        "from pyinfra.operations import files, server\n"
        f"files.put(src={str(folder / 'source')!r}, dest='/home/operator/copied')\n"
        "server.shell(commands=['sha256sum /home/operator/copied'])\n",
        encoding="utf-8",
    )
    environment = {**os.environ, "PYINFRA_PROGRESS": "off"}
    command = [str(binaries / "pyinfra"), "inventory.py", "deploy.py", "-y"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environment, timeout=300)


def _ansible(world: FleetWorld[SshHost], folder: Path, binaries: Path, *, forks: int) -> None:
    document = json.loads(ansible_inventory(world.targets()))
    for values in document["_meta"]["hostvars"].values():
        values["ansible_ssh_private_key_file"] = str(world.key)
        values["ansible_python_interpreter"] = "/usr/bin/python3"
        values["ansible_ssh_common_args"] = f"-o UserKnownHostsFile={_known_hosts(world, folder)}"
    script = folder / "inventory.sh"
    script.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(document)}\nEND\n", encoding="utf-8")
    script.chmod(0o755)
    (folder / "playbook.yaml").write_text(_PLAYBOOK.replace("SOURCE", str(folder / "source")), encoding="utf-8")
    command = [str(binaries / "ansible-playbook"), "-i", str(script), "-f", str(forks), "playbook.yaml"]
    subprocess.run(
        command, cwd=folder, check=True, capture_output=True, timeout=600, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
