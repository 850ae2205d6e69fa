"""The configurations of a stack's hosts at one site, opened for a call of the provider."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from zonewright.declare.stack_file import project_root
from zonewright.fleet.agents.recipe import whoami
from zonewright.fleet.configs.facts import ConfigPlan, drift_of
from zonewright.fleet.configs.fill import Filler
from zonewright.fleet.configs.offer import offer_from
from zonewright.fleet.configs.visit import ConfigJob, host_seconds
from zonewright.fleet.secrets.fingerprints import key_file_here, read_keys
from zonewright.fleet.secrets.sources import sources_here
from zonewright.provider.hosts.work import LOOK_S, HostWork, hosts_here, opened_transport, read_fleet, sudo_password
from zonewright.provider.resource import CheckFailedError, ProviderSession
from zonewright.render.user_formats import load_formats


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigLook:
    """What a look at the hosts of a site showed.

    Attributes:
        versions: by host the versions in force, in words.
        drift: by host how it differs from the ledger's files; empty where it does not.
        obstacles: what stands against a deployment, in sentences.
        unseen: why a host could not be looked at.
    """

    versions: Mapping[str, str]
    drift: Mapping[str, str]
    obstacles: tuple[str, ...]
    unseen: Mapping[str, str]

    @property
    def drifted(self) -> tuple[str, ...]:
        """Hosts that a deployment would change."""
        return tuple(name for name, text in sorted(self.drift.items()) if text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigWork(HostWork[ConfigJob]):
    """A call at work."""

    def against(self) -> tuple[str, ...]:
        """What stands against a deployment, each sentence once."""
        return tuple(dict.fromkeys(text for host in self.hosts.values() for text in self.job.wanted(host)[1]))

    def look(self) -> ConfigLook:
        """What is on all hosts; nothing on them is changed."""
        job = replace(self.job, host_deadline_s=min(LOOK_S, self.job.host_deadline_s))
        plans, unseen = self.found(job, job.look)
        return ConfigLook(
            versions={name: _versions(found) for name, found in plans.items()},
            drift={name: "; ".join(_drift(found)) for name, found in plans.items()},
            obstacles=self.against(),
            unseen=unseen,
        )


def _versions(plans: Iterable[ConfigPlan]) -> str:
    return ", ".join(plan.facts.current for plan in plans if plan.facts.current)


def _drift(plans: Iterable[ConfigPlan]) -> Iterator[str]:
    for plan in plans:
        if plan.reasons:
            yield from list(drift_of(plan.wanted, plan.facts)) or plan.reasons


@contextmanager
def config_work(session: ProviderSession, inputs: Mapping[str, object]) -> Iterator[ConfigWork]:
    """The hosts of a site that get configurations, with what the ledger has deployed for them.

    Args:
        session: of the provider.
        inputs: of the resource.

    Raises:
        CheckFailedError: with all that stands in the way.
    """
    root, path = project_root(Path.cwd()), str(inputs["fleet"])
    document = read_fleet(root / path)
    file, names = document.content, inputs["hosts"]
    hosts = hosts_here(session, file, stack_id=str(inputs["stackId"]), names=names if isinstance(names, dict) else {})
    formats, problems = load_formats(root / str(inputs["zone"]))
    if problems:
        raise CheckFailedError("\n".join(map(str, problems)))
    password = sudo_password()
    with closing(opened_transport(file, root=root, folder=(root / path).parent, password=password)) as transport:
        job = ConfigJob(
            transport=transport,
            configurations=file.configurations,
            formats=formats,
            offer=offer_from(session.ledger, [host.site for host in hosts.values()]),
            host_deadline_s=file.rollout.host_deadline_s,
            fill=Filler(sources_here(), lambda: read_keys(key_file_here())),
            tell=document.told,
            holder=(file.party, whoami()),
            fellows=tuple(hosts.values()),
        )
        longest = max((host_seconds(job.wanted(host)[0], job.host_deadline_s) for host in hosts.values()), default=0)
        yield ConfigWork(
            session=session,
            file=file,
            hosts=hosts,
            job=replace(job, host_deadline_s=max(longest, job.host_deadline_s)),
            root=root,
            sudo_password=password,
        )
