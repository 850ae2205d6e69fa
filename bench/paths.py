"""Two disjoint paths of a connection, on networks of the size of known backbones: CPU time of each pair of sites."""

import time
from collections.abc import Sequence
from itertools import combinations

from bench.figures import Figure, percentile
from support.topologies import NAMED, network
from zonewright.model.base import RiskKind
from zonewright.model.world import ZoneFacts
from zonewright.rules.disjoint import LinkNetwork

LIMIT_MS = 20
KINDS: tuple[RiskKind, ...] = ("duct", "bridge", "site", "power-panel")


def figures(_runs: int, _nodes: Sequence[int]) -> list[Figure]:
    """The middle one and the slowest one of all pairs of sites, and how many were given up."""
    found = []
    for name, size in NAMED.items():
        any_pair, fastest, given_up = _times(network(size))
        found += [
            Figure(f"{name}: {len(any_pair):,} pairs of sites, median", percentile(any_pair, 50), "ms"),
            Figure("  the slowest", max(any_pair), "ms", LIMIT_MS),
            Figure("  the fastest pair, 99 of 100", percentile(fastest, 99), "ms"),
            Figure("  the fastest pair, the slowest", max(fastest), "ms"),
            Figure("  not decided", given_up, "pairs", 0),
        ]
    return found


def _times(facts: ZoneFacts) -> tuple[list[float], list[float], int]:
    """CPU milliseconds for a pair of paths and for the fastest one, between each two sites, and those given up."""
    any_pair, fastest, given_up = [], [], 0
    for one, two in combinations(sorted(facts.sites), 2):
        begun = time.process_time()
        links = LinkNetwork(facts)
        answer = links.disjoint_pair(one, two, KINDS)
        any_pair.append((time.process_time() - begun) * 1000)
        given_up += not answer.is_decided
        if answer.pair is not None:
            begun = time.process_time()
            given_up += not links.fastest_pair(one, two, KINDS, answer.pair[1]).is_decided
            fastest.append((time.process_time() - begun) * 1000)
    return any_pair, fastest, given_up
