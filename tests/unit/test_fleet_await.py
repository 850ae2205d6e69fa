"""Waiting for the report of a release: what the service is asked, and when."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.ssh_hosts import new_key
from zonewright.fleet.agents.artefact import make_artefact
from zonewright.fleet.agents.facts import HostFacts
from zonewright.fleet.agents.installer import Installer, UnhealthyError
from zonewright.fleet.agents.layout import user_layout
from zonewright.fleet.agents.plan import HostPlan, Recipe, plan_host
from zonewright.fleet.agents.service import ServiceError
from zonewright.fleet.rollout.outcome import Progress
from zonewright.fleet.ssh.transport import CommandError, CompletedCommand
from zonewright.model.fleet import AgentSettings
from zonewright_agent import health

SOURCES = {"zonewright_agent/__init__.py": b'__version__ = "1.0.0"\n'}
RECIPE = Recipe(
    settings=AgentSettings(url="http://127.0.0.1:1/v1/metrics", supervisor="runit"),
    artefacts={"any": make_artefact(SOURCES, {})},
    layout=user_layout("/home/operator/agent"),
)


@dataclass
class Host:
    """A session with a host that does what it is told; its scripts by name."""

    public_key: str
    scripts: list[str] = field(default_factory=list)
    switched: list[str] = field(default_factory=list)
    other: str = ""

    def run(self, command: list[str], *, stdin: bytes = b"", as_root: bool = False) -> CompletedCommand:
        """Answer as the script would."""
        assert bool(stdin) == (command[3] == "zonewright-install")
        assert not as_root
        self.scripts.append(command[3])
        self.switched += command[5:6] if command[3] == "zonewright-switch" else []
        said = {
            "zonewright-probe": f"current={self.other or ''.join(self.switched[-1:])}\nend=yes\n",
            "zonewright-prepare": f"key={self.public_key}\ntoken=secret\n",
            "zonewright-switch": "1000000000000000000\n",
            "zonewright-status": "run: zonewright-agent: (pid 7) 3s\n",
        }.get(command[3], "")
        return CompletedCommand(0, said.encode(), b"")


@dataclass
class Service:
    """Gives one answer after the other, and the last one from then on; what it was asked. An error is raised."""

    answers: list[bytes | ServiceError | None]
    asked: list[bytes | None] = field(default_factory=list)

    def last_report(self, token: str, *, known: bytes | None = None, wait_s: float = 0.0) -> bytes | None:
        """The next answer."""
        assert token == "secret"
        assert wait_s <= 5
        self.asked.append(known)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ServiceError):
            raise answer
        return answer


class World:
    """A key, and reports that it signs."""

    def __init__(self, folder: Path) -> None:
        self._key = folder / "key"
        self.host = Host(new_key(self._key))

    def report(self, release: str, time_ns: int) -> bytes:
        """A signed report."""
        made = health.document(agent="host-001", version="1.0.0", boot_id="b", faults={})
        return health.sign({**made, "release": release, "time_ns": str(time_ns), "pid": 7}, self._key)

    def plan(self, current: str = "", healthy: tuple[str, ...] = ()) -> HostPlan:
        """The plan of a host whose release is there and runs, or another one does; these were healthy once."""
        facts = HostFacts(
            machine="x86_64",
            libc="glibc",
            python="/usr/bin/python3",
            python_version="3.11",
            supervisor="runit",
            has_rapl=False,
            current=current,
            releases=(current, "0.8.0-never", *healthy),
            healthy=healthy,
            damaged=(),
            is_proven=False,
            unit_sha256="",
            public_key=self.host.public_key,
            token_sha256="0" * 64,
            is_active=True,
        )
        return plan_host("host-001", RECIPE, facts, is_enrolled=True)

    def carry_out(self, plan: HostPlan, service: Service, *, health_s: float = 20.0) -> None:
        """Do all of a plan."""
        self.installer(plan, service, health_s=health_s).carry_out()

    def installer(self, plan: HostPlan, service: Service, *, health_s: float = 20.0) -> Installer:
        """What carries out a plan, or lets the host go back."""
        return Installer(
            self.host,  # type: ignore[arg-type] # it only runs
            RECIPE.layout,
            plan,
            service,  # type: ignore[arg-type] # it only answers
            health_s=health_s,
            say=lambda _step, _detail: None,
            progress=Progress(),
        )


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> World:
    return World(tmp_path)


def release_of(plan: HostPlan) -> str:
    """The name of what is wanted."""
    assert plan.release is not None
    return plan.release.id


def test_where_nothing_is_switched_the_present_report_counts(world: World) -> None:
    """A run that was broken off before it accepted a release needs no other report, and waits for none."""
    wanted = release_of(world.plan())
    plan = world.plan(current=wanted)
    assert [step.kind for step in plan.steps] == ["prepare", "verify", "accept"]
    service = Service([world.report(wanted, 5)])
    world.carry_out(plan, service)
    assert service.asked == [None, None]


def test_after_a_switch_another_report_is_waited_for(world: World) -> None:
    """The one from before is said to be known, then the next one that does not count, until one does."""
    plan = world.plan(current="0.9.0-0")
    wanted = release_of(plan)
    before, late = world.report("0.9.0-0", 5), world.report("0.9.0-0", 6)
    service = Service([before, before, late, world.report(wanted, 2 * 10**18)])
    began = time.monotonic()
    world.carry_out(plan, service)
    assert service.asked == [None, before, before, late]
    assert time.monotonic() - began >= 0.5  # the answer that was known already came at once: not asked all the time


def test_a_report_from_before_the_switch_does_not_count(world: World) -> None:
    """One of the wanted release that is older than the switch is another process's."""
    plan = world.plan(current="0.9.0-0")
    service = Service([None, world.report(release_of(plan), 10**18)])
    with pytest.raises(UnhealthyError, match="it did not report within 1 s: the last report is older"):
        world.carry_out(plan, service, health_s=1.0)
    assert len(service.asked) < 8


def test_a_host_goes_back_to_the_last_release_that_was_healthy(world: World) -> None:
    """One that never reported is passed over, whether a person goes back or a new release is put back."""
    plan = world.plan("1.0.0-now", healthy=("0.7.0-good",))
    service = Service([None, world.report("0.7.0-good", 2 * 10**18)])
    assert world.installer(plan, service).go_back() == "0.7.0-good"
    assert world.host.switched == ["0.7.0-good"]
    assert world.installer(plan, service).previous == "0.7.0-good"
    assert (
        world.installer(world.plan("1.0.0-now", healthy=("1.0.0-now", "0.7.0-good")), service).previous == "1.0.0-now"
    )
    with pytest.raises(CommandError, match=r"there is no previous release; 0\.8\.0-never never reported healthy"):
        world.installer(world.plan("1.0.0-now"), service).go_back()


def test_a_host_that_another_run_has_changed_since_is_left_alone(world: World) -> None:
    """A wave that goes back late does not take away the release that somebody else has brought meanwhile."""
    plan = world.plan(current="1.0.0-old", healthy=("1.0.0-old",))
    world.host.other = "1.0.0-theirs"
    with pytest.raises(CommandError, match=r"another run has changed it to 1\.0\.0-theirs since"):
        world.installer(plan, Service([None])).roll_back()
    assert world.host.switched == []


def test_what_ran_before_runs_again_where_going_back_fails(world: World) -> None:
    """The release to go back to does not report: the host is left as it was, and not with one that is unhealthy."""
    plan = world.plan("1.0.0-now", healthy=("0.7.0-good",))
    with pytest.raises(UnhealthyError, match=r"it did not report within .*; 1\.0\.0-now runs again"):
        world.installer(plan, Service([None]), health_s=0.2).go_back()
    assert world.host.switched == ["0.7.0-good", "1.0.0-now"]


def test_an_agent_that_runs_and_cannot_be_asked_is_not_called_silent(world: World) -> None:
    """The service does not answer: that is said, with what the host's supervisor says of the agent."""
    said = r"the agent runs \(run: .*\(pid 7\) 3s\), but the service cannot be asked for its report: it is away"
    with pytest.raises(UnhealthyError, match=said):
        world.carry_out(world.plan("0.9.0-0"), Service([ServiceError("it is away")]), health_s=0.2)
