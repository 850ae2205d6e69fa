"""Rendered configurations on hosts: what would change, the roll-out, and how hosts drifted from the ledger's files."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from zonewright.cli.fleet.hosts import Refused, ledger_of, read_fleet, tell, transport_of
from zonewright.cli.fleet.work import Work, recorded, rollout_of, sudo_password

if TYPE_CHECKING:
    from zonewright.cli.fleet.hosts import Fleet
    from zonewright.cli.fleet.work import Action
    from zonewright.fleet.apply import Progress
    from zonewright.fleet.config_facts import ConfigPlan
    from zonewright.fleet.config_visit import ConfigJob
    from zonewright.fleet.config_wanted import Offer
    from zonewright.fleet.inventory import Host
    from zonewright.fleet.record import Share
    from zonewright.fleet.transport import Session
    from zonewright.fleet.visit import Outcome, Say
    from zonewright.render.format_set import FormatSet


def deploy(arguments: argparse.Namespace, action: "Action[ConfigJob]") -> int:
    """Bring approved configurations to the hosts; nothing is begun while one of them lacks its approval."""

    @contextmanager
    def approved() -> "Iterator[Work[ConfigJob]]":
        with opened(arguments) as work:
            against = [text for host in work.fleet.chosen for text in work.job.wanted(host)[1]]
            if against:
                raise Refused(list(dict.fromkeys(against)), 1)
            yield work

    return recorded(arguments, approved(), what=_what, action=action, shares=_shares)


def _shares(work: "Work[ConfigJob]") -> "Sequence[Share]":
    return work.job.shares(work.fleet.chosen)


def _what(job: "ConfigJob") -> str:
    plans = sorted({plan[7:19] for plan in job.offer.plans.values()})
    return f"deploy --configs, approved by {'plan' if len(plans) == 1 else 'plans'} {', '.join(plans)}"


def show_plans(arguments: argparse.Namespace) -> int:
    """What would change on each host, with the differences of files."""
    from zonewright.cli.output import print_json
    from zonewright.fleet.config_facts import config_plan_data, config_plan_text
    from zonewright.fleet.waves import exit_code

    try:
        with opened(arguments) as work:
            plans, outcomes = _look(work, is_close=True)
            against = {host.name: work.job.wanted(host)[1] for host in work.fleet.chosen}
    except Refused as refused:
        return tell(refused)
    unseen = {one.host: one.sentence for one in outcomes if one.host not in plans}
    if arguments.format == "json":
        documents = [config_plan_data(name, found, against[name]) for name, found in plans.items()]
        print_json({"plans": documents, "not_seen": unseen})
    else:
        for one in outcomes:
            if one.host in plans:
                print(config_plan_text(one.host, plans[one.host], against[one.host]))
            else:
                print(f"{one.host}: could not look: {one.sentence}")
    return 1 if any(against.values()) else exit_code(one.state for one in outcomes)


def drift(arguments: argparse.Namespace) -> dict[str, dict[str, str]]:
    """How each host that has configurations differs from the ledger's files, as a row by host.

    Raises:
        Refused: when the fleet's file is faulty.
    """
    from zonewright.fleet.config_facts import drift_of

    with opened(arguments) as work:
        plans, outcomes = _look(work, is_close=False)
        faults = {host.name: work.job.wanted(host, needs_approval=False)[1] for host in work.fleet.chosen}
    rows = {}
    for one in outcomes:
        found = [text for plan in plans.get(one.host, ()) for text in drift_of(plan.wanted, plan.facts)]
        text = "; ".join((*faults[one.host], *found))
        state = one.state if one.state != "unchanged" else "differs" if text else "as deployed"
        rows[one.host] = {"host": one.host, "state": state, "reason": one.sentence, "drift": text}
    return rows


def _look(work: "Work[ConfigJob]", *, is_close: bool) -> "tuple[Mapping[str, tuple[ConfigPlan, ...]], list[Outcome]]":
    from zonewright.fleet.config_visit import look_at_configurations
    from zonewright.fleet.rollout import Pool
    from zonewright.fleet.visit import look_only

    plans: dict[str, tuple[ConfigPlan, ...]] = {}

    def visit(host: "Host", progress: "Progress", _say: "Say") -> "Outcome":
        def see(session: "Session") -> None:
            wanted, _ = work.job.wanted(host)
            plans[host.name] = look_at_configurations(session, wanted, is_close=is_close)

        return look_only(host, work.job, progress, see)

    pool = Pool(parallel=work.rollout.parallel, host_deadline_s=work.job.host_deadline_s, observe=lambda _event: None)
    return plans, pool.visit(work.fleet.chosen, visit, wave=0, stop=lambda _outcomes: "")


def meant(fleet: "Fleet") -> "tuple[Host, ...]":
    """The chosen hosts that some configuration is for."""
    from zonewright.fleet.config_wanted import is_meant

    configurations = fleet.file.configurations.values()
    return tuple(host for host in fleet.chosen if any(is_meant(host, one) for one in configurations))


@contextmanager
def opened(arguments: argparse.Namespace) -> "Iterator[Work[ConfigJob]]":
    """The job for the hosts that some configuration is for; closes its connections.

    Raises:
        Refused: when the file is faulty, or no configuration is for any of the hosts.
    """
    from zonewright.cli.output import MISUSE
    from zonewright.fleet.config_fill import Filler
    from zonewright.fleet.config_visit import ConfigJob, host_seconds
    from zonewright.fleet.secrets.fingerprints import key_file_here, read_keys
    from zonewright.fleet.secrets.sources import sources_here

    fleet, where = read_fleet(arguments), arguments.fleet
    configurations = fleet.file.configurations
    if not configurations:
        raise Refused([f"{where}: configurations is missing; say which files go to which hosts"], MISUSE)
    hosts = meant(fleet)
    if not hosts:
        raise Refused([f"{where}: no configuration is for any of these hosts; see its hosts, sites and labels"], MISUSE)
    fleet = replace(fleet, chosen=hosts)
    formats, offer = _formats(arguments, fleet), _offer(arguments, fleet)
    password, rollout = sudo_password(arguments), rollout_of(arguments, fleet)
    transport = transport_of(fleet, sudo_password=password)
    job = ConfigJob(
        transport=transport,
        configurations=configurations,
        formats=formats,
        offer=offer,
        host_deadline_s=rollout.host_deadline_s,
        fill=Filler(sources_here(), lambda: read_keys(key_file_here())),
    )
    longest = max(host_seconds(job.wanted(host)[0], rollout.host_deadline_s) for host in hosts)
    try:
        yield Work(fleet=fleet, job=replace(job, host_deadline_s=longest), rollout=rollout, sudo_password=password)
    finally:
        transport.close()


def _formats(arguments: argparse.Namespace, fleet: "Fleet") -> "FormatSet":
    """The zone's formats where its folder is known by the stack, and zonewright's own."""
    from zonewright.cli.output import MISUSE
    from zonewright.declare.stack_file import read_stack_file
    from zonewright.render.format_set import BUILT_IN
    from zonewright.render.user_formats import load_formats

    if not arguments.stack:
        return BUILT_IN
    stack = read_stack_file(fleet.root, arguments.stack)
    formats, problems = load_formats((fleet.root / stack.declaration).parent)
    if problems:
        raise Refused([str(problem) for problem in problems], MISUSE)
    return formats


def _offer(arguments: argparse.Namespace, fleet: "Fleet") -> "Offer":
    """What the ledger offers for the sites of the hosts."""
    from zonewright.audit.gathering import texts_of
    from zonewright.fleet.config_wanted import offer_of
    from zonewright.ledger import rollout_messages, verbs

    sites = sorted({host.site for host in fleet.chosen if host.site})
    with ledger_of(arguments, fleet.root) as ledger:
        answer = ledger.call(verbs.CONFIGURATIONS, rollout_messages.ConfigurationsRequest(sites=sites))
        texts = texts_of(ledger, {digest for stack in answer.stacks for digest in stack.files.values()})
    return offer_of(answer, texts)
