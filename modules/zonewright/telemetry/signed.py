"""Readings from batches that a signed head vouches for: read once more, from the very bytes that were signed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from zonewright.pue.readings import Reading
from zonewright.telemetry.chains import KeptBatch
from zonewright.telemetry.live import Binding, readings_from
from zonewright.telemetry.otlp import read_batch
from zonewright.telemetry.sample import Measurement, SampleSeries, fault_of

_AT_ONCE = 2_000
_Items = list[tuple[SampleSeries, Measurement]]


def signed_readings(
    batches: Iterable[KeptBatch], bindings: Sequence[Binding], may: Callable[[str, str], bool]
) -> Iterator[list[tuple[Binding, list[Reading]]]]:
    """What batches read for some meters, some thousand batches at a time.

    Args:
        batches: those of them that no head vouches for are left out, and those of an agent for a node of another name:
            what is signed names the agent, and only the service's list of tokens says which node that is.
        bindings: meters with their sources.
        may: whether an agent may report for a site.
    """
    hosts = {one.source.host for one in bindings}
    owners: dict[SampleSeries, Binding | None] = {}
    wanted = (one for one in batches if one.head and one.node == one.agent and one.node in hosts)
    while some := list(islice(wanted, _AT_ONCE)):
        found: dict[tuple[str, str, str], _Items] = {}
        for batch in some:
            for series, item in _items(batch):
                if series not in owners:
                    owners[series] = _owner(series, bindings, may)
                owner = owners[series]
                if owner is not None:
                    found.setdefault(owner.key, []).append((series, item))
        yield [(one, readings_from(one, found[one.key])) for one in bindings if one.key in found]


def _items(batch: KeptBatch) -> Iterator[tuple[SampleSeries, Measurement]]:
    """The samples of a batch that could be when it came."""
    for one in read_batch(batch.body).samples:
        if fault_of(one, batch.received_ns) is None:
            series = SampleSeries(0, batch.agent, batch.node, one.name, one.part, one.unit)
            yield series, Measurement(one.time_ns, one.start_ns, one.value, one.quality)


def _owner(series: SampleSeries, bindings: Sequence[Binding], may: Callable[[str, str], bool]) -> Binding | None:
    found = [one for one in bindings if one.owns(series) and may(series.agent, one.site)]
    return found[-1] if found else None
