"""Do the parts of a declaration fit together? Names that refer to nothing, ranges, numbers and networks that clash.

Pure: it reads no file. What depends on places taken by others (overlaps in a rack, watts) is for the rules.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal

from zonewright.declare.checks.approvals import approval_faults
from zonewright.declare.checks.clusters import cluster_faults
from zonewright.declare.checks.coverage import key_area_faults, tower_faults
from zonewright.declare.checks.former import former_faults
from zonewright.declare.checks.known import Known
from zonewright.declare.checks.metering import metering_faults
from zonewright.declare.checks.network import network_faults
from zonewright.declare.checks.offers import offer_faults
from zonewright.declare.checks.sites import RowIndex, index_rows, site_faults
from zonewright.declare.checks.windows import pack_window_faults
from zonewright.declare.checks.works import work_faults
from zonewright.declare.checks.zone import place_faults, zone_faults
from zonewright.declare.problem import Fault, Path, Problem, did_you_mean, dotted, in_order, one_of
from zonewright.model import Declaration, OwnerFile, Party
from zonewright.model.names import ROLE_OF, Reserved
from zonewright.model.world import NameKind
from zonewright.model.zone import Role

RESERVED_PARTY = "zone"
Section = Literal["sites", "ducts", "links"]
_NAMED: tuple[tuple[Section, NameKind], ...] = (("sites", "site"), ("ducts", "duct"), ("links", "link"))


def faults_of(known: Known, *, on: str | None = None) -> Iterator[Fault]:
    """All faults of the declarations that are known.

    Args:
        known: what there is.
        on: the day on which the zone's rule pack must be valid, as ``2026-07-01``; None does not ask.
    """
    yield from zone_faults(known, on)
    yield from approval_faults(known)
    yield from pack_window_faults(known)
    if known.zone is not None:
        yield from key_area_faults(known.zone)
    if known.zone is not None and RESERVED_PARTY in known.zone.parties:
        yield Fault(
            owner="",
            path=("parties", RESERVED_PARTY),
            what="a reserved party id",
            expected="another id",
            got=f"'{RESERVED_PARTY}', which is reserved for the zone's own file",
            fix="rename the party",
        )
    indexes: dict[str, RowIndex] = {}
    for owner, file in known.owners.items():
        yield from _owner_faults(known, owner, file)
        index = index_rows(owner, file)
        yield from index.faults
        yield from site_faults(known, owner, file)
        yield from tower_faults(known, owner, file)
        yield from metering_faults(known, owner, file)
        yield from network_faults(known, owner, file)
        yield from former_faults(known, owner, file, index)
        yield from place_faults(known, owner, file)
        yield from offer_faults(known, owner, file, index)
        yield from work_faults(known, owner, file, index)
        indexes[owner] = index
    for section, kind in _NAMED:
        yield from _repeated(known, section, kind)
    yield from _same_as_number(known)
    yield from _overlapping_pools(known)
    for owner, file in known.owners.items():
        yield from cluster_faults(known, owner, file, indexes)


def check(declaration: Declaration, *, whole: bool, on: str | None = None) -> tuple[Problem, ...]:
    """The problems of a declaration whose parts are valid by themselves, such as one that was built in Python.

    Args:
        declaration: the declaration.
        whole: whether it holds the files of all owners, so that a site it does not know does not exist.
        on: the day on which the rule pack in force must be valid, as ``2026-07-01``; None does not ask.
    """
    known = Known(zone=declaration.zone, owners=declaration.owners, whole=whole)
    return in_order(located(declaration, fault) for fault in faults_of(known, on=on))


def located(declaration: Declaration, fault: Fault) -> Problem:
    """A fault with the file and line that a declaration has for it; one that was built in Python has none."""
    owner = fault.owner or RESERVED_PARTY
    names = (f"{owner}/{dotted(fault.path[:end])}" for end in range(len(fault.path), 0, -1))
    source = next((declaration.sources[name] for name in names if name in declaration.sources), None)
    return Problem(
        file=source.file if source else owner,
        line=source.line if source else 0,
        path=dotted(fault.path),
        what=fault.what,
        expected=fault.expected,
        got=fault.got,
        fix=fault.fix,
    )


def _owner_faults(known: Known, owner: str, file: OwnerFile) -> Iterator[Fault]:
    """Whether the owner is a party that may declare what it declares."""
    if known.zone is None or known.unsure("", ("parties", owner)):
        return
    party = known.zone.parties.get(owner)
    if party is None:
        yield Fault(
            owner=owner,
            path=("owner",),
            what="an unknown party",
            expected=one_of(known.zone.parties),
            got=f"'{owner}'",
            fix=did_you_mean(owner, known.zone.parties, "add the party to zone.yaml"),
        )
        return
    for section, role in ROLE_OF.items():
        if getattr(file, section) and role not in party.roles:
            yield _wrong_role(owner, party, section, role)


def _wrong_role(owner: str, party: Party, section: str, role: Role) -> Fault:
    return Fault(
        owner=owner,
        path=(section,),
        what=f"{section} of a party that may not declare them",
        expected=f"an owner with the role {role}",
        got=f"'{owner}' with {one_of(party.roles)}",
        fix=f"add the role to the party in zone.yaml, or move the {section} to the file of their owner",
    )


def _repeated(known: Known, section: Section, kind: NameKind) -> Iterator[Fault]:
    """What the rule ``name-owner`` says of files that lie side by side: whoever reserved an id, else the first, has it.

    What a reservation keeps from an owner who is alone with it is left to the rule.
    """
    reserved = Reserved(known.zone) if known.zone is not None else None
    owners: dict[str, list[str]] = {}
    for owner, file in known.owners.items():
        for name in getattr(file, section):
            owners.setdefault(name, []).append(owner)
    for name, found in owners.items():
        party = reserved.party_of(kind, name) if reserved is not None else None
        holder = party if party in found else found[0]
        for owner in found:
            if owner != holder:
                yield Fault(
                    owner=owner,
                    path=(section, name),
                    what=f"a {kind} that two owners declare",
                    expected=f"each {kind} in one file, since its id belongs to one party (rule name-owner)",
                    got=f"'{name}', which {holder} declares too",
                    fix=f"give your {kind} another id",
                )


def _same_as_number(known: Known) -> Iterator[Fault]:
    first: dict[int, str] = {}
    for owner, file in known.owners.items():
        for site_id, site in file.sites.items():
            if site.as_number is not None and first.setdefault(site.as_number, site_id) != site_id:
                yield Fault(
                    owner=owner,
                    path=("sites", site_id, "as_number"),
                    what="an autonomous system of two sites",
                    expected="a different number for each site",
                    got=f"{site.as_number}, which {first[site.as_number]} has too",
                    fix="choose another number",
                )


_KINDS = {"address_pools": "pool", "networks": "network", "loopbacks": "loopback", "second_router": "second router's"}


@dataclass(frozen=True, slots=True)
class _Pool:
    owner: str
    path: Path
    prefix: IPv4Network | IPv6Network


def _overlapping_pools(known: Known) -> Iterator[Fault]:
    """Each pool, and each network of a link, that shares addresses with one that begins before it."""
    pools = [
        _Pool(owner, ("sites", site_id, "address_pools", pool_id, "prefix"), pool.prefix)
        for owner, file in known.owners.items()
        for site_id, site in file.sites.items()
        for pool_id, pool in site.address_pools.items()
    ]
    pools += [
        _Pool(owner, ("sites", site_id, "networks", network_id, "prefix"), network.prefix)
        for owner, file in known.owners.items()
        for site_id, site in file.sites.items()
        for network_id, network in site.networks.items()
    ]
    pools += [
        _Pool(owner, ("sites", site_id, *where.split(".")), ip_network(address))
        for owner, file in known.owners.items()
        for site_id, site in file.sites.items()
        for where, address in site.all_loopbacks.items()
    ]
    pools += [
        _Pool(owner, ("links", link_id, "prefixes", str(index)), prefix)
        for owner, file in known.owners.items()
        for link_id, link in file.links.items()
        for index, prefix in enumerate(link.prefixes)
    ]
    widest: dict[int, _Pool] = {}
    for pool in sorted(pools, key=lambda one: (int(one.prefix.network_address), one.prefix.prefixlen)):
        before = widest.get(pool.prefix.version)
        if before is None or int(before.prefix.broadcast_address) < int(pool.prefix.network_address):
            widest[pool.prefix.version] = pool
            continue
        whose = (
            f"{_KINDS[before.path[2]]} '{before.path[3]}' in site '{before.path[1]}'"
            if before.path[0] == "sites"
            else f"link '{before.path[1]}'"
        )
        yield Fault(
            owner=pool.owner,
            path=pool.path,
            what="address pools that overlap",
            expected="a network that no other pool uses",
            got=f"{pool.prefix}, which overlaps {before.prefix} of {whose}",
            fix="choose another network for one of them",
        )
