"""A roll-out wave by wave over hosts that are not there: who is visited, soaked, put back, and when it stops."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from zonewright.fleet.inventory import Host
from zonewright.fleet.rollout.outcome import Outcome, Progress, Say
from zonewright.fleet.rollout.pool import Event, Pool
from zonewright.fleet.rollout.rollout import roll_out
from zonewright.fleet.rollout.waves import HostState, exit_code, split
from zonewright.fleet.ssh.transport import Target
from zonewright.model.fleet import RollOut, StopLimits, WaveSize


@dataclass
class Job:
    """Ends each host as it is told to, and remembers what it was asked for.

    Attributes:
        ends: how the deployment of a host ends; others are changed.
        ill: hosts that are no longer healthy at the end of the soak.
        calls: what was done, to whom, and why.
        slept_s: each soak.
        events: what observers were told.
    """

    ends: Mapping[str, HostState] = field(default_factory=dict)
    ill: frozenset[str] = frozenset()
    host_deadline_s: float = 5.0
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    slept_s: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def deploy(self, host: Host, progress: Progress, say: Say) -> Outcome:
        """Bring one host to what it should have."""
        progress.step = "install"
        say("install", "")
        self.calls.append(("deploy", host.name, ""))
        return Outcome(host=host.name, state=self.ends.get(host.name, "changed"))

    def soaked(self, outcome: Outcome, host: Host, progress: Progress, say: Say) -> Outcome:
        """Look again."""
        progress.step = "look again"
        say("look again", outcome.state)
        self.calls.append(("soaked", host.name, ""))
        return Outcome(host=host.name, state="rolled-back") if host.name in self.ill else outcome

    def put_back(self, outcome: Outcome, host: Host, progress: Progress, say: Say, why: str) -> Outcome:
        """Put back."""
        progress.step = "put back"
        say("put back", outcome.state)
        self.calls.append(("put back", host.name, why))
        return Outcome(host=host.name, state="rolled-back", sentence=why)

    def run(self, count: int, *waves: WaveSize, parallel: int = 1, **limits: int) -> dict[str, HostState]:
        """Roll out to hosts named a, b, c...; gives their states."""
        hosts = hosts_named("abcdefgh"[:count])
        rollout = RollOut(waves=waves, stop=StopLimits(**limits), parallel=parallel)
        found = roll_out(hosts, self, rollout, observe=self.events.append, sleep=self.slept_s.append)
        assert [one.host for one in found] == [host.name for host in hosts]
        return {one.host: one.state for one in found}

    def who(self, call: str) -> list[str]:
        """Hosts that something was done to."""
        return [host for done, host, _ in self.calls if done == call]


def test_a_wave_that_is_stopped_is_put_back_without_a_soak() -> None:
    """When a limit is exceeded nobody waits for the end of the soak: what was changed is put back at once."""
    job = Job(ends={"c": "failed"})
    found = job.run(4, WaveSize(hosts=3, soak_s=600), WaveSize(percent=100))
    assert found == {"a": "rolled-back", "b": "rolled-back", "c": "failed", "d": "skipped"}
    assert job.slept_s == []
    assert job.who("soaked") == []
    assert job.who("put back") == ["a", "b"]
    assert {why for done, _, why in job.calls if done == "put back"} == {
        "its wave was stopped: stopped: 1 failed, 0 allowed"
    }
    told = [(one.host, one.detail, one.wave) for one in job.events if one.step == "put back"]
    assert told == [("a", "changed", 1), ("b", "changed", 1)]
    assert {one.wave for one in job.events if one.host in ("a", "b")} == {1}


def test_a_wave_within_its_limits_soaks_once() -> None:
    """Hosts that were changed, and only those, are looked at again after the wave's own soak."""
    job = Job(ends={"b": "unchanged", "c": "failed"})
    found = job.run(4, WaveSize(hosts=3, soak_s=600), WaveSize(percent=100, soak_s=60), failed=1)
    assert found == {"a": "changed", "b": "unchanged", "c": "failed", "d": "changed"}
    assert job.slept_s == [600, 60]
    assert job.who("soaked") == ["a", "d"]
    told = [(one.host, one.detail, one.wave) for one in job.events if one.step == "look again"]
    assert told == [("a", "changed", 1), ("d", "changed", 2)]
    assert {one.wave for one in job.events if one.host == "d"} == {2}
    assert job.who("put back") == []


def test_a_host_that_falls_ill_in_the_soak_stops_its_wave() -> None:
    """After a soak limits count again: the rest of the wave is put back and no further wave begins."""
    job = Job(ill=frozenset("a"))
    found = job.run(4, WaveSize(hosts=2, soak_s=1), WaveSize(percent=100))
    assert found == {"a": "rolled-back", "b": "rolled-back", "c": "skipped", "d": "skipped"}
    assert job.who("put back") == ["b"]
    assert [event.step for event in job.events if not event.host] == ["wave", "stop"]


def test_limits_count_over_all_waves() -> None:
    """A failure that a first wave was allowed counts in the second, which it stops."""
    job = Job(ends={"a": "failed", "b": "failed"})
    found = job.run(4, WaveSize(hosts=1), WaveSize(hosts=3), WaveSize(percent=100), failed=1)
    assert found == {"a": "failed", "b": "failed", "c": "skipped", "d": "skipped"}


def test_a_wave_where_nothing_changed_does_not_wait() -> None:
    """Without a changed host there is nothing to soak."""
    job = Job(ends={"a": "unchanged"})
    assert job.run(1, WaveSize(hosts=1, soak_s=600)) == {"a": "unchanged"}
    assert job.slept_s == []


def hosts_named(names: str) -> list[Host]:
    """Hosts with a letter each."""
    return [Host(target=Target(name=name, address="192.0.2.1", user="x")) for name in names]


def pool_of(
    parallel: int, events: list[Event], *, deadline_s: float = 60.0, tick: Callable[[], str] = lambda: ""
) -> Pool:
    """A pool."""
    return Pool(parallel=parallel, host_deadline_s=deadline_s, observe=events.append, tick=tick)


@pytest.mark.parametrize(("is_changing", "state"), [(False, "failed"), (True, "unknown")])
def test_a_fault_of_ours_is_an_outcome(*, is_changing: bool, state: str) -> None:
    """What a visit raises ends its host alone; it is unknown once something was sent that changes the host."""

    def visit(host: Host, progress: Progress, say: Say) -> Outcome:
        del say
        progress.step, progress.is_changing = "install", is_changing
        if host.name == "a":
            raise ValueError("boom")
        return Outcome(host=host.name, state="changed")

    events: list[Event] = []
    first, second = pool_of(2, events).visit(hosts_named("ab"), visit, wave=3, stop=lambda _: "")
    sentence = "zonewright has a fault at step install (ValueError: boom)"
    assert first == Outcome(host="a", state=state, sentence=sentence, step="install")  # type: ignore[arg-type] # one of them
    assert second.state == "changed"
    assert {(one.host, one.step, one.detail, one.outcome, one.wave) for one in events} == {
        ("a", "done", sentence, first, 3),
        ("b", "done", "", second, 3),
    }


@pytest.mark.parametrize("parallel", [1, 2, 3])
def test_no_more_hosts_at_once_than_allowed(parallel: int) -> None:
    """So many hosts are at work at the same time, never more, and the others follow in their order."""
    barrier, lock = threading.Barrier(parallel, timeout=20), threading.Lock()
    running: list[str] = []
    most: list[int] = []
    began: list[str] = []

    def visit(host: Host, progress: Progress, say: Say) -> Outcome:
        del progress
        with lock:
            running.append(host.name)
            began.append(host.name)
            most.append(len(running))
        say("wait", host.name)
        barrier.wait()
        with lock:
            running.remove(host.name)
        return Outcome(host=host.name, state="changed")

    events: list[Event] = []
    found = pool_of(parallel, events).visit(hosts_named("abcdef"), visit, wave=1, stop=lambda _: "")
    assert [one.host for one in found] == list("abcdef")
    assert max(most) == parallel
    assert sorted(began[:parallel]) == list("abcdef")[:parallel]
    steps = {(one.host, one.step, one.detail, one.wave) for one in events if one.outcome is None}
    assert steps == {(name, "wait", name, 1) for name in "abcdef"}


@pytest.mark.parametrize(("is_changing", "state"), [(False, "unreachable"), (True, "unknown")])
def test_a_host_that_does_not_end_is_given_up(
    monkeypatch: pytest.MonkeyPatch, *, is_changing: bool, state: str
) -> None:
    """A host whose thread hangs is given up with its last step, also in a put-back; what it says later is not told."""
    monkeypatch.setattr("zonewright.fleet.rollout.pool._GRACE_S", 0.2)
    monkeypatch.setattr("zonewright.fleet.rollout.pool._TICK_S", 0.02)
    release, said = threading.Event(), threading.Event()

    def visit(host: Host, progress: Progress, say: Say) -> Outcome:
        if host.name == "a":
            progress.step, progress.is_changing = "resolve", is_changing
            release.wait(20)
            say("late", "")
            said.set()
        else:
            release.set()
            assert said.wait(20)
        return Outcome(host=host.name, state="changed")

    events: list[Event] = []
    began_s = time.monotonic()
    pool = pool_of(1, events, deadline_s=0.3)
    found = (pool.unhindered() if is_changing else pool).visit(hosts_named("ab"), visit, wave=2, stop=lambda _: "")
    assert 0.5 <= time.monotonic() - began_s < 15
    assert [(one.host, one.state, one.step) for one in found] == [("a", state, "resolve"), ("b", "changed", "")]
    assert found[0].sentence.startswith("it did not finish: the last step was resolve, ")
    assert found[0].elapsed_s > 0.5
    assert [(one.host, one.step, one.detail, one.wave) for one in events] == [
        ("a", "done", found[0].sentence, 2),
        ("b", "done", "", 2),
    ]
    assert events[0].outcome == found[0]


def test_a_reason_to_stop_skips_who_waits() -> None:
    """A lost lease lets who is at work end and skips all others with its sentence, which stays the reason."""
    said = iter(["", "", "the lease is lost"])
    events: list[Event] = []
    pool = pool_of(1, events, tick=lambda: next(said, "another"))

    def visit(host: Host, progress: Progress, say: Say) -> Outcome:
        del progress, say
        return Outcome(host=host.name, state="changed")

    found = pool.visit(hosts_named("abcd"), visit, wave=4, stop=lambda _: "")
    skipped = [one for one in found if one.state == "skipped"]
    assert found[0].state == "changed"
    assert [one.host for one in skipped] == [one.host for one in found if one.state != "changed"] != []
    assert {one.sentence for one in skipped} == {"the lease is lost"}
    assert [(one.host, one.step, one.wave, one.outcome) for one in events if one.detail] == [
        (one.host, "done", 4, one) for one in skipped
    ]
    again = pool.unhindered().visit(hosts_named("ab"), visit, wave=4, stop=lambda _: "")
    assert [one.state for one in again] == ["changed", "changed"]


@pytest.mark.parametrize(("each_s", "states"), [(5.0, ["changed"] * 3), (5.01, ["changed", "changed", "skipped"])])
def test_the_time_of_a_whole_run_ends(monkeypatch: pytest.MonkeyPatch, each_s: float, states: list[str]) -> None:
    """When the time for the run is over no further host begins; at the very end one still may."""
    clock = [1000.0]
    fake = SimpleNamespace(monotonic=lambda: clock[0], sleep=lambda _: None)
    monkeypatch.setattr("zonewright.fleet.rollout.rollout.time", fake)
    job = Job()
    events: list[Event] = []

    def observe(event: Event) -> None:
        events.append(event)
        if event.step == "done":
            clock[0] += each_s

    rollout = RollOut(waves=(WaveSize(hosts=3),), parallel=1, run_deadline_s=10)
    found = roll_out(hosts_named("abc"), job, rollout, observe=observe)
    assert [one.state for one in found] == states
    assert {one.sentence for one in found if one.state == "skipped"} <= {
        "the run has used all its time (run_deadline_s)"
    }


def test_observers_are_told_of_each_wave() -> None:
    """Each wave is announced with its number and hosts; a stop and the hosts that it skips are told with why."""
    job = Job(ends={"b": "failed"})
    job.run(4, WaveSize(hosts=1), WaveSize(hosts=2), WaveSize(percent=100))
    why = "stopped: 1 failed, 0 allowed"
    assert [(one.step, one.detail, one.wave) for one in job.events if not one.host] == [
        ("wave", "wave 1 of 3, hosts: 1", 1),
        ("wave", "wave 2 of 3, hosts: 1", 2),
        ("stop", why, 2),
    ]
    last = job.events[-1]
    assert (last.host, last.step, last.detail, last.wave) == ("d", "done", why, 3)
    assert last.outcome == Outcome(host="d", state="skipped", sentence=why)
    assert {one.wave for one in job.events if one.host == "b"} == {2}


def test_the_last_wave_soaks_for_those_after_it() -> None:
    """Hosts beyond the last declared wave are a wave of their own, with the soak of the last one."""
    job = Job()
    job.run(3, WaveSize(hosts=1, soak_s=5), WaveSize(hosts=2, soak_s=7))
    assert job.slept_s == [5, 7, 7]


def test_a_stopped_run_skips_with_the_sentence_of_its_wave() -> None:
    """A wave in which hosts were skipped for another reason than its limits stops all later waves for that reason."""
    job, reasons = Job(), iter(["", "the lease is lost"])
    rollout = RollOut(waves=(WaveSize(hosts=2), WaveSize(percent=100)), parallel=1)
    found = roll_out(
        hosts_named("abc"), job, rollout, observe=job.events.append, tick=lambda: next(reasons, "")
    )  # fmt: skip
    assert [(one.state, one.sentence) for one in found[1:]] == [("skipped", "the lease is lost")] * 2
    assert job.who("deploy") == ["a"]
    assert job.who("put back") == []


@pytest.mark.parametrize("is_whole", [False, True])
def test_the_grace_begins_after_the_deadline(monkeypatch: pytest.MonkeyPatch, *, is_whole: bool) -> None:
    """A host has its deadline and ten seconds; at the very end of them it is not given up yet."""
    clock, moments, release = [0.0], iter([0.0, 15.0, 15.5]), threading.Event()
    monkeypatch.setattr("zonewright.fleet.rollout.pool._TICK_S", 0.001)
    monkeypatch.setattr("zonewright.fleet.rollout.pool.time", SimpleNamespace(monotonic=lambda: clock[0]))

    def tick() -> str:
        clock[0] = next(moments, clock[0] + 100)
        return ""

    def visit(host: Host, progress: Progress, say: Say) -> Outcome:
        del progress, say
        release.wait(20)
        return Outcome(host=host.name, state="changed")

    if is_whole:
        job = Job(host_deadline_s=5)
        job.deploy = visit  # type: ignore[method-assign] # only this job's
        (found,) = roll_out(hosts_named("a"), job, RollOut(), observe=job.events.append, tick=tick)
    else:
        (found,) = pool_of(1, [], deadline_s=5, tick=tick).visit(hosts_named("a"), visit, wave=1, stop=lambda _: "")
    release.set()
    assert (found.state, found.elapsed_s) == ("unreachable", 15.5)
    assert found.sentence.endswith(", 16 s after the start")


def test_a_host_that_hangs_does_not_hold_the_loop() -> None:
    """The loop looks at the lease now and then, also while nothing comes from any host."""
    asked, events = threading.Event(), [Event(host="", step="begin", detail="")]
    assert [one.wave for one in events] == [0]
    count = iter([False, True])

    def tick() -> str:
        if next(count, True):
            asked.set()
        return ""

    def visit(host: Host, progress: Progress, say: Say) -> Outcome:
        del progress, say
        return Outcome(host=host.name, state="changed" if asked.wait(20) else "failed")

    (found,) = pool_of(1, events, tick=tick).visit(hosts_named("a"), visit, wave=1, stop=lambda _: "")
    assert found.state == "changed"


def test_a_wave_without_a_size_is_one_host_more() -> None:
    """Where neither hosts nor a share are said, a wave goes one host further than before."""
    names = [f"host-{number}" for number in range(300)]
    assert [len(wave) for wave in split(names, [WaveSize(), WaveSize(hosts=2), WaveSize(percent=1)])] == [1, 1, 1, 297]


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ((), 0),
        (("changed", "unchanged"), 0),
        (("changed", "failed", "unknown"), 1),
        (("rolled-back",), 1),
        (("unreachable",), 3),
        (("unknown",), 3),
        (("skipped", "changed"), 3),
    ],
)
def test_exit_codes_say_what_was_decided(states: tuple[HostState, ...], code: int) -> None:
    """0 is all good, 1 is a host that failed, 3 is a host for which nothing was decided."""
    assert exit_code(states) == code
