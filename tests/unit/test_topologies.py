"""On networks of the size of known backbones the search for two paths ends with an answer."""

from itertools import combinations

import pytest

from support.topologies import NAMED, network
from zonewright.model.base import RiskKind
from zonewright.model.world import ZoneFacts
from zonewright.rules.disjoint import LinkNetwork

KINDS: tuple[RiskKind, ...] = ("duct", "site")
EACH = 23
"""Of so many pairs of sites one is looked at."""


def ends_of(facts: ZoneFacts, link_id: str) -> tuple[str, str]:
    """Both sites of a link."""
    return facts.links[link_id].link.a, facts.links[link_id].link.b


def joined_without(facts: ZoneFacts, start: str, left_out: tuple[str, str]) -> set[str]:
    """Sites that hang together with one of them without a duct, a link or a site."""
    kind, name = left_out
    found, queue = {start}, [start]
    while queue:
        site = queue.pop()
        for link_id, held in facts.links.items():
            ends = ends_of(facts, link_id)
            is_lost = name in {"duct": held.link.ducts, "link": (link_id,), "site": ends}[kind]
            if site in ends and not is_lost:
                new = {*ends} - found
                found |= new
                queue += new
    return found


@pytest.mark.parametrize("name", [name for name, size in NAMED.items() if not size.bridges])
def test_each_pair_of_sites_has_two_paths_or_one_thing_that_takes_all(name: str) -> None:
    """By Menger's theorem there are two paths, or one site or duct without which there is none; never "not decided"."""
    facts = network(NAMED[name])
    assert (len(facts.sites), len(facts.links)) == (NAMED[name].sites, NAMED[name].links)
    links, found = LinkNetwork(facts), 0
    for one, two in list(combinations(sorted(facts.sites), 2))[::EACH]:
        answer = links.disjoint_pair(one, two, KINDS)
        assert answer.is_decided
        if answer.pair is None:
            (cut,) = answer.cut
            assert two not in joined_without(facts, one, cut)
        else:
            found += 1
            ducts = [{facts.links[link].link.ducts[0] for link in path.links} for path in answer.pair]
            sites = [{end for link in path.links for end in ends_of(facts, link)} for path in answer.pair]
            assert not ducts[0] & ducts[1]
            assert sites[0] & sites[1] == {one, two}
            best = links.fastest_pair(one, two, KINDS, answer.pair[1])
            assert best.is_decided
            assert best.pair is not None
            assert best.pair[1].delay_ns <= answer.pair[1].delay_ns
    assert found
