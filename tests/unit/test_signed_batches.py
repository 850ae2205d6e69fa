"""Ten thousand batches of two hosts, replayed, reordered, crossed and with changed bytes: who signs what."""

import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise, takewhile
from pathlib import Path

import pytest

from support.signed_host import LEDGER, Key, SignedHost, received
from support.soak import rounds, seeded
from zonewright.seal.keys import key_id
from zonewright.telemetry.chain import head_of
from zonewright.telemetry.otlp import OtlpError
from zonewright.telemetry.samples import Samples
from zonewright_agent.chain import digest_of
from zonewright_agent.points import Point

NOW_NS, COUNT = 1_900_000_000 * 10**9, 100
NAMES = ("gw-1", "gw-2")


class Model:
    """What must become of one host's batches: a head leads back, through batches that came whole."""

    def __init__(self, key: str, own: dict[int, str]) -> None:
        self._key, self._own = key, own
        self.came: dict[int, set[str]] = defaultdict(set)
        self._heads: set[int] = set()

    def take(self, agent: str, body: bytes) -> bool:
        """A batch comes in; whether it is one of this agent."""
        try:
            batch = received(body, key=self._key)
        except OtlpError:
            return False
        if batch.agent != agent:  # as the service refuses it: the token is another one's
            return False
        if batch.link is not None:
            self.came[batch.sequence].add(batch.link.digest)  # the host's counts, whoever took its number before
            head = batch.link.head
            if head is not None and not head.fault:
                named = head_of(head.text)
                if named.digest in self.came[named.sequence]:
                    self._heads.add(named.sequence)
        return True

    def _is_whole(self, number: int) -> bool:
        return self._own.get(number, "") in self.came[number]

    def signed(self) -> set[int]:
        """The numbers of the batches that count."""
        found: set[int] = set()
        for head in self._heads:
            found |= set(takewhile(self._is_whole, range(head, 0, -1)))
        return found


def mistreated(bodies: dict[str, list[bytes]], chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """By sender what comes in: the batches of both hosts, and what becomes of them on the way."""
    each = [(name, at, body) for name, own in bodies.items() for at, body in enumerate(own)]
    each.sort(key=lambda one: one[1] + chance.random() * chance.choice((0, 0, 0, 4)))
    for name, at, body in each:
        kind = chance.random()
        if kind < 0.02:
            continue  # it is lost
        if kind < 0.06:
            yield name, changed(body, chance)
        if kind < 0.10:
            yield NAMES[1 - NAMES.index(name)], body  # with the token of the other one
        if kind < 0.14:
            yield NAMES[1 - NAMES.index(name)], body.replace(name.encode(), NAMES[1 - NAMES.index(name)].encode())
        yield name, body
        if kind > 0.94:
            yield name, changed(body, chance)
        if kind > 0.90:
            yield name, bodies[name][chance.randrange(at + 1)]  # an old one once more


def changed(body: bytes, chance: random.Random) -> bytes:
    """One bit is another one."""
    at = chance.randrange(len(body))
    return body[:at] + bytes([body[at] ^ 1 << chance.randrange(7)]) + body[at + 1 :]


@pytest.mark.soak
def test_only_what_a_host_signed_counts_as_signed(tmp_path: Path) -> None:
    """Exactly those batches are signed that a head leads back to; whatever is missing or wrong in between is told."""
    chance = seeded("signed batches")
    for number in rounds("signed batches", 50):
        hosts = [SignedHost(name, Key(10 + at), every=chance.randrange(2, 9)) for at, name in enumerate(NAMES)]
        bodies = {one.name: [one.next([point(at)]) for at in range(COUNT)] for one in hosts}
        keys = {one.name: one.key.public for one in hosts}
        own = {name: {at + 1: digest_of(body) for at, body in enumerate(each)} for name, each in bodies.items()}
        models = {name: Model(keys[name], own[name]) for name in NAMES}
        with closing(Samples(tmp_path / f"{number}.db")) as samples:
            for sender, body in mistreated(bodies, chance):
                if models[sender].take(sender, body):
                    samples.append(received(body, key=keys[sender]), NOW_NS)
            for name in NAMES:
                kept = list(samples.chains.batches(name))
                signed = {one.sequence for one in kept if one.head}
                assert signed == models[name].signed(), key_id(keys[name])
                assert all(digest_of(one.body) == own[name][one.sequence] for one in kept if one.head)
                with samples._home.opened() as connection:  # what waits for a head that says which of two it is
                    query = "select sequence, digest from chain_fork where agent = ?"
                    waits = [tuple(row) for row in connection.execute(query, (name,))]
                have = [*((one.sequence, digest_of(one.body)) for one in kept), *waits]
                assert len(have) == len(set(have)), "nothing is there twice"
                acknowledged = {one for one in own[name].items() if one[1] in models[name].came[one[0]]}
                assert acknowledged <= set(have), "nothing that was acknowledged is lost"
                told = {one.sequence for one in samples.chains.events(name)}
                left = [one for before, one in pairwise(kept) if one.previous != before.digest]
                assert {one.sequence for one in left} <= told
                assert samples.chains.heads(name)
                assert {head_of(one.head).ledger for one in samples.chains.heads(name)} == {LEDGER}


def point(at: int) -> Point:
    """One value."""
    return Point("hw.power", "W", "gauge", float(at), NOW_NS - 10**12 + at * 10**9, attributes={"hw.id": "m"})
