"""Devices of tenants as clusters: like devices of one site whose names have the same beginning."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from zonewright.estate.naming import id_of
from zonewright.estate.standing import StandingDevice
from zonewright.estate.work import AdoptionWork, Named
from zonewright.model import Cluster

_NUMBERED = re.compile(r"^(.*?)[-_. ]?0*([1-9][0-9]{0,3})$")
_MOST = 2_000
_STEM = 40
HAS_NAMES = "names" in Cluster.model_fields
"""Whether a cluster can say the host names of its nodes."""


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
        names = {
            number: id_of(one.name.partition(".")[0], f"device-{one.device.id}") for number, one in numbered.items()
        }
        for number, one in numbered.items():
            if not HAS_NAMES and names[number] != f"{name}-{number:03}":
                work.note("names", one.name, f"is called {name}-{number:03} here")
            elif one.name not in {names[number], f"{name}-{number:03}"}:
                work.note("names", one.name, f"is called {names[number]} here, as a host name can be")
        found[party].append(Group(id=name, first=members[0], members=numbered, names=names))
    return found


def _plain(name: str) -> str:
    return id_of(name.partition(".")[0], "node")


def _stem(name: str) -> str:
    plain = _plain(name)
    match = _NUMBERED.match(plain)
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
    ends = [int(match[2]) for one in late if (match := _NUMBERED.match(_plain(one.name)))]
    if HAS_NAMES and max(ends, default=0) > 2 * len(late) + len(
        found
    ):  # names are kept as names, and gaps need no list
        ends.clear()
    for one in tuple(late) if ends else ():
        match = _NUMBERED.match(_plain(one.name))
        number = int(match[2]) if match else 0
        if 0 < number <= _MOST and number not in found and number not in reserved:
            found[number] = one
            late.remove(one)
    free = (number for number in range(1, 10_001) if number not in found and number not in reserved)
    found |= {next(free): one for one in late}
    for number, one in found.items():
        work.now.objects.setdefault("nodes", {})[one.device.id] = _named(number, one.name, f"{party}/{cluster}")
        work.fates[one.device.id] = "node"
    return dict(sorted(found.items()))


def _named(number: int, name: str, scope: str) -> Named:
    return Named(id=f"{number:03}", name=name, scope=scope)
