"""Agents on the hosts of a site: rolled out, looked at, taken off, and told to the engine line by line."""

import time
from collections.abc import Mapping, Sequence

from zonewright.fleet.agents.service import ServiceError
from zonewright.fleet.agents.visit import uninstall
from zonewright.fleet.inventory import Host
from zonewright.fleet.rollout.outcome import Outcome
from zonewright.fleet.rollout.pool import Event, Pool
from zonewright.fleet.rollout.record import Share
from zonewright.fleet.rollout.rollout import Task, roll_out
from zonewright.fleet.rollout.run import FleetRun
from zonewright.ledger import LedgerError
from zonewright.model.fleet import RollOut
from zonewright.provider.hosts.inspect import drift_since
from zonewright.provider.hosts.work import HostWork, JobT, SiteWork, site_work
from zonewright.provider.resource import CheckFailedError, Data, HalfDoneError, ProviderSession, ReadResource

AS_DECLARED = "as declared"
GOOD = ("changed", "unchanged")
_SHOW_S = 3.0
CANCELLED = "the run was cancelled"


class Told:
    """Tells the engine and the record of what happens.

    Args:
        session: of the provider.
        urn: the resource.
        run: whose record is kept.
        count: how many hosts there are.
    """

    def __init__(self, session: ProviderSession, urn: str, run: FleetRun, count: int) -> None:
        self._session, self._urn, self._run, self._count = session, urn, run, count
        self._done, self._shown_s = 0, time.monotonic()

    def observe(self, event: Event) -> None:
        """Something happened; each host that was changed or went wrong gets a line, the others are counted."""
        self._run.log.write(event)
        if not event.host:
            self._session.log(self._urn, event.detail)
            return
        if event.outcome is None:
            self._show(f"{self._done} of {self._count} hosts done; {event.host}: {event.step}")
            return
        self._done += 1
        one = event.outcome
        if one.state == "changed":
            self._session.log(self._urn, f"{one.host}: {one.before or 'nothing'} -> {one.after or 'nothing'}")
        elif one.state not in ("unchanged", "skipped"):
            self._session.log(self._urn, f"{one.host}: {one.state}: {one.sentence.removeprefix(f'{one.host} ')}")

    def _show(self, text: str) -> None:
        """How far it is, now and then: what is no terminal prints each such line."""
        if time.monotonic() - self._shown_s >= _SHOW_S:
            self._session.status(self._urn, text)
            self._shown_s = time.monotonic()

    def tick(self) -> str:
        """A sentence when no further host may begin."""
        return CANCELLED if self._session.memory.cancelled.is_set() else self._run.tick()

    def _sleep(self, seconds: float) -> None:
        """Wait through a soak, or until the run is cancelled."""
        self._session.memory.cancelled.wait(seconds)

    def roll_out(self, hosts: Sequence[Host], job: Task, rollout: RollOut) -> list[Outcome]:
        """Roll out in waves, and tell of each step."""
        return roll_out(hosts, job, rollout, observe=self.observe, tick=self.tick, sleep=self._sleep)


def carry_out(session: ProviderSession, urn: str, id_: str, new: Data, before: Mapping[str, str]) -> Data:
    """Bring the declared hosts to the release, and take it off those that are declared no longer; gives the outputs.

    Args:
        session: of the provider.
        urn: the resource.
        id_: its id.
        new: its inputs.
        before: by host the release that the state has; hosts that are not in ``new`` leave.

    Raises:
        CheckFailedError: when nothing may or can be done.
        HalfDoneError: when some hosts are not as declared.
    """
    hosts = sorted(new["hosts"])  # a message has no order, and the first are the canary
    leaving = sorted(before.keys() - set(hosts))
    with site_work(session, path=new["fleet"], stack_id=new["stackId"], names=[*hosts, *leaving]) as work:
        require_same(work, new)
        work.require_open()
        with work.run(f"pulumi up, site {new['site']}") as run:
            told = Told(session, urn, run, len(hosts))
            outcomes = told.roll_out([work.hosts[name] for name in hosts], work.job, work.file.rollout)
            left = take_off(work, leaving, told)
            reasons = recorded(run, [*outcomes, *left], Share(stack_id=new["stackId"]))
        reasons += [reason_of(work, one) for one in outcomes if one.state not in GOOD]
        staying, words = _departed(work, left, urn)
        _tell_power(session, urn, work, outcomes)
    releases = {one.host: now_on(one, before) for one in outcomes} | {name: before[name] for name in staying}
    marks = {one.host: AS_DECLARED if one.state in GOOD else one.state for one in outcomes}
    inputs = {**new, "hosts": marks | dict.fromkeys(staying, "to be uninstalled")}
    outputs = {**inputs, "releases": releases, "run": run.log.run}
    if reasons or words:
        raise HalfDoneError(id_, inputs=inputs, outputs=outputs, reasons=[*reasons, *words])
    return outputs


def _tell_power(session: ProviderSession, urn: str, work: SiteWork, outcomes: Sequence[Outcome]) -> None:
    """Say how many hosts tell their power; that none does is a warning, since the release is on all of them."""
    from zonewright.fleet.agents.power import power_told  # noqa: PLC0415 - after a roll-out only

    settings = work.file.agent
    sources = {one.host: one.sources for one in outcomes if one.sources is not None}
    hosts = [work.hosts[name] for name in sorted(sources)]
    told = None if settings is None else power_told(hosts, sources, usual=settings.power)
    if told is not None:
        (session.warn if told.is_dark else session.log)(urn, told.sentence)


def remove(session: ProviderSession, state: Data) -> None:
    """Take the agent off all hosts; one where nothing answers is no fault.

    Raises:
        CheckFailedError: naming the hosts that it may still be on.
    """
    names = sorted({**state.get("hosts", {}), **state.get("releases", {})})
    with site_work(session, path=state["fleet"], stack_id=state["stackId"], names=names) as work:
        work.require_open()
        with work.run(f"pulumi destroy, site {state['site']}") as run:
            left = take_off(work, names, Told(session, "", run, len(names)))
            reasons = recorded(run, left)
        _, words = _departed(work, left, "")
    if reasons or words:
        raise CheckFailedError("\n".join([*reasons, *words]))


def refreshed(session: ProviderSession, last: ReadResource) -> ReadResource:
    """What runs on the hosts; one that could not be looked at stays as the state has it, with a warning."""
    hosts, releases = dict(last.inputs["hosts"]), dict(last.outputs.get("releases", {}))
    names = [*hosts, *releases]
    with site_work(session, path=last.inputs["fleet"], stack_id=last.inputs["stackId"], names=set(names)) as work:
        seen = session.memory.looks[last.id] = work.look()
    for name, plan in seen.plans.items():
        hosts[name] = drift_since(plan, releases.get(name, "")) or AS_DECLARED
        releases[name] = plan.facts.current
    return seen_again(session, last, seen.unseen, hosts=hosts, outputs={"releases": releases})


def seen_again(
    session: ProviderSession, last: ReadResource, unseen: Mapping[str, str], *, hosts: Mapping[str, str], outputs: Data
) -> ReadResource:
    """The resource after a look; a host that could not be looked at stays as the state has it, with a warning.

    Args:
        session: of the provider.
        last: what the state has.
        unseen: why a host could not be looked at.
        hosts: by host how it is.
        outputs: what else is known now.
    """
    for name, why in sorted(unseen.items()):
        session.warn("", f"{name}: could not inspect it, so its last state stays: {why.removeprefix(f'{name} ')}")
    inputs = {**last.inputs, "hosts": hosts}
    return ReadResource(last.id, inputs, {**last.outputs, **inputs, **outputs})


def require_same(work: SiteWork, new: Data) -> None:
    """Refuse when the fleet's file or the agent is another one than the program saw.

    Raises:
        CheckFailedError: then.
    """
    desired = work.desired
    seen = (new["version"], new["artefactDigest"], new["configurationDigest"])
    if seen != (desired.version, desired.artefact_digest, desired.configuration_digest):
        raise CheckFailedError(
            f"{new['fleet']} or the agent was changed while this ran, so nothing was changed; run pulumi up again"
        )


def take_off(work: SiteWork, names: Sequence[str], told: Told) -> list[Outcome]:
    """Take the agent off hosts; a cancel lets no further one begin."""
    pool = Pool(
        parallel=work.file.rollout.parallel,
        host_deadline_s=work.job.host_deadline_s,
        observe=told.observe,
        tick=told.tick,
    )
    return pool.visit(
        [work.hosts[name] for name in names],
        lambda host, progress, say: uninstall(host, work.job, progress, say),
        wave=0,
        stop=lambda _outcomes: "",
    )


def _departed(work: SiteWork, left: Sequence[Outcome], urn: str) -> tuple[list[str], list[str]]:
    """Hosts that the agent may still be on, and why; where nothing answers, it is forgotten with a warning."""
    staying, unrecorded = [], []
    for one in left:
        if one.is_absent and one.state == "unreachable":
            try:
                work.job.service.forget(one.host)
            except ServiceError as error:
                unrecorded.append(f"{one.host}: {error}")
            work.session.warn(
                urn,
                f"{one.host} does not answer, so nothing was uninstalled; its token is no longer valid: "
                f"{one.sentence.removeprefix(f'{one.host} ')}",
            )
        elif one.state not in GOOD:
            staying.append(one)
    return [one.host for one in staying], [*unrecorded, *(reason_of(work, one) for one in staying)]


def recorded(run: FleetRun, outcomes: Sequence[Outcome], *shares: Share) -> list[str]:
    """Write the record; what was done on hosts must get into the state also where the journal does not take it."""
    try:
        run.end(outcomes, shares)
    except LedgerError as error:
        return [f"the run could not be recorded in the journal: {error.sentence}"]
    return []


def now_on(outcome: Outcome, before: Mapping[str, str]) -> str:
    """The release or the versions that a host has, as far as it is known: one that was not seen has what it had.

    Args:
        outcome: how it ended for the host.
        before: by host what the state has.
    """
    known = outcome.before or before.get(outcome.host, "")
    return (outcome.after or known) if outcome.state in GOOD else known


def reason_of(work: HostWork[JobT], outcome: Outcome) -> str:
    """Why a host is not as declared, without how it is reached: the engine keeps it in the state."""
    target = work.hosts[outcome.host].target
    sentence = outcome.sentence.replace(f"{target.name} ({target.address} port {target.port})", "the host")
    return f"{outcome.host}: {outcome.state}: {sentence}"
