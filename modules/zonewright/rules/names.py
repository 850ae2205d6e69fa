"""The rule about names: one name, one holder. Others name sites, ducts, links and networks, so they must be unique."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from zonewright.model.addresses import network_of
from zonewright.model.names import Reserved
from zonewright.model.world import NameFacts, NameKind
from zonewright.rules.finding import Participant
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View

_RESERVED = "is reserved for another party"
_FIX: Mapping[NameKind, str] = {
    "site": "give your site another id",
    "row": "declare rows in your own sites only",
    "host": "give the host that reads your meters another id",
    "duct": "give your duct another id",
    "link": "give your link another id",
    "prefix": "choose another network",
}


def name_owner(view: View) -> Iterator[Breach]:
    """A name belongs to the party that it is reserved for, else to the first that has it."""
    if view.zone is None:
        return
    reserved = Reserved(view.zone.zone)
    groups: dict[tuple[NameKind, str], list[NameFacts]] = defaultdict(list)
    for one in _each_once(view.zone.names):
        groups[one.kind, one.name].append(one)
    first = {key: min(group, key=_since) for key, group in groups.items()}
    in_breach: set[tuple[str, str]] = set()
    for (kind, name), group in sorted(groups.items(), key=lambda item: (item[0][0] == "row", item[0])):
        for one in group if kind != "prefix" else ():
            site = first.get(("site", name.partition("/")[0])) if kind == "row" else None
            why = _why(reserved, one, first[kind, name], site)
            if kind == "row" and (one.stack, name.partition("/")[0]) in in_breach:
                continue  # the site is told already
            if why:
                in_breach.add((one.stack, name))
                yield _breach(one, why)
    yield from _two_sites(view.zone.names)
    yield from _prefixes(reserved, [one for key, group in groups.items() if key[0] == "prefix" for one in group])


NAME_OWNER = Rule(
    id="name-owner",
    title="A name belongs to one party.",
    level="mandatory",
    description=(
        "The ids of sites, of hosts that read meters, of ducts and links, and the networks of address pools and links, "
        "are unique in the zone, "
        "because others name them. A name belongs to the party that `zone.yaml` reserves it for (`names` of the "
        "party), else to the first that was admitted with it, until it is released. A reservation holds a name as "
        "well. A host that reads meters stands at one site, also within a stack, since what its agent sends is known "
        "by its name alone. Rooms, rows and racks belong to the party that holds their site. Clusters and nodes are "
        "named within their stack, so two tenants may both have `web-001`. Value is the number of names that belong to "
        "somebody else."
    ),
    unit="names",
    reference="zonewright, how-to: bring in a facility",
    function=name_owner,
    reach="zone",
)


def _since(one: NameFacts) -> tuple[int, str]:
    return one.since, one.stack


def _each_once(names: Iterable[NameFacts]) -> Iterable[NameFacts]:
    """A stack that moves something has its name twice; the first time counts."""
    found: dict[tuple[NameKind, str, str], NameFacts] = {}
    for one in names:
        key = (one.kind, one.name, one.stack)
        if key not in found or one.since < found[key].since:
            found[key] = one
    return found.values()


def _why(reserved: Reserved, one: NameFacts, first: NameFacts, site: NameFacts | None) -> str:
    """Why a stack may not have a name; empty where it may."""
    if reserved.party_of(one.kind, one.name) not in {None, one.party}:
        return _RESERVED
    if first.stack != one.stack:
        return f"already belongs to {_who(first, one)}"
    if one.kind == "row" and site is None:
        return "lies in a site that nobody has declared"
    if site is not None and site.party != one.party:
        return "lies in a site of another party"
    return ""


def _two_sites(names: Iterable[NameFacts]) -> Iterator[Breach]:
    """Hosts that one declaration has at two sites: what their agents send would be read for one of them only.

    A stack that moves a host from site to site has it twice in the ledger for a while, but wants it once.
    """
    found: dict[tuple[str, str, int], list[NameFacts]] = defaultdict(list)
    for one in names:
        if one.kind == "host":
            found[one.name, one.stack, one.since].append(one)
    for _, group in sorted(found.items()):
        first, *others = sorted(group, key=lambda one: one.path)
        for one in others:
            yield _breach(one, f"stands at two sites; the other one is {first.path.split('.')[1]}")


def _who(first: NameFacts, one: NameFacts) -> str:
    return "another party" if first.party != one.party else "another stack of this party"


def _prefixes(reserved: Reserved, held: Sequence[NameFacts]) -> Iterator[Breach]:
    """Of two networks of different stacks that share addresses, the later one."""
    told = {one: _RESERVED for one in held if not reserved.may_use(network_of(one.name), one.party)}
    around: list[NameFacts] = []
    for one in sorted(held, key=_place):
        network = network_of(one.name)
        around = [other for other in around if network_of(other.name).overlaps(network)]
        for other in around:
            if other.stack != one.stack:
                later, first = (one, other) if _since(other) < _since(one) else (other, one)
                told.setdefault(later, f"shares addresses with a network of {_who(first, later)}")
        around.append(one)
    for one in sorted(told, key=lambda item: (item.name, item.stack)):
        yield _breach(one, told[one])


def _place(one: NameFacts) -> tuple[int, int, int, str]:
    network = network_of(one.name)
    return network.version, int(network.network_address), network.prefixlen, one.stack


def _breach(one: NameFacts, why: str) -> Breach:
    kind = "network" if one.kind == "prefix" else one.kind
    return Breach(
        subject=one.name,
        where=one.path,
        message=f"{kind} {one.name} {why}",
        value=1,
        limit=0,
        unit="names",
        excess=1,
        participants=(Participant(party=one.party, name=one.name),),
        fix=f"{_FIX[one.kind]}, or ask the administrator to reserve it for you once it is free",
    )
