"""The hosts of a fleet: from its file, from the ledger, by selectors; as Ansible's and OpenSSH's files."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from pathlib import Path

from zonewright.errors import Exit, ZonewrightError
from zonewright.fleet.ssh.transport import Target
from zonewright.ledger.protocol.holding_messages import Holding
from zonewright.model.fleet import Access, FleetFile, FleetHost


class SelectionError(ZonewrightError, ValueError):
    """No host, or none of this name, is meant."""

    exit_code = Exit.MISUSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One host.

    Attributes:
        target: how to reach it.
        site: its site, or empty.
        rack: its rack, or empty.
        tenant: whose node it is, or empty.
        cluster: its cluster, or empty.
        labels: words to select it by.
        power: what tells its power, empty where the fleet says it.
    """

    target: Target
    site: str = ""
    rack: str = ""
    tenant: str = ""
    cluster: str = ""
    labels: frozenset[str] = frozenset()
    power: str = ""

    @property
    def name(self) -> str:
        """The node's name."""
        return self.target.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which hosts are meant; what is empty does not narrow.

    Attributes:
        names: hosts by name.
        sites: hosts of these sites.
        racks: hosts of these racks.
        tenants: hosts of these parties.
        clusters: hosts of these clusters.
        labels: hosts that have all of these.
        limit: at most so many, in order of name; None for all.
    """

    names: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    racks: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    limit: int | None = None

    def choose(self, hosts: Iterable[Host]) -> tuple[Host, ...]:
        """The hosts that are meant, in order of name.

        Raises:
            SelectionError: when a name or a selector meets no host; all such in one sentence each.
        """
        if self.limit is not None and self.limit < 1:
            raise SelectionError(f"--limit: expected 1 or more, got {self.limit}")
        present = sorted(hosts, key=lambda host: host.name)
        chosen = [host for host in present if self._meets(host)]
        missing = [f"there is no host {name!r}" for name in self.names if name not in {one.name for one in present}]
        if not chosen and not missing:
            missing = ["no host matches; use fewer of --site, --rack, --tenant, --cluster and --label"]
        if missing:
            raise SelectionError(*missing)
        return tuple(chosen[: self.limit])

    def _meets(self, host: Host) -> bool:
        wanted = (
            (self.names, host.name),
            (self.sites, host.site),
            (self.racks, host.rack),
            (self.tenants, host.tenant),
            (self.clusters, host.cluster),
        )
        return all(not names or own in names for names, own in wanted) and set(self.labels) <= host.labels


def hosts_of(file: FleetFile, nodes: Iterable[tuple[Holding, str]] = ()) -> tuple[Host, ...]:
    """The hosts of a fleet in order of name.

    Args:
        file: its declaration; what it says of a host wins.
        nodes: what the ledger holds, with the party whose it is.
    """
    declared: dict[str, FleetHost] = dict(file.hosts)
    for holding, party in nodes:
        if holding.kind == "node" and holding.state in ("admitted", "active"):
            declared[holding.name] = _merged(file.hosts.get(holding.name), _of_ledger(holding, party))
    return tuple(_host(file, name, host) for name, host in sorted(declared.items()))


def _of_ledger(holding: Holding, party: str) -> FleetHost:
    rack = str(holding.data.get("rack", ""))
    known = holding.data.get("addresses")
    addresses = sorted(known.items()) if isinstance(known, dict) else []
    cluster = holding.data.get("cluster", holding.name.rpartition("-")[0] or None)
    return FleetHost(
        address=str(ip_interface(str(addresses[0][1])).ip) if addresses else "",
        site=rack.partition("/")[0] or None,
        rack=rack,
        tenant=party,
        cluster=cluster if isinstance(cluster, str) else None,
    )


def _merged(declared: FleetHost | None, known: FleetHost) -> FleetHost:
    if declared is None:
        return known
    said = {name: getattr(declared, name) for name in declared.model_fields_set}
    return known.model_copy(update=said)


def _host(file: FleetFile, name: str, host: FleetHost) -> Host:
    jump_name = host.jump or file.login.jump
    jump = _target(file, jump_name, file.bastions[jump_name], None) if jump_name else None
    return Host(
        target=_target(file, name, host, jump),
        site=host.site or "",
        rack=host.rack,
        tenant=host.tenant or "",
        cluster=host.cluster or "",
        labels=frozenset(host.labels),
        power=host.power or "",
    )


def _target(file: FleetFile, name: str, access: Access, jump: Target | None) -> Target:
    return Target(
        name=name,
        address=access.address or name,
        port=access.port or file.login.port,
        user=access.user or file.login.user,
        host_keys=access.host_keys,
        jump=jump,
    )


def ansible_inventory(hosts: Iterable[Host]) -> str:
    """The hosts as Ansible's inventory in JSON, with a group for each site, tenant, cluster and label."""
    variables: dict[str, dict[str, object]] = {}
    groups: dict[str, list[str]] = {}
    for host in hosts:
        target = host.target
        variables[host.name] = {
            "ansible_host": target.address,
            "ansible_port": target.port,
            "ansible_user": target.user,
            "zonewright_rack": host.rack,
        }
        if target.jump is not None:
            jump = target.jump
            road = f"-o ProxyJump={jump.user}@{jump.address}:{jump.port}"
            variables[host.name]["ansible_ssh_common_args"] = road
        kinds = (("site", host.site), ("tenant", host.tenant), ("cluster", host.cluster))
        own = [f"{kind}_{name}" for kind, name in kinds if name] + [f"label_{label}" for label in sorted(host.labels)]
        for group in own:
            groups.setdefault(group.replace("-", "_"), []).append(host.name)
    document: dict[str, object] = {"_meta": {"hostvars": variables}, "all": {"hosts": sorted(variables)}}
    document |= {name: {"hosts": members} for name, members in sorted(groups.items())}
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def ssh_config(hosts: Iterable[Host], known_hosts: Sequence[Path]) -> str:
    """The hosts as a configuration of OpenSSH's client, strict about host keys."""
    found = tuple(hosts)
    jumps = {host.target.jump for host in found if host.target.jump is not None}
    lines: list[str] = []
    for target in (*sorted(jumps, key=lambda jump: jump.name), *(host.target for host in found)):
        lines += [
            f"Host {target.name}",
            f"  HostName {target.address}",
            f"  Port {target.port}",
            f"  User {target.user}",
            "  StrictHostKeyChecking yes",
        ]
        lines += [f"  ProxyJump {target.jump.name}"] if target.jump is not None else []
    if known_hosts:
        lines += ["Host *", "  UserKnownHostsFile " + " ".join(f'"{path}"' for path in known_hosts)]
    return "\n".join(lines) + "\n"


def by_name(hosts: Iterable[Host]) -> Mapping[str, Host]:
    """Hosts by name."""
    return {host.name: host for host in hosts}
