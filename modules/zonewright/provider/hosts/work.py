"""The fleet of a stack at one site, opened for a call of the provider."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from zonewright.declare.stack_file import project_root
from zonewright.fleet.access import transport_of
from zonewright.fleet.agents.artefact import ArtefactError
from zonewright.fleet.agents.enrolments import Enrolments
from zonewright.fleet.agents.layout import AGENTS
from zonewright.fleet.agents.recipe import Desired, desired_of, recipe_of, whoami
from zonewright.fleet.agents.visit import AgentJob, look
from zonewright.fleet.fleet_file import FleetDocument, FleetFileError, read_fleet_document
from zonewright.fleet.inventory import Host, by_name, hosts_of
from zonewright.fleet.rollout.inspect import inspect_all
from zonewright.fleet.rollout.outcome import HostAccess
from zonewright.fleet.rollout.run import FleetRun, new_run, running, touching_refused
from zonewright.fleet.ssh.host_keys import KnownHostsError
from zonewright.fleet.ssh.ssh_transport import SshTransport
from zonewright.fleet.ssh.transport import LoginError
from zonewright.fleet.ssh.transport import Session as HostSession
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import ReportRequest
from zonewright.model.fleet import FleetFile, FleetHost
from zonewright.provider.hosts.inspect import Look
from zonewright.provider.hosts.lease import new_lease
from zonewright.provider.resource import CheckFailedError, ProviderSession
from zonewright.server.agent_book import agent_book
from zonewright.server.agents import AgentsFileError
from zonewright.server.fleet_routes import ServiceForFleet

PASSWORD = "ZONEWRIGHT_SUDO_PASSWORD"  # noqa: S105 - a variable's name
PASSWORD_FILE = "ZONEWRIGHT_SUDO_PASSWORD_FILE"  # noqa: S105 - a variable's name
LOOK_S = 15.0
"""For one host in a preview or refresh, which must not hang on a host that is silent."""


JobT = TypeVar("JobT", bound=HostAccess)
FoundT = TypeVar("FoundT")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostWork(Generic[JobT]):
    """A call at work on hosts.

    Attributes:
        session: of the provider.
        file: the fleet's file.
        hosts: by name, those that were asked for.
        job: what is done to each.
        root: the project's folder.
        sudo_password: what sudo wants, or None.
    """

    session: ProviderSession
    file: FleetFile
    hosts: Mapping[str, Host]
    job: JobT
    root: Path
    sudo_password: str | None

    def require_open(self) -> None:
        """Refuse to change hosts outside the windows.

        Raises:
            CheckFailedError: with the reason.
        """
        reason = touching_refused(self.session.ledger, self.file.rollout)
        if reason:
            raise CheckFailedError(f"{reason}; nothing was changed")

    def found(self, job: JobT, see: Callable[[Host, HostSession], FoundT]) -> tuple[dict[str, FoundT], dict[str, str]]:
        """What is on all hosts, and why some could not be looked at; nothing on them is changed, and nobody is told.

        Args:
            job: how they are reached, and for how long.
            see: looks at one.
        """
        found, outcomes = inspect_all(list(self.hosts.values()), job, see, parallel=self.file.rollout.parallel)
        return found, {one.host: one.sentence for one in outcomes if one.host not in found}

    @contextmanager
    def run(self, what: str) -> Iterator[FleetRun]:
        """A run that changes hosts, under the lease that all sites of this engine's run share."""
        run, who, leases, party = new_run(), whoami(), self.session.memory.leases, self.file.party
        lease = leases.setdefault(party, new_lease(self.session.ledger, party=party, holder=run, who=who))
        with running(
            self.session.ledger,
            run=run,
            root=self.root,
            party=party,
            rollout=self.file.rollout,
            what=what,
            who=who,
            lease=lease,
            sudo_password=self.sudo_password,
        ) as at_work:
            yield at_work


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteWork(HostWork[AgentJob]):
    """A call at work on agents."""

    @property
    def desired(self) -> Desired:
        """The release that the fleet's file stands for now."""
        return desired_of(self.job.recipe)

    def look(self) -> Look:
        """The plans of all hosts; nothing on them is changed."""
        job = replace(self.job, host_deadline_s=min(LOOK_S, self.job.host_deadline_s))
        plans, unseen = self.found(job, lambda host, session: look(host, job, session))
        return Look(plans=plans, unseen=unseen)


@contextmanager
def site_work(session: ProviderSession, *, path: str, stack_id: str, names: Iterable[str]) -> Iterator[SiteWork]:
    """The fleet of a stack at one site.

    Args:
        session: of the provider.
        path: of the fleet's file, from the project's folder.
        stack_id: whose nodes the ledger is asked for.
        names: hosts that are meant; one that the file does not name any more is reached by its name.

    Raises:
        CheckFailedError: with all that stands in the way.
    """
    root = project_root(Path.cwd())
    file, folder = read_fleet(root / path).content, (root / path).parent
    if file.agent is None:
        raise CheckFailedError(f"{path}: agent is missing; declare where agents report: agent: {{url: ...}}")
    hosts = hosts_here(session, file, stack_id=stack_id, names=names)
    enrolments = Enrolments(lambda: nullcontext(session.ledger), party=file.party, who=whoami(), stack_id=stack_id)
    password = sudo_password()
    try:
        recipe = recipe_of(file.agent, folder)
    except ArtefactError as error:
        raise CheckFailedError(str(error)) from None
    transport = opened_transport(file, root=root, folder=folder, password=password)
    book = agent_book(session.ledger.url, root, root / AGENTS)
    service_of_fleet = ServiceForFleet(book, file.agent.url, enrolments=enrolments)
    with closing(transport), closing(service_of_fleet) as service:
        job = AgentJob(
            transport=transport,
            recipe=recipe,
            service=service,
            host_deadline_s=file.rollout.host_deadline_s,
            health_s=file.rollout.health_s,
            holder=(file.party, whoami()),
        )
        try:
            yield SiteWork(
                session=session,
                file=file,
                hosts=hosts,
                job=job,
                root=root,
                sudo_password=password,
            )
        except AgentsFileError as error:
            raise CheckFailedError(str(error)) from None


def hosts_here(session: ProviderSession, file: FleetFile, *, stack_id: str, names: Iterable[str]) -> dict[str, Host]:
    """Hosts by name, with what the ledger holds of them; one that the file does not name is reached by its name.

    Args:
        session: of the provider.
        file: the fleet's file.
        stack_id: whose nodes the ledger is asked for.
        names: hosts that are meant.
    """
    wanted = sorted(names)
    whole = file.model_copy(update={"hosts": {**{name: FleetHost() for name in wanted}, **file.hosts}})
    report = session.ledger.call(verbs.REPORT, ReportRequest(stack_id=stack_id))
    nodes = [(one, report.party or "") for one in report.holdings if one.name in wanted]
    known = by_name(hosts_of(whole, nodes))
    return {name: known[name] for name in wanted}


def opened_transport(file: FleetFile, *, root: Path, folder: Path, password: str | None) -> SshTransport:
    """How hosts are reached.

    Raises:
        CheckFailedError: when a file of known hosts, or a key to log in with, cannot be used.
    """
    try:
        return transport_of(file, folder=folder, root=root, sudo_password=password)
    except KnownHostsError as error:
        raise CheckFailedError("; ".join(error.sentences)) from None
    except LoginError as error:
        raise CheckFailedError(str(error)) from None


def read_fleet(path: Path) -> FleetDocument:
    """The fleet's file.

    Raises:
        CheckFailedError: with all that is wrong with it.
    """
    try:
        return read_fleet_document(path)
    except FleetFileError as error:
        raise CheckFailedError(_lines([str(problem) for problem in error.problems])) from None


def _lines(problems: Sequence[str]) -> str:
    return "\n".join(["the fleet's file cannot be used:", *(f"  {problem}" for problem in problems)])


def sudo_password() -> str | None:
    """From the environment, or the file that it names; never from the state.

    Raises:
        CheckFailedError: when the file cannot be read.
    """
    named = os.environ.get(PASSWORD_FILE)
    if named is None:
        return os.environ.get(PASSWORD)
    try:
        return Path(named).read_text(encoding="utf-8").removesuffix("\n")
    except OSError as error:
        raise CheckFailedError(f"{PASSWORD_FILE} names {named}, which cannot be read: {error.strerror}") from None
