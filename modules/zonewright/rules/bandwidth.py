"""The rule about bandwidth: what links carry with all there, and after the failure of any one thing.

The load of a failure is what connections are promised after it, on the ways that routing takes then. A maximum flow
would be more than that: it says what a network could carry if somebody placed each flow by hand, and nobody does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import floor

from zonewright.model.cluster import Connection
from zonewright.model.world import ClusterFacts, ZoneFacts
from zonewright.rules.connections import UNTIL_CLUSTER, connection_breach, connections_of
from zonewright.rules.disjoint import shared_by_nature
from zonewright.rules.finding import Participant
from zonewright.rules.paths import BLIND_KINDS, risks_of
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View
from zonewright.rules.words import amount, listed

_UNIT = "Mbit/s"
_LINK = "link"
_WHOLE = 100
"""Percent."""
_GONE = "clusters"
"""Path of a cluster that was there before a change."""
_Failed = tuple[str, str]
"""Kind and name of what fails."""
_NOTHING: _Failed = ("", "")


@dataclass(frozen=True, slots=True)
class _Promise:
    """A connection that is promised bandwidth.

    Attributes:
        cluster: whose it is.
        name: its name.
        asked: what it asks for.
        apart: things that its two ends share by nature, so that it is promised nothing after their failure.
    """

    cluster: ClusterFacts
    name: str
    asked: Connection
    apart: frozenset[tuple[str, str]]

    @property
    def pair(self) -> tuple[str, str]:
        """The sites that it joins."""
        return (self.cluster.site, self.asked.to)

    def after(self, failed: _Failed) -> int:
        """What it is promised after a failure."""
        if failed == _NOTHING:
            return self.asked.bandwidth_mbps or 0
        counts = failed[0] == _LINK or (failed[0] in self.asked.disjoint and failed not in self.apart)
        return self.asked.kept_mbps if counts else 0


@dataclass(slots=True)
class _Load:
    """What a link carries after the failure that is worst for it.

    Attributes:
        failed: what fails.
        value: megabits per second.
        promises: the connections that it carries then.
    """

    failed: _Failed
    value: int = 0
    promises: list[_Promise] = field(default_factory=list)


def bandwidth_after_failure(view: View) -> Iterator[Breach]:
    """Connections have the bandwidth that they are promised, with all there and after the failure of any one thing."""
    promises = list(_promises(view, view.zone)) if view.zone is not None else []
    if view.zone is None or not promises:
        return
    found = _Worst(view.zone, promises)
    for number, (promised, failed) in sorted(found.cut.items()):
        yield _cut_off(view, promises[number], promised, failed, found.blind)
    yield from _too_much(view, view.zone, found.loads)


class _Worst:
    """What is worst for each link and each promise, whatever fails.

    Args:
        facts: the zone.
        promises: of all connections.
    """

    def __init__(self, facts: ZoneFacts, promises: Sequence[_Promise]) -> None:
        from zonewright.rules.ways import Ways, by_what_fails  # noqa: PLC0415 - few zones promise bandwidth

        links = {name: held.link for name, held in facts.links.items() if held.link.status == "active"}
        self._ways, self._promises = Ways(links), promises
        self._usual = {one.pair: self._ways.links_between(*one.pair) for one in promises}
        self.blind = frozenset(name for name, link in links.items() if link.route == "unknown")
        self.loads: dict[str, _Load] = {}
        self.cut: dict[int, tuple[int, _Failed]] = {}
        """By number of the promise: what it is promised, and after which failure nothing is left of it."""
        self._look(_NOTHING, frozenset())
        for failed, going in by_what_fails({name: risks_of(link, facts) for name, link in links.items()}).items():
            # Nobody knows in which ducts a leased link lies, so it may lie in any.
            self._look(failed, going | self.blind if failed[0] in BLIND_KINDS else going)

    def _look(self, failed: _Failed, down: frozenset[str]) -> None:
        """Look at one failure; a pair without any way at all is left to the rule on delay."""
        loads: dict[str, _Load] = {}
        found: dict[tuple[str, str], frozenset[str]] = {}
        for number, promise in enumerate(self._promises):
            pair, promised = promise.pair, promise.after(failed)
            if not promised or not self._usual[pair]:
                continue
            if pair not in found:
                usual = self._usual[pair]
                found[pair] = usual if usual.isdisjoint(down) else self._ways.links_between(*pair, down)
            if not found[pair] and promised > self.cut.get(number, (0, failed))[0]:
                self.cut[number] = (promised, failed)
            for name in found[pair]:
                load = loads.setdefault(name, _Load(failed))
                load.value += promised
                load.promises.append(promise)
        for name, load in loads.items():
            if name not in self.loads or load.value > self.loads[name].value:
                self.loads[name] = load


BANDWIDTH_AFTER_FAILURE = Rule(
    id="bandwidth-after-failure",
    title="Connections have the bandwidth that they are promised, also after the failure of any one thing.",
    level="no-worse",
    description=(
        "A connection with `bandwidth_mbps` is promised so much while all works. It is promised the part that "
        "`keeps_percent` names after the failure of any one link, or of one thing of the kinds in its `disjoint`; its "
        "ends do not count. Without `keeps_percent` all of it is promised to a connection with two disjoint paths, and "
        "nothing to one with a single path. The load of a link is the sum of what is promised on the ways that routing "
        "takes then: over the fewest sites, and over drained links only where there is no other way. Of several equal "
        "ways each counts with all of it, for a flow takes one of them. The limit is `capacity_mbps` of the link times "
        "the pack's `link-load-percent` (100 by default). A link that is needed and does not say its capacity carries "
        "nothing that can be promised. A link with `route: unknown` may lie in any duct, so it fails with each."
    ),
    unit="Mbit/s",
    reference="capacity planning by failure sets: N minus 1 on links and SRLGs (RFC 4202, RFC 3272 section 5)",
    function=bandwidth_after_failure,
    reach="zone",
)


def _promises(view: View, facts: ZoneFacts) -> Iterator[_Promise]:
    """All of them; of the zone without a change those that the stack had then."""
    if facts.stood is not None:
        path = {one.name: one.path for one in view.clusters}
        own = (replace(one, path=path.get(one.name, _GONE)) for one in facts.stood)
        view = replace(view, clusters=tuple(own))
    for cluster, name, asked in connections_of(view):
        if asked.bandwidth_mbps is not None:
            yield _Promise(cluster, name, asked, frozenset(shared_by_nature(facts, (cluster.site, asked.to))))


def _when(failed: _Failed) -> str:
    return f"when {' '.join(failed)} fails" if failed[0] else "while all works"


def _cut_off(view: View, promise: _Promise, promised: int, failed: _Failed, blind: frozenset[str]) -> Breach:
    doubt = ""
    if failed[0] in BLIND_KINDS and blind:
        doubt = f"; not decided: {listed(sorted(blind))} may lie in it, for the route is unknown"
    return connection_breach(
        view,
        promise.cluster,
        promise.name,
        f"nothing is left from {promise.cluster.site} to {promise.asked.to} {_when(failed)}, and "
        f"{amount(promised, _UNIT)} must be{doubt}",
        value=0,
        limit=promised,
        unit=_UNIT,
        fix="ask for a second way, or lower 'keeps_percent'",
        keep="keep a way that does not hang on it",
    )


def _too_much(view: View, facts: ZoneFacts, worst: Mapping[str, _Load]) -> Iterator[Breach]:
    percent = facts.zone.limit("link-load-percent")
    for name, load in sorted(worst.items()):
        held = facts.links[name]
        capacity = held.link.capacity_mbps
        limit = floor((capacity or 0) * round(percent.value if percent else _WHOLE, 3) / _WHOLE)
        if load.value > limit:
            of = f"of {amount(limit, _UNIT)}"
            if capacity is None:
                of = "and does not say its capacity, so that nothing can be promised on it"
            elif limit != capacity:
                of += f", {percent.value if percent else _WHOLE:g} % of its capacity"
            yield _overloaded(
                view,
                name,
                load,
                limit,
                f"link {name} carries {amount(load.value, _UNIT)} {of}, {_when(load.failed)}",
                is_known=capacity is not None,
            )


def _overloaded(view: View, name: str, load: _Load, limit: int, message: str, *, is_known: bool) -> Breach:
    facts = view.zone
    owner = facts.links[name].owner if facts is not None else ""
    mine = [one for one in load.promises if one.cluster.path and view.acts(one.cluster.party)]
    if mine:
        where = f"{mine[-1].cluster.path}.connections.{mine[-1].name}"
        less = f"ask for {amount(load.value - limit, _UNIT)} less"
        fix = (
            f"{less}, or ask the operator of {name} for more"
            if is_known
            else f"ask the operator of {name} for its capacity"
        )
    elif view.acts(owner):
        where = f"links.{name}.capacity_mbps"
        fix = (
            f"give {name} {amount(load.value - limit, _UNIT)} more"
            if is_known
            else f"declare 'capacity_mbps' of {name}"
        )
    else:
        where, fix = "", f"keep other ways open {UNTIL_CLUSTER}"
    clusters = {(one.cluster.party, one.cluster.name) for one in load.promises}
    return Breach(
        subject=name,
        where=where,
        message=message,
        value=load.value,
        limit=limit,
        unit=_UNIT,
        excess=load.value - limit,
        participants=(
            *(Participant(party=party, name=cluster) for party, cluster in sorted(clusters)),
            Participant(party=owner, name=name),
        ),
        fix=fix,
    )
