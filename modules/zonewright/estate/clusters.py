"""Devices of tenants as clusters: like devices of one site whose names have the same beginning."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from zonewright.estate.naming import id_of
from zonewright.estate.standing import StandingDevice
from zonewright.estate.work import AdoptionWork, Named

NUMBERED = re.compile(r"^(.*?)[-_. ]?(?<!0)0*+([1-9][0-9]{0,3})$")
_MOST = 2_000
_STEM = 40
_LONGEST = 63
"""Characters of a host name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A cluster that is to be declared.

    Attributes:
        id: of the cluster.
        first: one of its devices; they are alike.
        members: devices by node number.
        names: host names by node number, as the inventory has them.
    """

    id: str
    first: StandingDevice
    members: Mapping[int, StandingDevice]
    names: Mapping[int, str]


def grouped(work: AdoptionWork, standing: Iterable[StandingDevice]) -> dict[str, list[Group]]:
    """The clusters of each party.

    Args:
        work: the adoption.
        standing: devices of tenants.
    """
    alike: dict[tuple[str, ...], list[StandingDevice]] = defaultdict(list)
    stems = {cluster: key.split("|")[1] for key, cluster in work.known.clusters.items()}
    earlier = work.known.objects.get("nodes", {})
    for one in standing:
        before = stems.get(earlier[one.device.id].scope) if one.device.id in earlier else None
        stem = before or _stem(one.name)
        alike[str(one.party), stem, one.rack.site.id, one.kind.id, one.face, one.feed].append(one)
    found: dict[str, list[Group]] = defaultdict(list)
    used: dict[str, set[str]] = defaultdict(set)
    for cluster in work.known.clusters.values():
        party, _, name = cluster.partition("/")
        used[party].add(name)
    for key, members in sorted(alike.items()):
        party, stem, site, kind = key[:4]
        text = "|".join(key)
        known = work.known.clusters.get(text, "").partition("/")[2]
        name = known or _free(used[party], (stem, f"{stem}-{site}"[:_STEM], f"{stem}-{kind}"[:_STEM]))
        used[party].add(name)
        work.now.clusters[text] = f"{party}/{name}"
        numbered = _numbers(work, party, name, members)
        found[party].append(Group(id=name, first=members[0], members=numbered, names={}))
    return {party: _named_hosts(work, groups) for party, groups in found.items()}


def _named_hosts(work: AdoptionWork, groups: Sequence[Group]) -> list[Group]:
    """The groups of a party with host names: short ones, as far as no two of its nodes have the same."""
    earlier = work.known.objects.get("nodes", {})
    devices = [one for group in groups for one in group.members.values()]
    hosts: dict[int, str] = {}
    used: set[str] = set()
    order = sorted(devices, key=lambda item: (item.device.id not in earlier, "." in item.name, item.device.id))
    for one in order:  # who had a name, or has it whole, keeps it
        number = one.device.id
        short, whole = (id_of(name, f"device-{number}") for name in (one.name.partition(".")[0], one.name))
        end = f"-{number}"
        host = next(name for name in (short, whole, f"{short[: _LONGEST - len(end)]}{end}") if name not in used)
        used.add(host)
        hosts[number] = host
        if one.name != host:
            work.note("names", one.name, f"is called {host} here, as a host name can be")
    return [
        replace(group, names={number: hosts[one.device.id] for number, one in group.members.items()})
        for group in groups
    ]


def _plain(name: str) -> str:
    return id_of(name.partition(".")[0], "node")


def _stem(name: str) -> str:
    plain = _plain(name)
    match = NUMBERED.match(plain)
    return id_of(match[1] if match else plain, "node")[:_STEM].rstrip("-")


def _free(used: set[str], wishes: Iterable[str]) -> str:
    for wish in wishes:
        if wish.rstrip("-") not in used:
            return wish.rstrip("-")
    return next(name for count in range(2, _MOST) if (name := f"{wish.rstrip('-')}-{count}") not in used)


def _numbers(
    work: AdoptionWork, party: str, cluster: str, members: Iterable[StandingDevice]
) -> dict[int, StandingDevice]:
    """Node numbers: those of an earlier run, else those that the names end in, else the next that is free."""
    earlier = work.known.of("nodes", f"{party}/{cluster}")
    found: dict[int, StandingDevice] = {}
    late: list[StandingDevice] = []
    for one in sorted(members, key=lambda item: (id_of(item.name, ""), item.device.id)):
        known = earlier.get(one.device.id)
        if known is not None:
            found[int(known)] = one
        else:
            late.append(one)
    reserved = {int(number) for number in earlier.values()}
    ends = [int(match[2]) for one in late if (match := NUMBERED.match(_plain(one.name)))]
    if max(ends, default=0) > 2 * len(late) + len(found):
        ends.clear()  # names are kept as names, and gaps need no list
    for one in tuple(late) if ends else ():
        match = NUMBERED.match(_plain(one.name))
        number = int(match[2]) if match else 0
        if 0 < number <= _MOST and number not in found and number not in reserved:
            found[number] = one
            late.remove(one)
    free = (number for number in range(1, 10_001) if number not in found and number not in reserved)
    found |= {next(free): one for one in late}
    before = work.known.objects.get("nodes", {})
    for number, one in found.items():
        was = before[one.device.id].name if one.device.id in earlier else one.name
        if was != one.name:
            text = f"was '{was}' at the last run; it stays node {number:03} of {cluster}"
            work.note("renamed", f"nodes {one.name}", text)
        work.now.objects.setdefault("nodes", {})[one.device.id] = _named(number, one.name, f"{party}/{cluster}")
        work.fates[one.device.id] = "node"
    return dict(sorted(found.items()))


def _named(number: int, name: str, scope: str) -> Named:
    return Named(id=f"{number:03}", name=name, scope=scope)
