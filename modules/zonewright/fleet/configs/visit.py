"""One host's configurations from connect to outcome; the roll-out over all hosts is the same as that of agents."""

import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from zonewright.fleet.configs.choice import Tell, wanted_of
from zonewright.fleet.configs.desired import ApprovedFiles, Placed, Wanted
from zonewright.fleet.configs.facts import ConfigPlan, closer, observe_configuration, plan_configuration
from zonewright.fleet.configs.fill import Filler
from zonewright.fleet.configs.installer import ConfigInstaller, seconds_of
from zonewright.fleet.inventory import Host
from zonewright.fleet.rollout.outcome import Outcome, Progress, Say
from zonewright.fleet.rollout.record import Share
from zonewright.fleet.rollout.visit import Visit, put_back, soaked, visited
from zonewright.fleet.rollout.waves import HostState
from zonewright.fleet.ssh.transport import Session, Transport
from zonewright.fleet.turn import turn_arguments
from zonewright.model.configuration import Configuration
from zonewright.render.formats.format_set import FormatSet


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigJob:
    """What is done to every host.

    Attributes:
        transport: how hosts are reached.
        configurations: of the fleet's file.
        formats: the zone's formats.
        offer: what the ledger offers.
        host_deadline_s: for one host, all steps together.
        fill: puts the values of secrets into files, here and nowhere before.
        tell: makes sentences of what is wrong with the fleet's file.
        holder: the operator, and the person, for whom a host's turn is taken; empty takes none.
        fellows: all hosts of the fleet, also those that nothing is done to.
    """

    transport: Transport
    configurations: Mapping[str, Configuration]
    formats: FormatSet
    offer: ApprovedFiles
    host_deadline_s: float
    fill: Filler
    tell: Tell
    holder: tuple[str, str] = ("", "")
    fellows: tuple[Host, ...] = ()

    def wanted(self, host: Host, *, needs_approval: bool = True) -> tuple[tuple[Wanted, ...], tuple[str, ...]]:
        """What a host should have, and what stands against it."""
        return wanted_of(
            host,
            self.configurations,
            self.formats,
            self.offer,
            needs_approval=needs_approval,
            fill=self.fill,
            tell=self.tell,
            fellows=self.fellows,
        )

    def shares(self, hosts: Iterable[Host]) -> tuple[Share, ...]:
        """What of a run over some hosts belongs to which change: by the plan that approves each file."""
        reached: dict[str, dict[str, set[str]]] = {}
        files: dict[str, dict[str, dict[str, str]]] = {}
        for host in hosts:
            for one in self.wanted(host)[0]:
                for file in one.files:
                    plan = self.plan_of(host, one, file)
                    if plan:
                        reached.setdefault(plan, {}).setdefault(host.name, set()).add(one.name)
                        files.setdefault(plan, {}).setdefault(one.id, {})[file.source] = file.digest
        return tuple(
            Share(plan=plan, hosts={name: frozenset(names) for name, names in found.items()}, files=files[plan])
            for plan, found in sorted(reached.items())
        )

    def plan_of(self, _host: Host, _wanted: Wanted, file: Placed) -> str:
        """The plan that approves a file; empty where there is none."""
        return self.offer.plans.get(file.source, "")

    def look(self, host: Host, session: Session, *, is_close: bool = False) -> tuple[ConfigPlan, ...]:
        """What would be done on a host, which changes nothing.

        Args:
            host: the host.
            session: with it.
            is_close: whether the differences of files are read too.
        """
        plans = (plan_configuration(one, observe_configuration(session, one)) for one in self.wanted(host)[0])
        return tuple(closer(session, plan) if is_close else plan for plan in plans)

    def deploy(self, host: Host, progress: Progress, say: Say) -> Outcome:
        """Bring one host to what it should have."""
        wanted, against = self.wanted(host)
        if against:
            return Outcome(host=host.name, state="failed", sentence="; ".join(against), step="plan")

        def work(session: Session, visit: Visit) -> tuple[HostState, str]:
            progress.step = "look"
            plans = self.look(host, session)
            visit.before = ", ".join(plan.facts.current for plan in plans if plan.facts.current)
            visit.after = ", ".join(one.id for one in wanted)
            if not any(plan.reasons for plan in plans):
                return "unchanged", ""
            installer = ConfigInstaller(
                session,
                plans,
                gated=self.offer.gated,
                connect=lambda seconds: self.transport.connect(host.target, deadline=time.monotonic() + seconds),
                words=lambda: secrets.token_hex(8),
                say=lambda step, detail: say(step, self.fill.clean(detail)),
                progress=progress,
                turn=turn_arguments(*self.holder, self.host_deadline_s),
            )
            visit.installer = installer
            installer.carry_out()
            return "changed", "; ".join(installer.notes)

        return self._clean(visited(host, self, progress, work))

    def soaked(self, outcome: Outcome, host: Host, progress: Progress, say: Say) -> Outcome:
        """Look again at a host that was changed, at the end of the soak."""
        done = self._clean(soaked(outcome, host, self, progress, say))
        return replace(done, sentence=outcome.sentence) if done.state == "changed" else done

    def put_back(self, outcome: Outcome, host: Host, progress: Progress, say: Say, why: str) -> Outcome:
        """Put back a host that was changed, because its wave is."""
        return self._clean(put_back(outcome, host, self, progress, say, why))

    def _clean(self, outcome: Outcome) -> Outcome:
        """What a host's programs said may repeat a secret; what is told of it does not."""
        return replace(outcome, sentence=self.fill.clean(outcome.sentence))


def host_seconds(wanted: tuple[Wanted, ...], seconds: float) -> float:
    """A deadline for a host that lets all its trials come to their end.

    Args:
        wanted: its configurations.
        seconds: for everything else.
    """
    return seconds + sum(seconds_of(one) for one in wanted)
