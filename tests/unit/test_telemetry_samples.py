"""Samples of agents: sums by hour are exact, old samples can go, and what was acknowledged is never taken twice."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zonewright.telemetry.hours import HOUR_NS
from zonewright.telemetry.sample import Energy, Sample, SampleBatch
from zonewright.telemetry.samples import Samples

START_NS = 490_000 * HOUR_NS
SECOND_NS = 10**9


@pytest.fixture(name="samples")
def _samples(tmp_path: Path) -> Iterator[Samples]:
    found = Samples(tmp_path / "s.db")
    yield found
    found.close()


def delta(start_s: float, end_s: float, joules: float | None, quality: str = "good", part: str = "p") -> Sample:
    """Energy between two times after the begin."""
    low, high = (START_NS + round(one * SECOND_NS) for one in (start_s, end_s))
    return Sample("hw.energy", part, "J", high, low, joules, quality)


def report(sequence: int, *samples: Sample, agent: str = "host-1", boot: str = "b") -> SampleBatch:
    """A batch."""
    return SampleBatch(agent=agent, node="core-001", boot=boot, sequence=sequence, samples=samples)


NOW_NS = START_NS + 1000 * HOUR_NS


def test_energy_is_summed_by_hour(samples: Samples) -> None:
    """A delta across the hour is split by time, to the microjoule; what has no value is counted, not guessed."""
    samples.append(report(1, delta(3590, 3620, 10.000001), delta(3620, 3630, None, "reset")), NOW_NS)
    samples.append(report(2, delta(3630, 3640, 5.0, "clock-stepped")), NOW_NS)
    first = samples.energy("host-1", START_NS, START_NS + HOUR_NS)
    assert first == {"p": Energy(energy_uj=3_333_333, covered_ns=10 * SECOND_NS, unsure=0)}
    second = samples.energy("host-1", START_NS + HOUR_NS)
    assert second == {"p": Energy(energy_uj=11_666_668, covered_ns=30 * SECOND_NS, unsure=2)}


def test_removed_samples_keep_their_sums_and_stay_known(samples: Samples) -> None:
    """After a removal sums are what they were, and a batch that comes again, however old, changes nothing."""
    reports = [report(number, delta(10 * number, 10 * number + 10, 7.0)) for number in range(1, 1001) if number != 500]
    for one in reports:
        samples.append(one, one.samples[0].time_ns)
    before, numbers = samples.energy("host-1"), samples.batches("host-1")
    removed = samples.prune(START_NS + HOUR_NS)
    assert removed == 358
    assert len(samples.samples("host-1")) == 999 - 358
    assert samples.prune(NOW_NS) == 999 - 358
    assert (samples.energy("host-1"), samples.batches("host-1")) == (before, numbers)
    for one in reports:
        assert samples.append(one, NOW_NS).duplicate
    assert samples.energy("host-1") == before
    assert not samples.append(report(500, delta(5000, 5010, 7.0)), NOW_NS).duplicate
    assert samples.prune(NOW_NS + HOUR_NS) == 1
    assert samples.batches("host-1") == list(range(1, 1001))


def test_a_sample_that_is_repeated_counts_once(samples: Samples) -> None:
    """An agent that sends one value in two batches, or twice in one, adds its energy once."""
    one, two = delta(0, 10, 5.0), delta(10, 20, 6.0)
    assert samples.append(report(1, one, one), NOW_NS).stored == 1
    assert samples.append(report(2, one, two), NOW_NS).stored == 1
    assert samples.energy("host-1")["p"].energy_uj == 11_000_000


def test_batches_of_many_threads_share_commits_and_lose_nothing(samples: Samples) -> None:
    """Whoever waits for whom, each batch is stored once, and each of its senders hears what became of it."""
    found: list[bool] = []

    def send(agent: int) -> None:
        for number in range(1, 41):
            batch = report(number, delta(number, number + 1, 1.0), agent=f"host-{agent}")
            found.append(samples.append(batch, NOW_NS).duplicate)
            found.append(samples.append(batch, NOW_NS).duplicate)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found.count(True), found.count(False)) == (320, 320)
    assert all(samples.energy(f"host-{number}")["p"].energy_uj == 40_000_000 for number in range(8))


def test_a_batch_that_can_not_be_stored_takes_no_other_with_it(samples: Samples) -> None:
    """A value that the file cannot hold fails its own batch alone, and the series that it would have begun."""
    bad = report(1, Sample("n", "p", "W", 2**70, None, 1.0, "good"))
    with pytest.raises(OverflowError):
        samples.append(bad, 2**71)
    assert samples.append(report(2, Sample("n", "p", "W", START_NS, None, 1.0, "good")), NOW_NS).stored == 1
    assert samples.batches("host-1") == [2]


def test_a_disk_that_is_full_loses_no_batch_silently(samples: Samples) -> None:
    """When the file cannot grow the sender hears of it, and the same batch is taken once there is room."""
    with samples._home.writing() as writer:
        writer.execute(f"pragma max_page_count = {writer.execute('pragma page_count').fetchone()[0]}")
    large = report(1, *(delta(number, number + 1, 1.0, part=f"p{number}") for number in range(2000)))
    with pytest.raises(sqlite3.Error, match="full"):
        samples.append(large, NOW_NS)
    with samples._home.writing() as writer:
        writer.execute("pragma max_page_count = 1000000")
    assert samples.append(large, NOW_NS).stored == 2000


@settings(max_examples=50, deadline=None)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 10**13), st.integers(0, 10**10)), min_size=1, max_size=12),
    cut=st.integers(0, 40),
)
def test_hours_add_up_to_what_was_sent(
    lengths: list[tuple[int, int]], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the lengths, the hours hold every microjoule and every nanosecond, before and after a removal."""
    samples = Samples(tmp_path_factory.mktemp("samples") / "s.db")
    at, total = START_NS, 0
    for number, (length, energy_uj) in enumerate(lengths, 1):
        sample = Sample("hw.energy", "p", "J", at + length, at, energy_uj / 1e6, "good")
        if samples.append(report(number, sample), at + length).stored:
            total += energy_uj
            at += length
    for _ in range(2):
        held = samples.energy("host-1").get("p", Energy(energy_uj=0, covered_ns=0, unsure=0))
        assert (held.energy_uj, held.covered_ns) == (total, at - START_NS)
        samples.prune(START_NS + cut * HOUR_NS)
    samples.close()
