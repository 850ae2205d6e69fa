"""Rules about what connections rest on: no shared risk, no late packet."""

from collections.abc import Collection, Iterator
from operator import is_

from zonewright.model.base import RiskKind
from zonewright.model.cluster import Connection
from zonewright.model.world import ClusterFacts, ZoneFacts
from zonewright.rules.disjoint import MAX_SEARCHES, LinkNetwork, PairAnswer
from zonewright.rules.finding import Participant
from zonewright.rules.paths import LinkPath, link_delay_ns
from zonewright.rules.rings import shared_in_rings
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View
from zonewright.rules.words import listed

UNTIL_CLUSTER = "until the tenant has changed the connection: ask for that first"
"""What is left to whoever changes what a connection rests on."""
_KEPT = 4
_LAST: "list[_KnownNetwork]" = []
"""The networks that were asked last: most changes leave sites, ducts and links as they are."""


class _KnownNetwork(LinkNetwork):
    """A network that remembers what it was asked."""

    def __init__(self, facts: ZoneFacts, *, only_timed: bool) -> None:
        super().__init__(facts, only_timed=only_timed)
        self.made_of = _made_of(facts, only_timed=only_timed)
        self._paths: dict[tuple[str, str], LinkPath | None] = {}
        self._pairs: dict[tuple[str, str, frozenset[RiskKind], int | None], PairAnswer] = {}

    def fastest(self, start: str, end: str) -> LinkPath | None:
        """See :meth:`LinkNetwork.fastest`."""
        if (start, end) not in self._paths:
            self._paths[start, end] = super().fastest(start, end)
        return self._paths[start, end]

    def disjoint_pair(
        self, start: str, end: str, kinds: Collection[RiskKind], *, most_ns: int | None = None
    ) -> PairAnswer:
        """See :meth:`LinkNetwork.disjoint_pair`."""
        key = start, end, frozenset(kinds), most_ns
        if key not in self._pairs:
            self._pairs[key] = super().disjoint_pair(start, end, kinds, most_ns=most_ns)
        return self._pairs[key]


def _made_of(facts: ZoneFacts, *, only_timed: bool) -> tuple[object, ...]:
    return facts.zone, facts.sites, facts.ducts, facts.links, only_timed


def _network_of(facts: ZoneFacts, *, only_timed: bool = False) -> LinkNetwork:
    """The network of a zone; the same one as long as what it is made of are the same objects."""
    wanted = _made_of(facts, only_timed=only_timed)
    for known in tuple(_LAST):
        if all(map(is_, known.made_of, wanted)):
            return known
    made = _KnownNetwork(facts, only_timed=only_timed)
    _LAST[:] = [made, *_LAST[: _KEPT - 1]]
    return made


def srlg_disjoint(view: View) -> Iterator[Breach]:
    """Links of a ring, and the two paths of a connection, share no risk of the kinds that are named."""
    if view.zone is None:
        return
    yield from shared_in_rings(view)
    yield from _shared_paths(view, view.zone)


def _shared_paths(view: View, facts: ZoneFacts) -> Iterator[Breach]:
    """Connections for which two paths that share nothing were not found."""
    network = _network_of(facts)
    for cluster, name, connection in connections_of(view):
        if connection.disjoint_paths > 1 and network.fastest(cluster.site, connection.to) is not None:
            answer = network.disjoint_pair(cluster.site, connection.to, connection.disjoint)
            if answer.pair is None:
                yield connection_breach(
                    view,
                    cluster,
                    name,
                    _no_pair(cluster.site, connection, answer),
                    value=1,
                    limit=2,
                    unit="paths",
                    fix=(
                        f"ask the lessor of {listed(list(answer.unknown))} for the ducts, or ask for another way"
                        if answer.unknown
                        else "place it at a site with two ways, or ask for a second way"
                    ),
                    keep=f"keep two paths that share no {' or '.join(connection.disjoint)}",
                )


def _no_pair(site: str, connection: Connection, answer: PairAnswer) -> str:
    kinds = " or ".join(connection.disjoint)
    if len(answer.cut) == 1:
        return (
            f"every path from {site} to {connection.to} hangs on {' '.join(answer.cut[0])}, but two paths that share "
            f"no {kinds} are needed"
        )
    if answer.is_decided:
        cut = listed([" ".join(one) for one in answer.cut])
        return (
            f"any two paths from {site} to {connection.to} share a {kinds}: all ways were tried, and each hangs on one "
            f"of {cut}"
        )
    if answer.unknown:
        routes = f"the route of {answer.unknown[0]} is" if len(answer.unknown) == 1 else _routes(answer)
        return (
            f"not decided: whether two paths from {site} to {connection.to} share no {kinds}, for {routes} unknown; "
            "what is not shown is not taken for granted"
        )
    return (
        f"not decided: whether two paths from {site} to {connection.to} share no {kinds} was not found out in "
        f"{MAX_SEARCHES:,} steps; what is not shown is not taken for granted"
    )


def _routes(answer: PairAnswer) -> str:
    return f"the routes of {listed(list(answer.unknown))} are"


SRLG_DISJOINT = Rule(
    id="srlg-disjoint",
    title="Links of a ring, and the two paths of a connection, share no risk.",
    level="mandatory",
    description=(
        "The risks of a link are its ducts, the bridges that the ducts cross, its two sites, and the power "
        "panels without which it is down, with their substations. The ring or the connection names the kinds "
        "that count. The ends of a connection, their panels and substations are always shared and do not count. "
        "Planned links carry no path, but count in a ring. If no single thing takes down all paths, the finding names "
        "a minimal cut: things of which each path needs one, and of which none can be left out. Nobody knows the ducts "
        "and bridges of a link with `route: unknown`: it is in no pair where these count. If a pair may need it, or "
        "if the search for two paths is given up, the finding says `not decided`, and the change is refused all "
        "the same."
    ),
    unit="risks or paths",
    reference="shared risk link groups, RFC 4202 section 2.3; TIA-942, rated 2 and up: diverse routes",
    function=srlg_disjoint,
    reach="zone",
)


def latency_budget(view: View) -> Iterator[Breach]:
    """The paths that a connection needs are within its delay, in one direction."""
    if view.zone is None:
        return
    network, whole = _network_of(view.zone, only_timed=True), _network_of(view.zone)
    for cluster, name, connection in connections_of(view):
        fastest, limit = network.fastest(cluster.site, connection.to), connection.max_one_way_us
        if fastest is None:
            yield connection_breach(
                view,
                cluster,
                name,
                _no_path(cluster.site, connection.to, whole.fastest(cluster.site, connection.to), view.zone),
                value=0,
                limit=connection.disjoint_paths,
                unit="paths",
                fix="ask for a new link, or choose another site",
                keep="keep a path of active links between them",
            )
            continue
        slow, kind, doubt = _slowest(network, cluster.site, connection, fastest)
        if slow.delay_ns > limit * 1000:
            yield connection_breach(
                view,
                cluster,
                name,
                f"{kind} from {cluster.site} to {connection.to} takes {slow.delay_ns / 1000:,.1f} us one way "
                f"({', '.join(slow.links)}; {_longest(slow, view.zone)}) of {limit:,} us{doubt}",
                value=slow.delay_us,
                limit=limit,
                unit="us",
                fix="place it at a nearer site, or allow more delay",
                keep=f"keep a path of at most {limit:,} us between them",
            )


def _no_path(site: str, to: str, untimed: LinkPath | None, facts: ZoneFacts) -> str:
    if untimed is None:
        return f"there is no path of active links from {site} to {to}"
    links = [name for name in untimed.links if link_delay_ns(facts.links[name].link, facts) is None]
    return (
        f"not decided: how long the paths from {site} to {to} are, for the route of {listed(links)} is unknown and "
        "nobody states its delay"
    )


def _slowest(network: LinkNetwork, site: str, connection: Connection, fastest: LinkPath) -> tuple[LinkPath, str, str]:
    """The path that decides on the delay, what it is called, and what is not known of it."""
    alone, limit_ns = (fastest, "the fastest path", ""), connection.max_one_way_us * 1000
    if connection.disjoint_paths == 1 or fastest.delay_ns > limit_ns:
        return alone
    within = network.disjoint_pair(site, connection.to, connection.disjoint, most_ns=limit_ns)
    if within.pair is not None:
        return within.pair[1], "the protecting path", ""
    found = network.disjoint_pair(site, connection.to, connection.disjoint)
    if found.pair is None:
        return alone  # the rule srlg-disjoint says so
    best = network.fastest_pair(site, connection.to, connection.disjoint, found.pair[1])
    is_decided = within.is_decided and best.is_decided
    doubt = "" if is_decided else "; not decided: whether there is a faster pair was not found out"
    return (best.pair or found.pair)[1], "the protecting path", doubt


LATENCY_BUDGET = Rule(
    id="latency-budget",
    title="The paths of a connection keep its one-way delay.",
    level="mandatory",
    description=(
        "Value is the length of the ducts times the delay of fibre, in one direction, without equipment. Of a link "
        "with `route: unknown` it is the `delay_us` that the lessor states; without it, no path within a limit runs "
        "over the link. If two disjoint paths are needed, the slower one counts."
    ),
    unit="us or paths",
    reference="circles of 1, 5 and 20 ms (carrying-capacity index 2.0); about 4.9 us/km in single-mode fibre",
    function=latency_budget,
    reach="zone",
)


def _longest(path: LinkPath, facts: ZoneFacts) -> str:
    def delay_ns(name: str) -> int:
        return link_delay_ns(facts.links[name].link, facts) or 0

    longest = max(path.links, key=delay_ns)
    link = facts.links[longest].link
    if link.route == "unknown":
        return f"the longest is {longest} with {link.delay_us or 0:,} us"
    length_m = sum(facts.ducts[duct].duct.length_m for duct in link.ducts if duct in facts.ducts)
    return f"the longest is {longest} with {length_m / 1000:,.1f} km"


def connections_of(view: View) -> Iterator[tuple[ClusterFacts, str, Connection]]:
    """Everybody's connections by cluster, in order."""
    others = view.zone.connected if view.zone is not None else ()
    for cluster in sorted((*view.clusters, *others), key=lambda one: (one.party, one.stack, one.name)):
        for name, connection in sorted(cluster.connections.items()):
            yield cluster, name, connection


def connection_breach(
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
        fix=fix if view.acts(cluster.party) else f"{keep} {UNTIL_CLUSTER}",
    )
