"""From what is on a host and what should be, to the steps that lead there, with the reason of each. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from zonewright.audit.diff.differences import FileDiff, file_diffs, unified
from zonewright.fleet.agents.artefact import Artefact, Release, make_release
from zonewright.fleet.agents.facts import HostConditions, HostFacts
from zonewright.fleet.agents.layout import UNIT, Layout, Supervisor
from zonewright.fleet.agents.texts import agent_texts
from zonewright.model.fleet import AgentSettings

if TYPE_CHECKING:
    from zonewright.fleet.agents.gateway import GatewayRelease  # most fleets have none, and it reads maps

StepKind = Literal["prepare", "token", "install", "switch", "verify", "accept"]
OLDEST_PYTHON, GATEWAY_PYTHON = (3, 9), (3, 11)
MAX_CLOCK_ERROR_S = 300
_ROOM = 3
"""Times the archive's size that must be free: the archive, what it unpacks to, and air."""


@dataclass(frozen=True, slots=True)
class HostStep:
    """One step.

    Attributes:
        kind: what is done.
        reason: why.
    """

    kind: StepKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What hosts should have, before a host is looked at.

    Attributes:
        settings: what the operator declares.
        artefacts: the agent by architecture and C library, or one under ``any`` where hosts have their own psutil.
        layout: where it lives.
        gateways: what hosts with a gateway have in the place of the agent alone, by host.
    """

    settings: AgentSettings
    artefacts: Mapping[str, Artefact]
    layout: Layout
    gateways: Mapping[str, "GatewayRelease"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPlan:
    """What is to be done on one host.

    Attributes:
        host: its name.
        release: what it should have; None where there are obstacles.
        supervisor: what keeps the agent running there.
        facts: what was found.
        steps: in their order; none where all is as it should be.
        obstacles: why nothing can be done, one sentence each.
        differences: what changes in the texts of the host, where it was asked for.
        left_out: sources that are declared and that its agent does not read, each with the reason.
    """

    host: str
    release: Release | None
    supervisor: Supervisor
    facts: HostFacts
    steps: tuple[HostStep, ...] = ()
    obstacles: tuple[str, ...] = ()
    differences: tuple[FileDiff, ...] = field(default=(), repr=False)
    left_out: Mapping[str, str] = field(default_factory=dict)


def plan_host(
    host: str, recipe: Recipe, facts: HostFacts, *, is_enrolled: bool, place: tuple[str, str] = ("", "")
) -> HostPlan:
    """The steps for one host.

    Args:
        host: its name, which is the agent's id.
        recipe: what it should have.
        facts: what was found.
        is_enrolled: whether the service knows the host's token and key.
        place: its site and its rack, each empty where nobody knows it.
    """
    supervisor = recipe.settings.supervisor or facts.supervisor
    kind = "any" if "any" in recipe.artefacts else f"{facts.machine}-{facts.libc}"
    artefact = recipe.artefacts.get(kind)
    gateway = recipe.gateways.get(host)
    obstacles = _obstacles(recipe, facts, supervisor, kind, oldest=GATEWAY_PYTHON if gateway else OLDEST_PYTHON)
    if obstacles or artefact is None or supervisor is None:
        return HostPlan(
            host=host, release=None, supervisor=supervisor or "systemd", facts=facts, obstacles=tuple(obstacles)
        )
    left_out: dict[str, str] = {name: why for name in recipe.settings.sources if (why := _why_not(name, facts))}
    texts = agent_texts(
        host,
        recipe.settings,
        recipe.layout,
        python=facts.python,
        left_out=left_out,
        devices=None if gateway is None else gateway.devices,
        place=place,
    )
    if gateway is not None:
        artefact = gateway.artefact(
            artefact, machine=facts.machine, libc=facts.libc, python_version=facts.python_version
        )
    release = make_release(artefact, texts)
    return HostPlan(
        host=host,
        release=release,
        supervisor=supervisor,
        facts=facts,
        steps=tuple(_steps(recipe, facts, release, supervisor, is_enrolled=is_enrolled)),
        left_out=left_out,
    )


def _why_not(source: str, facts: HostFacts) -> str:
    """Why a host's agent does not read a source that is declared; empty where it does."""
    if source == "rapl" and not facts.has_rapl:
        return "the host shows no counters of its processors, as most virtual machines"
    if source == "amdgpu" and source not in facts.accelerators:
        return "the host has no accelerator of AMD"
    if source == "nvml" and source not in facts.accelerators:
        return "the host has no driver of NVIDIA"
    return ""


def hindered(plan: HostPlan, around: HostConditions, *, prefix: str, now_s: float) -> HostPlan:
    """The plan as it is, or without its steps where the host's clock or its disk stands in the way.

    Args:
        plan: of the host.
        around: what was measured there.
        prefix: where releases are kept.
        now_s: seconds since 1970, to judge the host's clock.
    """
    found = list(plan.obstacles)
    error_s = around.clock_s - now_s
    if abs(error_s) > MAX_CLOCK_ERROR_S:
        side = "ahead" if error_s > 0 else "behind"
        found.append(f"its clock is {abs(error_s):,.0f} s {side}, so its readings would be refused; set the clock")
    release = plan.release if any(step.kind == "install" for step in plan.steps) else None
    needed = _ROOM * release.size if release is not None else 0
    if around.free_bytes < needed:
        found.append(f"its disk is full: {around.free_bytes:,} bytes are free below {prefix}, {needed:,} needed")
    return replace(plan, release=None, steps=(), obstacles=tuple(found)) if found else plan


def _obstacles(
    recipe: Recipe, facts: HostFacts, supervisor: Supervisor | None, kind: str, *, oldest: tuple[int, int]
) -> list[str]:
    found = []
    said = ".".join(str(part) for part in oldest)
    if not facts.python:
        found.append(f"it has no python3; install Python {said} or newer")
    elif _version(facts.python_version) < oldest:
        what = "agent" if oldest == OLDEST_PYTHON else "gateway"
        found.append(
            f"its {facts.python} is Python {facts.python_version or 'unknown'}; the {what} needs {said} or newer"
        )
    if kind not in recipe.artefacts:
        there = ", ".join(sorted(recipe.artefacts))
        found.append(
            f"there is no wheel of psutil for {kind}, only for {there}; add one, or use the package of the distribution"
        )
    if supervisor is None:
        found.append("neither systemd nor runit runs there, so nothing would keep the agent running")
    if supervisor == "systemd" and not recipe.layout.is_system:
        found.append("an agent under a user's prefix needs runit; set supervisor: runit, or leave out prefix")
    return found


def _steps(
    recipe: Recipe, facts: HostFacts, release: Release, supervisor: Supervisor, *, is_enrolled: bool
) -> list[HostStep]:
    steps = []
    if not facts.public_key or not is_enrolled or not facts.token_sha256:
        why = "it has no key yet" if not facts.public_key else "the service does not know its key and token"
        steps += [HostStep("prepare", why), HostStep("token", "a token is issued for it")]
    is_whole = release.id in facts.releases and not (facts.current == release.id and facts.damaged)
    if not is_whole:
        why = f"release {release.id} is not on the host"
        if facts.current == release.id:
            why = f"changed on the host: {', '.join(facts.damaged) or 'its manifest'}"
        steps.append(HostStep("install", why))
    reasons = [
        (facts.current != release.id, f"{facts.current or 'nothing'} runs, but {release.id} is wanted"),
        (not is_whole, "its files must be written again"),
        (not facts.is_active, "the agent does not run"),
        (
            supervisor == "systemd"
            and recipe.layout.is_system
            and facts.unit_sha256 != _sha256(release.texts.get(UNIT, "")),
            "its unit differs",
        ),
        (bool(steps), "its token or key is new"),
    ]
    why_switch = next((why for is_so, why in reasons if is_so), "")
    if why_switch:
        steps.append(HostStep("switch", why_switch))
    if why_switch or not facts.is_proven:
        steps.append(HostStep("verify", "it must report healthy" if why_switch else "it has not reported healthy yet"))
        steps.append(HostStep("accept", "the two newest releases are kept"))
    if steps and steps[0].kind != "prepare":
        steps.insert(0, HostStep("prepare", "folders, owner and key"))
    return steps


def with_differences(plan: HostPlan, texts: Mapping[str, str]) -> HostPlan:
    """The plan with what changes in the host's texts, which were read from it."""
    if plan.release is None or not plan.steps:
        return plan
    return replace(plan, differences=file_diffs(texts, plan.release.texts))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _version(text: str) -> tuple[int, ...]:
    parts = text.split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) and len(parts) == 2 else (0,)  # noqa: PLR2004


def drift_of(plan: HostPlan) -> list[str]:
    """What is not as it should be on a host, one sentence each."""
    facts = plan.facts
    if not facts.current:
        return ["no release runs"]
    return [*plan.obstacles, *(step.reason for step in plan.steps if step.kind in ("token", "install", "switch"))]


def plan_text(plan: HostPlan) -> str:
    """A plan for people: steps with reasons, then the differences of files."""
    if plan.obstacles:
        return "\n".join([f"{plan.host}: cannot be changed", *(f"  {sentence}" for sentence in plan.obstacles)])
    left_out = [f"  left out {name}: {why}" for name, why in plan.left_out.items()]
    if not plan.steps or plan.release is None:
        return "\n".join([f"{plan.host}: unchanged, {plan.facts.current}", *left_out])
    lines = [f"{plan.host}: {plan.facts.current or 'nothing'} -> {plan.release.id}"]
    lines += [f"  {step.kind:<8} {step.reason}" for step in plan.steps]
    lines += left_out
    for difference in plan.differences:
        lines += [f"    {line}" for line in unified(difference).rstrip("\n").split("\n")]
    return "\n".join(lines)


def plan_data(plan: HostPlan) -> dict[str, object]:
    """A plan as plain data."""
    return {
        "host": plan.host,
        "from": plan.facts.current,
        "to": plan.release.id if plan.release else None,
        "steps": [{"kind": step.kind, "reason": step.reason} for step in plan.steps],
        "obstacles": list(plan.obstacles),
        "left_out": dict(plan.left_out),
        "differences": [{"path": one.path, "kind": one.kind, "text": unified(one)} for one in plan.differences],
    }
