"""What agents delivered becomes readings of meters: each batch once, in the transaction that notes how far it got.

Samples are the inbox: what they acknowledged is there, whoever was killed. Readings follow within seconds, and before
every decision. A meter that is bound to its source later gets what is still kept from before.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from zonewright.model import Site
from zonewright.model.base import TrustClass
from zonewright.pue.meters import MeterSpec
from zonewright.pue.readings import Reading
from zonewright.telemetry.appending import StoredRow, append_meter
from zonewright.telemetry.chains import KeptBatch
from zonewright.telemetry.correcting import note_outranked
from zonewright.telemetry.delivering import mark
from zonewright.telemetry.home import Statements, TsdbLostError
from zonewright.telemetry.interface import Appended, ConflictError
from zonewright.telemetry.live import Binding, bindings_of, readings_from
from zonewright.telemetry.sample import REGISTER, Arrival, Measurement, SampleSeries
from zonewright.telemetry.samples import Samples
from zonewright.telemetry.signed import signed_readings
from zonewright.telemetry.store import Store
from zonewright.telemetry.tables import meter_id

TRUST: TrustClass = "authenticated"
"""Of what comes with the token of an agent."""
SIGNED: TrustClass = "signed"
"""Of what is in batches that a signed head vouches for."""
_ARRIVALS = 2_000
_RUNS = 50
_SAMPLES = 50_000
_FOREVER_NS = 2**62
_TRIES = 5
_Key = tuple[str, str, str]


@dataclass(slots=True)
class Fed:
    """What became of live readings.

    Attributes:
        appended: how many were new, known, and so on.
        refused: meter, time in microseconds and reason of those that contradict what is stored.
    """

    appended: Appended = field(default_factory=Appended)
    refused: list[tuple[Binding, Reading, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _State:
    """How far a store got with some samples; whoever writes checks that nobody else has meanwhile."""

    name: str
    number: int
    version: int
    seen: str
    bound: frozenset[_Key]


class Feeder:
    """Feeds a store of readings from the samples of agents. Safe beside others that do the same.

    Args:
        samples: what agents delivered.
        store: the readings.
        sites: the sites whose meters are fed, as they are declared now.
        now_ns: the present, for notes on what is refused.
        may: whether a sender may report for a site: a host may have been another party's when it did.
    """

    def __init__(
        self,
        samples: Samples,
        store: Store,
        sites: Mapping[str, Site],
        *,
        now_ns: int,
        may: Callable[[str, str], bool] = lambda _sender, _site: True,
    ) -> None:
        self._samples, self._store, self._now_ns, self._may = samples, store, now_ns, may
        self._bindings = bindings_of(sites)
        self._chains = samples.chains
        self._name = samples.identity()
        self._signed_name = f"{self._name} signed"
        self._owners: dict[int, tuple[Binding, SampleSeries]] = {}
        self._fed = Fed()

    def feed(self) -> Fed:
        """Take all that has come in, and raise what is signed; gives what became of it."""
        self._feed_samples()
        self._feed_signed()
        return self._fed

    def _feed_samples(self) -> None:
        tries = 0
        while tries < _TRIES:
            state = self._state(self._name)
            wanted = {one.key: one for one in self._bindings}
            if not self._is_of(state):
                is_done = self._commit(state, (), number=0, unbound=state.bound)
            elif state.bound != wanted.keys():
                is_done = self._bind(state, wanted)
            else:
                arrivals = self._samples.arrivals(state.number, _ARRIVALS)
                if not arrivals:
                    return
                self._find_owners()
                parts = self._readings(self._bindings, _windows(arrivals, self._owners.values()))
                is_done = self._commit(state, parts, number=arrivals[-1].number)
            tries = 0 if is_done else tries + 1

    def _feed_signed(self) -> None:
        """Read once more what heads vouch for, in the class of what is signed."""
        tries = 0
        while tries < _TRIES:
            state = self._state(self._signed_name)
            if not _is_same(self._chains.run_seen(state.number), state):
                is_done = self._commit(state, (), number=0)
            else:
                runs = self._chains.runs(state.number, _RUNS)
                if not runs:
                    return
                batches = (one for run in runs for one in self._chains.batches(run.agent, run.first, run.last))
                after = self._take_signed(state, self._bindings, batches)
                is_done = after is not None and self._commit(after, (), number=runs[-1].number)
            tries = 0 if is_done else tries + 1

    def _take_signed(self, state: _State, bindings: Sequence[Binding], batches: Iterable[KeptBatch]) -> _State | None:
        """Store what batches read for some meters; None where somebody else stored something meanwhile."""
        for parts in signed_readings(batches, bindings, self._may):
            if not self._commit(state, parts, number=state.number, trust=SIGNED):
                return None
            state = replace(state, version=state.version + 1)
        return state

    def _is_of(self, state: _State) -> bool:
        """Whether these are the samples that the store got so far with; not after they were restored from before."""
        return _is_same(self._samples.arrival_seen(state.number), state)

    def _find_owners(self) -> None:
        every = self._samples.series()
        self._owners = {
            series.id: (binding, series)
            for binding in self._bindings
            for series in every
            if binding.owns(series) and self._may(series.agent, binding.site)
        }

    def _bind(self, state: _State, wanted: Mapping[_Key, Binding]) -> bool:
        """Give meters with a new source what is kept of it; those without theirs are forgotten."""
        new = [wanted[key] for key in sorted(wanted.keys() - state.bound)]
        self._find_owners()
        # Where every meter is new, all that has come in until now is among what is kept.
        upto = state.number if state.bound & wanted.keys() else self._samples.last_arrival()
        ids = [number for number, (binding, _) in self._owners.items() if binding in new]
        gone = state.bound - wanted.keys()
        for chunk in _chunks(self._samples.of_series(ids, 0, _FOREVER_NS)) if ids else ():
            if not self._commit(state, self._sorted(new, chunk), number=state.number):
                return False
            state = replace(state, version=state.version + 1)
        agents = self._chains.agents_of(sorted({one.source.host for one in new}))
        signed = (one for agent in agents for one in self._chains.batches(agent))
        after = self._take_signed(state, new, signed)
        if after is None:
            return False
        state = after
        return self._commit(state, (), number=max(upto, state.number), bound=[one.key for one in new], unbound=gone)

    def _readings(
        self, bindings: Sequence[Binding], windows: Sequence[tuple[int, int, Collection[int]]]
    ) -> list[tuple[Binding, list[Reading]]]:
        found: list[tuple[int, Measurement]] = []
        for low, high, ids in windows:
            found += self._samples.of_series(sorted(ids), low, high)
        return self._sorted(bindings, [*self._before(found), *found])

    def _before(self, items: Sequence[tuple[int, Measurement]]) -> Iterator[tuple[int, Measurement]]:
        """The last sample before each series of sums that say when they began: whether one began again, two tell."""
        first: dict[int, int] = {}
        for number, item in items:
            if item.start_ns is not None and item.quality == REGISTER:
                first[number] = min(item.time_ns, first.get(number, item.time_ns))
        for number, time_ns in first.items():
            one = self._samples.before(number, time_ns)
            if one is not None:
                yield number, one

    def _sorted(
        self, bindings: Sequence[Binding], items: Sequence[tuple[int, Measurement]]
    ) -> list[tuple[Binding, list[Reading]]]:
        groups: dict[_Key, list[tuple[SampleSeries, Measurement]]] = {}
        for number, item in items:
            binding, series = self._owners[number]
            groups.setdefault(binding.key, []).append((series, item))
        return [(one, readings_from(one, groups[one.key])) for one in bindings if one.key in groups]

    def _state(self, name: str) -> _State:
        with self._store.reading() as connection:
            row = connection.execute(_FEEDING, (name,)).fetchone()
            bound = connection.execute("select site, meter, source from bound where samples = ?", (name,))
            number, version, seen = row or _NOTHING
            return _State(name, number, version, seen, frozenset(bound.fetchall()))

    def _seen(self, name: str, number: int) -> str:
        """What is known of how far a store gets."""
        of = self._chains.run_seen if name == self._signed_name else self._samples.arrival_seen
        return of(number) or ""

    def _commit(
        self,
        state: _State,
        parts: Sequence[tuple[Binding, list[Reading]]],
        *,
        number: int,
        bound: Collection[_Key] = (),
        unbound: Collection[_Key] = (),
        trust: TrustClass = TRUST,
    ) -> bool:
        """Store readings and how far they go, at once; False where somebody else did so meanwhile."""
        fed, seen = Fed(), self._seen(state.name, number)
        with self._store.writing() as connection:
            before = connection.execute(_FEEDING, (state.name,)).fetchone() or _NOTHING
            if before != (state.number, state.version, state.seen):
                return False
            for site in sorted({binding.site for binding, _ in parts}):
                _append(connection, site, [one for one in parts if one[0].site == site], trust, fed)
            query = (
                "insert into feeding (samples, number, version, seen) values (?, ?, 1, ?) on conflict (samples) "
                "do update set number = excluded.number, version = feeding.version + 1, seen = excluded.seen"
            )
            connection.execute(query, (state.name, number, seen))
            rows = [(state.name, *key) for key in bound]
            connection.add_rows("bound", rows)
            gone = [(state.name, *key) for key in unbound]
            query = "delete from bound where samples = ? and site = ? and meter = ? and source = ?"
            connection.executemany(query, gone)
        self._fed.appended += fed.appended
        for binding, reading, why in fed.refused:
            text = f"{float(reading.value):g} at {reading.time_us}"
            self._samples.set_aside(binding.source.host, f"meter {binding.meter}", text, why, self._now_ns)
        self._fed.refused += fed.refused
        return True


_FEEDING = "select number, version, seen from feeding where samples = ?"
_NOTHING = (0, 0, "")


def _is_same(seen: str | None, state: _State) -> bool:
    """Whether what a store got so far with is still what it was: also where it was removed meanwhile."""
    return seen is not None and (not seen or not state.seen or seen == state.seen)


def _append(
    connection: Statements,
    site: str,
    parts: Sequence[tuple[Binding, list[Reading]]],
    trust: TrustClass,
    fed: Fed,
) -> None:
    """Store the readings of a site's meters; what contradicts what is stored is refused by itself."""
    moved: dict[str, list[StoredRow]] = {}
    specs: dict[str, MeterSpec] = {}
    for binding, readings in parts:
        specs[binding.meter] = binding.spec
        for some in (readings, *([one] for one in readings)):
            if not some:
                break
            found = _try(connection, site, binding, some, trust, moved)
            if isinstance(found, Appended):
                fed.appended += found
                if found.added or found.outranked or found.raised:
                    mark(connection, meter_id(connection, site, binding.meter, binding.spec), (r.time_us for r in some))
                if some is readings:
                    break
            elif len(some) == 1:
                fed.refused.append((binding, some[0], found))
                if some is readings:
                    break
    note_outranked(connection, site, specs, moved)


def _try(  # noqa: PLR0917 - private
    connection: Statements,
    site: str,
    binding: Binding,
    readings: Sequence[Reading],
    trust: TrustClass,
    moved: dict[str, list[StoredRow]],
) -> Appended | str:
    """Store readings of one meter, or none of them: then why not."""
    own: dict[str, list[StoredRow]] = {}
    try:
        with connection.apart():
            done = append_meter(connection, site, binding.meter, binding.spec, readings, trust, own)
    except (ConflictError, TsdbLostError) as error:  # one that waited for an hour that is lost would stop all others
        return str(error)
    for name, rows in own.items():
        moved.setdefault(name, []).extend(rows)
    return done


def _windows(
    arrivals: Sequence[Arrival], owners: Collection[tuple[Binding, SampleSeries]]
) -> list[tuple[int, int, set[int]]]:
    """Stretches in which batches have samples, with the series of their agents that belong to meters."""
    ids: dict[str, set[int]] = {}
    for _, series in owners:
        ids.setdefault(series.agent, set()).add(series.id)
    found: list[tuple[int, int, set[int]]] = []
    for one in sorted((one for one in arrivals if one.agent in ids), key=lambda one: one.low_ns):
        if found and one.low_ns <= found[-1][1]:
            low, high, known = found[-1]
            found[-1] = (low, max(high, one.high_ns), known | ids[one.agent])
        else:
            found.append((one.low_ns, one.high_ns, set(ids[one.agent])))
    return found


def _chunks(items: Iterator[tuple[int, Measurement]]) -> Iterator[list[tuple[int, Measurement]]]:
    """Samples in lists that are not too long; those of one time are in one of them."""
    found: list[tuple[int, Measurement]] = []
    for item in items:
        if len(found) >= _SAMPLES and item[1].time_ns != found[-1][1].time_ns:
            yield found
            found = []
        found.append(item)
    if found:
        yield found
