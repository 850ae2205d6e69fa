"""Rules about ducts and links: free bores, no new duct beside one that has room, no shared risk, no late packet."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, islice

from zonewright.model.cluster import Connection
from zonewright.model.geodesy import beside
from zonewright.model.network import Link
from zonewright.model.world import ClusterFacts, DuctFacts, LinkFacts, ZoneFacts
from zonewright.rules.finding import Participant
from zonewright.rules.paths import LinkPath, disjoint_pair, paths, risks_of
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View
from zonewright.rules.words import count_of, listed

PARALLEL_SHARE = 0.5
"""A new duct repeats an old one when at least this part of it lies beside the old one."""
MAX_PATHS = 400
"""Paths that are compared in pairs."""
_UNTIL_LINK = "until the operator of the link has changed the link: ask for that first"
_UNTIL_CLUSTER = "until the tenant has changed the connection: ask for that first"


def _bores_by_links(facts: ZoneFacts) -> Counter[str]:
    return Counter(duct for _, held in facts.all_links for duct in held.link.ducts)


def free_bores(facts: ZoneFacts, duct_id: str) -> int:
    """Bores of a duct that neither a link of the zone nor anybody else has."""
    duct = facts.ducts[duct_id].duct
    return duct.bores - duct.bores_in_use - _bores_by_links(facts)[duct_id]


def link_route(view: View) -> Iterator[Breach]:
    """A link runs between sites that exist, through ducts that exist and that its operator may use."""
    if view.zone is None:
        return
    for link_id, held in sorted(view.zone.links.items()):
        for site_id in (held.link.a, held.link.b):
            site, was = view.zone.sites.get(site_id), view.before.sites.get(site_id) if view.before else None
            if site is None and (was is None or view.acts(held.owner)):
                yield _unknown(link_id, held, f"site {site_id}", "facility operator")
            elif site is None or site.is_leaving:
                fix = "end it at another site" if view.acts(held.owner) else f"keep {site_id} {_UNTIL_LINK}"
                yield _route(link_id, held, f"needs site {site_id}, which is being removed", fix)
        for duct_id in held.link.ducts:
            yield from _through(link_id, held, duct_id, view)


def _through(link_id: str, held: LinkFacts, duct_id: str, view: View) -> Iterator[Breach]:
    """Who changes the link is told how to change it, who changes the duct how to keep it."""
    duct, is_ours = view.zone.ducts.get(duct_id) if view.zone else None, view.acts(held.owner)
    was = view.before.ducts.get(duct_id) if view.before else None
    if duct is None and (was is None or is_ours):
        yield _unknown(link_id, held, f"duct {duct_id}", "network operator")
    elif duct is None or duct.is_leaving:
        what = f"runs through duct {duct_id}, which is being removed"
        yield _route(
            link_id, held, what, "route it through other ducts" if is_ours else f"keep {duct_id} {_UNTIL_LINK}"
        )
    elif duct.owner != held.owner and not duct.duct.is_shared:
        what = f"runs through duct {duct_id}, which its operator does not share"
        fix = f"ask for a shared bore of {duct_id}, or use other ducts"
        yield _route(link_id, held, what, fix if is_ours else f"keep {duct_id} shared {_UNTIL_LINK}")
    elif duct.duct.status == "planned" and held.link.status == "active":
        what = f"is active and runs through duct {duct_id}, which is only planned"
        fix = "keep the link planned until its ducts are built"
        yield _route(link_id, held, what, fix if is_ours else f"keep {duct_id} active {_UNTIL_LINK}")


LINK_ROUTE = Rule(
    id="link-route",
    title="A link runs between sites that exist, through ducts that exist and may be used.",
    level="mandatory",
    description=(
        "The duct is shared or belongs to the link's operator. It is built before the link is active, and it "
        "is not being removed."
    ),
    unit="links",
    reference="NetBox, terminations and path of a cable",
    function=link_route,
    reach="zone",
)


def _unknown(link_id: str, held: LinkFacts, what: str, who: str) -> Breach:
    return _route(
        link_id, held, f"needs {what}, which no {who} has declared", f"correct the id, or ask for {what} to be declared"
    )


def _route(link_id: str, held: LinkFacts, what: str, fix: str) -> Breach:
    return Breach(
        subject=link_id,
        where=f"links.{link_id}",
        message=f"link {link_id} {what}",
        value=1,
        limit=0,
        unit="links",
        excess=1,
        participants=(Participant(party=held.owner, name=link_id),),
        fix=fix,
    )


def duct_bores(view: View) -> Iterator[Breach]:
    """A duct has one bore for each link that runs through it."""
    if view.zone is None:
        return
    by_links = _bores_by_links(view.zone)
    for duct_id, held in sorted(view.zone.ducts.items()):
        value, limit = held.duct.bores_in_use + by_links[duct_id], held.duct.bores
        if value > limit:
            through = sorted((link, one.owner) for link, one in view.zone.all_links if duct_id in one.link.ducts)
            last, owner = through[-1] if through else (None, "")
            yield Breach(
                subject=duct_id,
                where=f"links.{last}.ducts" if last else f"ducts.{duct_id}.bores_in_use",
                message=(
                    f"duct {duct_id} has {count_of(limit, 'bore')}, and {value:,} are wanted: "
                    f"{held.duct.bores_in_use:,} "
                    f"by others, {by_links[duct_id]:,} by links"
                ),
                value=value,
                limit=limit,
                unit="bores",
                excess=value - limit,
                participants=(
                    *((Participant(party=owner, name=last),) if last else ()),
                    Participant(party=held.owner, name=duct_id),
                    *(Participant(party=party, name=link) for link, party in through[:-1]),
                ),
                fix=(
                    f"route {count_of(value - limit, 'link')} through other ducts"
                    if not through or any(view.acts(party) for _, party in through)
                    else f"keep {count_of(by_links[duct_id], 'bore')} of {duct_id} for links {_UNTIL_LINK}"
                ),
            )


DUCT_BORES = Rule(
    id="duct-bores",
    title="A duct has one bore for each link that runs through it.",
    level="mandatory",
    description=(
        "Value is the number of bores that others use, plus one bore for each link of the zone, including "
        "planned links."
    ),
    unit="bores",
    reference="duct survey of the network operator",
    function=duct_bores,
    reach="zone",
)


def reuse_first(view: View) -> Iterator[Breach]:
    """No duct is built beside one that has a free bore."""
    limit = view.zone.zone.limit("duct-reuse-distance-m") if view.zone is not None else None
    if view.zone is None or limit is None:
        return
    for duct_id, held in sorted(view.zone.ducts.items()):
        if held.duct.status == "planned":
            for other_id, other in sorted(view.zone.ducts.items()):
                free = free_bores(view.zone, other_id)
                may_use = other.duct.is_shared or other.owner == held.owner
                if other.duct.status == "active" and may_use and free > 0:
                    yield from _repeats((duct_id, held), (other_id, other), free=free, within_m=limit.value)


REUSE_FIRST = Rule(
    id="reuse-first",
    title="No duct is built beside one that has a free bore.",
    level="mandatory",
    description=(
        "The rule judges planned ducts. It compares them with active ducts that have a free bore and are "
        "shared or belong to the operator. The new duct is refused if at least half of its route lies within "
        "the pack's `duct-reuse-distance-m` of such a duct: the operator uses the free bore instead. Value "
        "is the length of route beside that duct. The limit is half of the route."
    ),
    unit="m",
    reference=(
        "joint construction and sharing: what can be shared is not newly built (notice of 14 ministries, 2023; "
        "MIIT and SASAC opinions since 2008)"
    ),
    function=reuse_first,
    reach="zone",
)


def _repeats(
    planned: tuple[str, DuctFacts], present: tuple[str, DuctFacts], *, free: int, within_m: float
) -> Iterator[Breach]:
    (duct_id, held), (other_id, other) = planned, present
    near = beside(held.duct.route.points, other.duct.route.points, within_m)
    whole = beside(held.duct.route.points, held.duct.route.points, within_m).length_m
    limit = int(whole * PARALLEL_SHARE)
    if near.length_m < whole * PARALLEL_SHARE:
        return
    yield Breach(
        subject=duct_id,
        where=f"ducts.{duct_id}",
        message=(
            f"duct {duct_id} would lie {near.distance_m:,.0f} m beside {other_id} for {near.length_m:,.0f} m of its "
            f"{whole:,.0f} m (within {within_m:g} m); {other_id} has {free} of "
            f"{count_of(other.duct.bores, 'bore')} free"
        ),
        value=round(near.length_m),
        limit=limit,
        unit="m",
        excess=max(1, round(near.length_m) - limit),
        participants=(Participant(party=held.owner, name=duct_id), Participant(party=other.owner, name=other_id)),
        fix=f"use a free bore of {other_id} instead: declare a link through {other_id}, and no new duct",
    )


def srlg_disjoint(view: View) -> Iterator[Breach]:
    """Links of a ring, and the two paths of a connection, share no risk of the kinds that are named."""
    if view.zone is None:
        return
    for ring_id, ring in sorted(view.zone.zone.rings.items()):
        present = [link_id for link_id in ring.links if link_id in view.zone.links]
        for one, two in combinations(present, 2):
            links = [view.zone.links[one], view.zone.links[two]]
            first, second = (risks_of(held.link, view.zone) for held in links)
            shared = sorted((kind, name) for kind, name in first & second if kind in ring.disjoint)
            if shared:
                yield Breach(
                    subject=ring_id,
                    where=f"links.{two}.ducts",
                    message=(
                        f"links {one} and {two} of ring {ring_id} share "
                        f"{listed([f'{kind} {name}' for kind, name in shared])}{_shared_length(links, view.zone)}: "
                        "one failure takes both"
                    ),
                    value=len(shared),
                    limit=0,
                    unit="risks",
                    excess=len(shared),
                    participants=(
                        Participant(party=links[1].owner, name=two),
                        Participant(party=links[0].owner, name=one),
                    ),
                    fix=_apart(view, two, one),
                )
    for cluster, name, connection in _connections(view):
        if connection.disjoint_paths > 1:
            found = list(islice(paths(view.zone, cluster.site, connection.to), MAX_PATHS))
            if found and disjoint_pair(found, view.zone, connection.disjoint, ends=_ends(cluster, connection)) is None:
                yield _breach(
                    view,
                    cluster,
                    name,
                    f"{count_of(len(found), 'path')} from {cluster.site} to {connection.to}, but any two of them share "
                    f"a {' or '.join(connection.disjoint)}",
                    value=1,
                    limit=2,
                    unit="paths",
                    fix="place it at a site with two ways, or ask for a second way",
                    keep=f"keep two paths that share no {' or '.join(connection.disjoint)}",
                )


SRLG_DISJOINT = Rule(
    id="srlg-disjoint",
    title="Links of a ring, and the two paths of a connection, share no risk.",
    level="mandatory",
    description=(
        "The risks of a link are its ducts, the bridges that the ducts cross, its two sites, and the power "
        "panels without which it is down, with their substations. The ring or the connection names the kinds "
        "that count. The ends of a connection are always shared and do not count. Planned links carry no "
        "path, but count in a ring."
    ),
    unit="risks or paths",
    reference="shared risk link groups, RFC 4202 section 2.3; TIA-942, rated 2 and up: diverse routes",
    function=srlg_disjoint,
    reach="zone",
)


def _shared_length(links: Sequence[LinkFacts], facts: ZoneFacts) -> str:
    common = set(links[0].link.ducts) & set(links[1].link.ducts)
    metres = sum(facts.ducts[duct].duct.length_m for duct in common if duct in facts.ducts)
    return f" over {metres:,} m" if metres else ""


def latency_budget(view: View) -> Iterator[Breach]:
    """The paths that a connection needs are within its delay, in one direction."""
    if view.zone is None:
        return
    for cluster, name, connection in _connections(view):
        found = list(islice(paths(view.zone, cluster.site, connection.to), MAX_PATHS))
        if not found:
            yield _breach(
                view,
                cluster,
                name,
                f"there is no path of active links from {cluster.site} to {connection.to}",
                value=0,
                limit=connection.disjoint_paths,
                unit="paths",
                fix="ask for a new link, or choose another site",
                keep="keep a path of active links between them",
            )
            continue
        chosen: Sequence[LinkPath] = found[:1]
        if connection.disjoint_paths > 1:
            chosen = disjoint_pair(found, view.zone, connection.disjoint, ends=_ends(cluster, connection)) or found[:1]
        slowest = max(chosen, key=lambda path: path.delay_ns)
        limit = connection.max_one_way_us
        if slowest.delay_ns > limit * 1000:
            kind = "the protecting path" if len(chosen) > 1 else "the fastest path"
            yield _breach(
                view,
                cluster,
                name,
                f"{kind} from {cluster.site} to {connection.to} takes {slowest.delay_ns / 1000:,.1f} us one way "
                f"({', '.join(slowest.links)}; {_longest(slowest, view.zone)}) of {limit:,} us",
                value=slowest.delay_us,
                limit=limit,
                unit="us",
                fix="place it at a nearer site, or allow more delay",
                keep=f"keep a path of at most {limit:,} us between them",
            )


LATENCY_BUDGET = Rule(
    id="latency-budget",
    title="The paths of a connection keep its one-way delay.",
    level="mandatory",
    description=(
        "Value is the length of the ducts times the delay of fibre, in one direction, without equipment. If "
        "two disjoint paths are needed, the slower one counts."
    ),
    unit="us or paths",
    reference="circles of 1, 5 and 20 ms (carrying-capacity index 2.0); about 4.9 us/km in single-mode fibre",
    function=latency_budget,
    reach="zone",
)


def _ends(cluster: ClusterFacts, connection: Connection) -> tuple[str, str]:
    return (cluster.site, connection.to)


def _longest(path: LinkPath, facts: ZoneFacts) -> str:
    def length_m(link: Link) -> int:
        return sum(facts.ducts[duct].duct.length_m for duct in link.ducts if duct in facts.ducts)

    longest = max(path.links, key=lambda link: length_m(facts.links[link].link))
    return f"the longest is {longest} with {length_m(facts.links[longest].link) / 1000:,.1f} km"


def _connections(view: View) -> Iterator[tuple[ClusterFacts, str, Connection]]:
    others = view.zone.connected if view.zone is not None else ()
    for cluster in sorted((*view.clusters, *others), key=lambda one: (one.party, one.stack, one.name)):
        for name, connection in sorted(cluster.connections.items()):
            yield cluster, name, connection


def _apart(view: View, two: str, one: str) -> str:
    """The remedy for two links of a ring, of those that can be carried out by whoever is told."""
    links = view.zone.links if view.zone is not None else {}
    able = [name for name in (two, one) if view.acts(links[name].owner)]
    if able:
        return f"route {' or '.join(able)} through other ducts and over another bridge"
    return "keep their risks apart, or ask the operators of the links to route them otherwise first"


def _breach(
    view: View,
    cluster: ClusterFacts,
    name: str,
    message: str,
    *,
    value: int,
    limit: int,
    unit: str,
    fix: str,
    keep: str,
) -> Breach:
    """A connection that does not hold; `fix` is the tenant's remedy, `keep` that of whoever changes the network."""
    connection = cluster.connections[name]
    # A cluster of another stack has no path here, and its name is not told to whoever changes the network.
    return Breach(
        subject=f"{cluster.name}/{name}" if cluster.path else f"{cluster.site} to {connection.to}",
        where=f"{cluster.path}.connections.{name}" if cluster.path else "",
        message=message,
        value=value,
        limit=limit,
        unit=unit,
        excess=abs(value - limit),
        participants=(Participant(party=cluster.party, name=cluster.name),),
        fix=fix if view.acts(cluster.party) else f"{keep} {_UNTIL_CLUSTER}",
    )
