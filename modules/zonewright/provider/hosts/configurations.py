"""Rendered configurations on the hosts of a site: brought, and looked at."""

from collections.abc import Mapping

from zonewright.fleet.agents.recipe import configurations_digest
from zonewright.provider.hosts.config_work import ConfigLook, ConfigWork, config_work
from zonewright.provider.hosts.deployment import AS_DECLARED, GOOD, Told, now_on, reason_of, recorded, seen_again
from zonewright.provider.resource import CheckFailedError, Data, HalfDoneError, ProviderSession, ReadResource


def bring(session: ProviderSession, urn: str, id_: str, new: Data, before: Mapping[str, str]) -> Data:
    """Bring the site's approved files to the hosts; gives the outputs.

    Args:
        session: of the provider.
        urn: the resource.
        id_: its id.
        new: its inputs.
        before: by host the versions that the state has.

    Raises:
        CheckFailedError: when nothing may or can be done, such as without an approval.
        HalfDoneError: when some hosts are not as declared.
    """
    with config_work(session, new) as work:
        _require_same(work, new)
        work.require_open()
        against = work.against()
        if against:
            raise CheckFailedError("\n".join(["no host was touched:", *(f"  {sentence}" for sentence in against)]))
        with work.run(f"pulumi up, configurations of site {new['site']}") as run:
            hosts = [work.hosts[name] for name in sorted(work.hosts)]
            told = Told(session, urn, run, len(hosts))
            outcomes = told.roll_out(hosts, work.job, work.file.rollout)
            reasons = recorded(run, outcomes, *work.job.shares(hosts))
        reasons += [reason_of(work, one) for one in outcomes if one.state not in GOOD]
    inputs = {**new, "hosts": {one.host: AS_DECLARED if one.state in GOOD else one.state for one in outcomes}}
    versions = {one.host: now_on(one, before) for one in outcomes}
    outputs = {**inputs, "versions": versions, "run": run.log.run}
    if reasons:
        raise HalfDoneError(id_, inputs=inputs, outputs=outputs, reasons=reasons)
    return outputs


def seen(session: ProviderSession, new: Data) -> ConfigLook:
    """What is on the hosts now, against what the ledger has deployed.

    Raises:
        CheckFailedError: when not even that can be tried.
    """
    with config_work(session, new) as work:
        return work.look()


def refreshed(session: ProviderSession, last: ReadResource) -> ReadResource:
    """What is on the hosts; one that could not be looked at stays as the state has it, with a warning."""
    hosts, versions = dict(last.inputs["hosts"]), dict(last.outputs.get("versions", {}))
    look = seen(session, last.inputs)
    for name, text in look.drift.items():
        hosts[name] = text or AS_DECLARED
        versions[name] = look.versions[name]
    return seen_again(session, last, look.unseen, hosts=hosts, outputs={"versions": versions})


def _require_same(work: ConfigWork, new: Data) -> None:
    if new["settingsDigest"] != configurations_digest(work.file):
        raise CheckFailedError(
            f"{new['fleet']} was changed while this ran, so nothing was changed; run pulumi up again"
        )
