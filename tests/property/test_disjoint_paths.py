"""Pairs of disjoint paths: what is found, and what is proven not to be there, is what trying everything gives."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.soak import is_full
from support.topologies import Size, network
from support.zone_project import ZONE
from zonewright.model import Zone
from zonewright.model.base import RiskKind
from zonewright.model.network import Duct, Link
from zonewright.model.world import DuctFacts, LinkFacts, ZoneFacts
from zonewright.rules.disjoint import LinkNetwork
from zonewright.rules.paths import LinkPath, link_delay_ns, risks_of

SITES = "abcdef"
ENDS = ("a", "f")
_DUCTS = st.lists(st.integers(0, 7), max_size=2, unique=True)
_ENDS = st.sampled_from(list(combinations(SITES, 2)))
LINKS = st.lists(st.tuples(_ENDS, st.integers(1, 9), _DUCTS), min_size=4, max_size=13)
LEASED = st.lists(st.tuples(_ENDS, st.integers(1, 9) | st.none()), min_size=1, max_size=4)
KINDS = st.lists(st.sampled_from(["site", "duct", "bridge"]), min_size=1, max_size=3, unique=True)
SMALL = Zone.model_validate(ZONE)
Drawn = list[tuple[tuple[str, str], int, list[int]]]


NO_SINGLE_CUT: Drawn = [
    (("a", "f"), 5, [0, 1]),
    (("a", "f"), 5, [1, 2]),
    (("a", "f"), 5, [0, 2]),
    (("a", "b"), 4, []),
    (("b", "f"), 4, []),
]
"""Of three paths each two share a duct and no duct is in all; a fourth shares nothing, and takes longer."""
EIGHT_SEARCHES: Drawn = [
    (("b", "f"), 4, []),
    (("e", "f"), 7, [3]),
    (("a", "b"), 3, [0, 6]),
    (("a", "e"), 6, [6, 0]),
    (("b", "d"), 2, [4]),
    (("a", "d"), 5, [1]),
]
"""A pair that is found by the eighth search for a path."""


def zone_of(drawn: Drawn, leased: Sequence[tuple[tuple[str, str], int | None]] = ()) -> ZoneFacts:
    """A zone with these links: ends, kilometres of a duct of its own, and shared ducts; two of these share a bridge.

    Of leased ones nobody knows the route: ends, and what the lessor says of the delay.
    """
    ducts = {f"d{number}": (0, "bridge" if number < 2 else None) for number in range(8)}
    links = {}
    for number, ((one, two), metres, shared) in enumerate(drawn):
        ducts[f"own{number}"] = (metres * 1000, None)
        names = (f"own{number}", *(f"d{index}" for index in shared))
        link = Link.model_construct(a=one, b=two, ducts=names, status="active", power_panels=(), cores=1, route="known")
        links[f"l{number}"] = LinkFacts(owner="net", link=link)
    for number, ((one, two), delay_us) in enumerate(leased):
        circuit = Link(a=one, b=two, route="unknown", delay_us=delay_us, cores=1)
        links[f"u{number}"] = LinkFacts(owner="net", link=circuit)
    held = {}
    for name, (length_m, bridge) in ducts.items():
        duct = Duct.model_construct(length_m=length_m, bridge=bridge)  # type: ignore[call-arg] # it needs no route
        held[name] = DuctFacts(owner="net", duct=duct)
    return ZoneFacts(zone=SMALL, links=links, ducts=held)


def every_path(
    facts: ZoneFacts, site: str, seen: tuple[str, ...], links: tuple[str, ...], to: str = ENDS[1]
) -> Iterator[LinkPath]:
    """All paths without loops."""
    if site == to:
        yield LinkPath(links, sum(link_delay_ns(facts.links[name].link, facts) or 0 for name in links))
        return
    for name, held in facts.links.items():
        ends = (held.link.a, held.link.b)
        if site in ends:
            other = ends[1] if ends[0] == site else ends[0]
            if other not in seen:
                yield from every_path(facts, other, (*seen, other), (*links, name), to)


def hangs_on(facts: ZoneFacts, path: LinkPath, kinds: list[str], ends: tuple[str, str] = ENDS) -> set[tuple[str, str]]:
    """What takes a path down, without what all paths between the ends share."""
    risks = {risk for name in path.links for risk in risks_of(facts.links[name].link, facts) if risk[0] in kinds}
    return {*risks, *(("link", name) for name in path.links)} - {("site", end) for end in ends}


@given(LINKS, KINDS, st.one_of(st.none(), st.integers(0, 60)))
@example([(("a", "f"), 1, [0]), (("a", "f"), 2, [1])], ["bridge"], None)
@example([(("a", "f"), 1, [0]), (("a", "f"), 2, [1])], ["duct"], None)
@example(NO_SINGLE_CUT, ["duct"], 0)
def test_a_pair_is_found_whenever_there_is_one(drawn: Drawn, kinds: list[str], number: int | None) -> None:
    """The pair, the delay of the fastest one, and the thing that every path hangs on are those of trying everything."""
    facts = zone_of(drawn)
    everything = sorted(every_path(facts, ENDS[0], (ENDS[0],), ()), key=lambda one: one.delay_ns)
    most_ns = None if number is None or not everything else everything[number % len(everything)].delay_ns
    found = [one for one in everything if most_ns is None or one.delay_ns <= most_ns]
    on = {one: hangs_on(facts, one, kinds) for one in found}
    pairs = [(one, two) for one, two in combinations(found, 2) if not on[one] & on[two]]
    network = LinkNetwork(facts)
    answer = network.disjoint_pair(*ENDS, kinds, most_ns=most_ns)  # type: ignore[arg-type] # kinds as text
    assert answer.is_decided
    assert (answer.pair is not None) == bool(pairs)
    fastest = network.fastest(*ENDS)
    assert (fastest.delay_ns if fastest else None) == (everything[0].delay_ns if everything else None)
    if answer.pair is not None:
        one, two = answer.pair
        assert one.delay_ns <= two.delay_ns
        assert most_ns is None or two.delay_ns <= most_ns
        assert not on[one] & on[two]
        best = network.fastest_pair(*ENDS, kinds, two)  # type: ignore[arg-type] # kinds as text
        assert best.pair is not None
        assert best.pair[1].delay_ns == min(max(one.delay_ns, two.delay_ns) for one, two in pairs)
    if not pairs and found:
        # Each path hangs on the cut, and none of its things can be left out.
        assert all(on[one].intersection(answer.cut) for one in found)
        for left in answer.cut:
            assert not all(on[one].intersection({*answer.cut} - {left}) for one in found)
    else:
        assert not answer.cut


@given(LINKS, KINDS, st.integers(1, 6))
def test_a_search_that_is_given_up_proves_nothing(drawn: Drawn, kinds: list[str], most: int) -> None:
    """With little work allowed, an answer is a real pair, a real proof, or that nothing was decided."""
    facts = zone_of(drawn)
    whole = LinkNetwork(facts).disjoint_pair(*ENDS, kinds)  # type: ignore[arg-type] # kinds as text
    answer = LinkNetwork(facts, searches=most).disjoint_pair(*ENDS, kinds)  # type: ignore[arg-type] # kinds as text
    if answer.is_decided:
        assert (answer.pair is None) == (whole.pair is None)


@given(LINKS, LEASED, KINDS)
@example([(("a", "f"), 1, [0])], [(("a", "f"), None)], ["duct"])
@example([(("a", "f"), 1, [0])], [(("a", "f"), None)], ["site"])
def test_what_nobody_knows_of_a_leased_circuit_is_not_decided(
    drawn: Drawn, leased: list[tuple[tuple[str, str], int | None]], kinds: list[str]
) -> None:
    """Where ducts or bridges count, no pair has such a circuit, and there is "none" only if none could have it."""
    facts = zone_of(drawn, leased)
    everything = list(every_path(facts, ENDS[0], (ENDS[0],), ()))
    on = {one: hangs_on(facts, one, kinds) for one in everything}
    pairs = [(one, two) for one, two in combinations(everything, 2) if not on[one] & on[two]]
    is_blind = bool({"duct", "bridge"}.intersection(kinds))
    known = [(one, two) for one, two in pairs if not (is_blind and _leased_in(one, two))]
    answer = LinkNetwork(facts).disjoint_pair(*ENDS, kinds)  # type: ignore[arg-type] # kinds as text
    assert (answer.pair is not None) == bool(known)
    assert answer.is_decided == (bool(known) or not pairs)
    if answer.pair is not None:
        assert not is_blind or not _leased_in(*answer.pair)
    if not answer.is_decided:
        assert answer.unknown
        assert set(answer.unknown) <= {name for pair in pairs for name in _leased_in(*pair)}
    timed = LinkNetwork(facts, only_timed=True).fastest(*ENDS)
    delays = [
        one.delay_ns
        for one in everything
        if all(link_delay_ns(facts.links[name].link, facts) is not None for name in one.links)
    ]
    assert (timed.delay_ns if timed else None) == min(delays, default=None)


def _leased_in(*paths: LinkPath) -> set[str]:
    return {name for path in paths for name in path.links if name.startswith("u")}


def test_a_search_is_given_up_when_its_work_is_done() -> None:
    """One search less than is needed decides nothing; with as many the pair is there."""
    facts = zone_of(EIGHT_SEARCHES)
    given_up = LinkNetwork(facts, searches=7).disjoint_pair(*ENDS, ["duct"])
    assert (given_up.pair, given_up.cut, given_up.is_decided) == (None, (), False)
    assert LinkNetwork(facts, searches=8).disjoint_pair(*ENDS, ["duct"]).pair is not None


@pytest.mark.parametrize("seed", range(6 if is_full() else 2))
def test_what_is_learnt_on_the_way_is_true(seed: int) -> None:
    """On a backbone with shared bridges the fastest pair is that of trying everything, and just below it is none."""
    facts = network(Size(14, 24, bridges=12), seed)
    kinds: tuple[RiskKind, ...] = ("duct", "bridge", "site")
    links = LinkNetwork(facts)
    for start, end in list(combinations(sorted(facts.sites), 2))[::4]:
        everything = sorted(every_path(facts, start, (start,), (), end), key=lambda one: one.delay_ns)
        on = {one: hangs_on(facts, one, list(kinds), (start, end)) for one in everything}
        best = _fastest_of(everything, on)
        answer = links.disjoint_pair(start, end, kinds)
        assert answer.is_decided
        assert (answer.pair is not None) == (best is not None)
        if answer.pair is not None and best is not None:
            fastest = links.fastest_pair(start, end, kinds, answer.pair[1])
            assert fastest.pair is not None
            assert fastest.pair[1].delay_ns == best
            assert links.disjoint_pair(start, end, kinds, most_ns=best).pair is not None
            below = links.disjoint_pair(start, end, kinds, most_ns=best - 1)
            assert below.is_decided
            assert below.pair is None


def _fastest_of(everything: list[LinkPath], on: dict[LinkPath, set[tuple[str, str]]]) -> int | None:
    """The delay of the slower path of the fastest pair; paths come in order of their delay."""
    for number, slower in enumerate(everything):
        if any(not on[slower] & on[one] for one in everything[:number]):
            return slower.delay_ns
    return None
