"""Plans and waves are pure: from facts to steps with reasons, from names to waves, from states to a verdict."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zonewright.fleet.agents.artefact import make_artefact
from zonewright.fleet.agents.facts import HostConditions, HostFacts
from zonewright.fleet.agents.layout import UNIT, system_layout, user_layout
from zonewright.fleet.agents.plan import HostPlan, Recipe, hindered, plan_host, plan_text, with_differences
from zonewright.fleet.agents.power import SOURCES as POWER_SOURCES
from zonewright.fleet.agents.power import power_told
from zonewright.fleet.inventory import Host
from zonewright.fleet.rollout.waves import STATES, exceeded, exit_code, split
from zonewright.fleet.ssh.transport import Target
from zonewright.model.fleet import AGENT_SOURCES, AgentSettings, StopLimits, WaveSize

NOW_S = 1_800_000_000
SOURCES = {"zonewright_agent/__init__.py": b'__version__ = "1.0.0"\n'}
RECIPE = Recipe(
    settings=AgentSettings(url="https://zone.example/v1/metrics"),
    artefacts={"x86_64-glibc": make_artefact(SOURCES, {"psutil/__init__.py": b""})},
    layout=system_layout(),
)
EMPTY = HostFacts(
    machine="x86_64",
    libc="glibc",
    python="/usr/bin/python3",
    python_version="3.11",
    supervisor="systemd",
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


def plan(facts: HostFacts, *, recipe: Recipe = RECIPE, is_enrolled: bool = True) -> HostPlan:
    """The plan of one host."""
    return plan_host("core-001", recipe, facts, is_enrolled=is_enrolled)


def test_what_is_left_out_is_said_with_its_reason() -> None:
    """A source that a host does not have is not in its settings, and the plan says why."""
    recipe = replace(
        RECIPE, settings=RECIPE.settings.model_copy(update={"sources": ("host", "rapl", "amdgpu", "nvml")})
    )
    found = plan(EMPTY, recipe=recipe)
    assert list(found.left_out) == ["rapl", "amdgpu", "nvml"]
    assert "  left out nvml: the host has no driver of NVIDIA" in plan_text(found).splitlines()
    assert found.release is not None
    assert 'sources = ["host"]' in found.release.texts["agent.toml"]
    whole = plan(replace(EMPTY, has_rapl=True, accelerators=("amdgpu", "nvml")), recipe=recipe)
    assert (whole.left_out, "left out" in plan_text(whole)) == ({}, False)


def test_all_sources_but_the_load_tell_power() -> None:
    """Whoever adds a source says whether it tells power."""
    assert tuple(one for one in AGENT_SOURCES if one != "host") == POWER_SOURCES


def hosts(*names: str, **powers: str) -> list[Host]:
    """Hosts, of which some say what tells their power."""
    targets = [Target(name=name, address=name, port=22, user="u") for name in (*names, *powers)]
    return [Host(target=one, power=powers.get(one.name, "")) for one in targets]


@pytest.mark.parametrize(
    ("meant", "sources", "usual", "told", "is_dark"),
    [
        (
            hosts("a", "b", "c"),
            {"a": ("host", "hwmon", "rapl"), "b": ("rapl",), "c": ("host",)},
            "agent",
            "power is told by 2 of 3 hosts (hwmon 1, rapl 2); not by c",
            False,
        ),
        (hosts("a", "b"), {"a": ("host",), "b": ()}, "agent", "power is told by 0 of 2 hosts; if a gateway", True),
        (hosts("a", b="gateway"), {"a": ("host", "nvml"), "b": ()}, "agent", "told by 1 of 1 host (nvml 1)", False),
        (hosts("a", b="agent"), {"a": (), "b": ("host",)}, "none", "power is told by 0 of 1 host;", True),
        (hosts("a", b="none"), {"b": ()}, "agent", None, False),
        (hosts("a"), {"a": ()}, "gateway", None, False),
    ],
)
def test_a_fleet_without_one_watt_is_told(
    meant: list[Host], sources: dict[str, tuple[str, ...]], usual: str, told: str | None, *, is_dark: bool
) -> None:
    """Hosts count by source; those whose power a gateway or nothing tells, and those nobody saw, do not."""
    found = power_told(meant, sources, usual=usual)
    if told is None:
        assert found is None
        return
    assert found is not None
    assert told in found.sentence
    assert found.is_dark is is_dark


def deployed() -> HostFacts:
    """A host where everything is as it should be."""
    release = plan(EMPTY).release
    assert release is not None
    return replace(
        EMPTY,
        current=release.id,
        releases=(release.id, "0.9.0-0"),
        is_proven=True,
        unit_sha256=hashlib.sha256(release.texts[UNIT].encode()).hexdigest(),
        public_key="ssh-ed25519 AAAA",
        token_sha256="0" * 64,
        is_active=True,
    )


def kinds(made: HostPlan) -> list[str]:
    """The steps by kind."""
    return [step.kind for step in made.steps]


def test_an_empty_host_gets_everything() -> None:
    """The first plan has all steps in their order, and shows every text as added."""
    made = with_differences(plan(EMPTY), {})
    assert kinds(made) == ["prepare", "token", "install", "switch", "verify", "accept"]
    assert {difference.kind for difference in made.differences} == {"added"}
    assert plan_text(made).startswith(f"core-001: nothing -> {made.release.id if made.release else ''}\n")


def test_a_host_as_it_should_be_gets_nothing() -> None:
    """No step, no difference; and that is said in one line."""
    made = with_differences(plan(deployed()), {})
    assert (made.steps, made.differences) == ((), ())
    assert plan_text(made).splitlines()[0] == f"core-001: unchanged, {made.facts.current}"


@pytest.mark.parametrize(
    ("change", "expected", "reason"),
    [
        ({"is_active": False}, ["prepare", "switch", "verify", "accept"], "the agent does not run"),
        ({"is_proven": False}, ["prepare", "verify", "accept"], "it has not reported healthy yet"),
        ({"unit_sha256": "0" * 64}, ["prepare", "switch", "verify", "accept"], "its unit differs"),
        (
            {"damaged": ("run", "agent.toml")},
            ["prepare", "install", "switch", "verify", "accept"],
            "changed on the host: run, agent.toml",
        ),
        ({"current": "0.9.0-0"}, ["prepare", "switch", "verify", "accept"], "0.9.0-0 runs, but"),
        ({"releases": ()}, ["prepare", "install", "switch", "verify", "accept"], "changed on the host: its manifest"),
        ({"token_sha256": ""}, ["prepare", "token", "switch", "verify", "accept"], "a token is issued"),
        ({"public_key": ""}, ["prepare", "token", "switch", "verify", "accept"], "it has no key yet"),
    ],
)
def test_each_difference_has_its_steps_and_reason(change: dict[str, object], expected: list[str], reason: str) -> None:
    """Only what is needed is planned, and the reason says what was found."""
    made = plan(replace(deployed(), **change))  # type: ignore[arg-type] # by name
    assert kinds(made) == expected
    assert any(step.reason.startswith(reason) for step in made.steps)


def test_a_service_that_forgot_the_host_gets_its_key_again() -> None:
    """Where the service does not know token and key, a new token is issued and the key enrolled."""
    assert kinds(plan(deployed(), is_enrolled=False)) == ["prepare", "token", "switch", "verify", "accept"]


def around(made: HostPlan, **values: int) -> HostPlan:
    """The plan where clock and disk are so, and else good."""
    found = HostConditions(**{"clock_s": NOW_S, "free_bytes": 10**9, **values})
    return hindered(made, found, prefix="/opt/zonewright-agent", now_s=NOW_S)


def test_what_needs_no_room_is_not_hindered_by_a_full_disk() -> None:
    """Only a new release takes room; a switch to one that is there, or nothing at all, goes on."""
    for made in (plan(deployed()), plan(replace(deployed(), current="0.9.0-0"))):
        assert around(made, free_bytes=0) == made
    assert around(plan(EMPTY)) == plan(EMPTY)


def test_all_obstacles_are_told_at_once() -> None:
    """A host on which nothing can be done gets no step, and one sentence for each reason."""
    made = around(plan(replace(EMPTY, python="", machine="riscv64", supervisor=None)), clock_s=NOW_S - 86_400)
    assert (made.steps, made.release) == ((), None)
    assert len(made.obstacles) == 4
    old = plan(replace(EMPTY, python_version="3.8"))
    assert old.obstacles == ("its /usr/bin/python3 is Python 3.8; the agent needs 3.9 or newer",)
    full = around(plan(EMPTY), clock_s=NOW_S + 301, free_bytes=1000)
    assert (full.steps, full.release) == ((), None)
    assert full.obstacles[0].startswith("its clock is 301 s ahead")
    assert full.obstacles[1].startswith("its disk is full: 1,000 bytes are free below /opt/zonewright-agent")
    user = plan(EMPTY, recipe=replace(RECIPE, layout=user_layout("/home/operator/agent")))
    assert "needs runit" in user.obstacles[0]


SIZES = st.one_of(
    st.integers(1, 40).map(lambda number: WaveSize(hosts=number)),
    st.integers(1, 100).map(lambda number: WaveSize(percent=number)),
)


@given(st.integers(0, 300), st.lists(SIZES, max_size=6))
def test_waves_take_every_host_once(count: int, sizes: list[WaveSize]) -> None:
    """Waves are not empty, keep the order, and together have every host exactly once."""
    names = [f"host-{number}" for number in range(count)]
    waves = split(names, sizes)
    assert [name for wave in waves for name in wave] == names
    assert all(waves)
    if count > 1 and sizes and sizes[0] == WaveSize(hosts=1):
        assert len(waves[0]) == 1


@given(st.lists(st.sampled_from(STATES)), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))
def test_limits_and_exit_codes_agree_with_counting(
    states: list[str], failed: int, unreachable: int, unknown: int
) -> None:
    """A limit is exceeded exactly when one kind alone is more than its own; 0 only when all is well."""
    limits = StopLimits(failed=failed, unreachable=unreachable, unknown=unknown)
    is_over = (
        states.count("failed") + states.count("rolled-back") > failed
        or states.count("unreachable") > unreachable
        or states.count("unknown") > unknown
    )
    assert bool(exceeded(limits, states)) == is_over  # type: ignore[arg-type] # drawn from them
    code = exit_code(states)  # type: ignore[arg-type] # drawn from them
    assert (code == 0) == (set(states) <= {"changed", "unchanged"})
    assert (code == 1) == bool({"failed", "rolled-back"} & set(states))
