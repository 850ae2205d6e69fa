"""``GET /metrics/service``: what the service counts of its own work, as Prometheus reads it.

No party, stack, site or place is in it: only verbs, rules, statuses and times, which anybody may read in the reference.
"""

from collections.abc import Callable, Collection, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.errors import LedgerError
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.journal import head_of
from zonewright.ledger.verbs.offers import running_days
from zonewright.model.lease import WARNED_DAYS
from zonewright.telemetry.sample import Received

_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_RESULTS = {200: "admitted", 409: "refused"}


class _Journal(Collector):
    """The journal's length, asked for when somebody reads the page; no value where the ledger cannot say."""

    def __init__(self, length: Callable[[], int | None]) -> None:
        self._length = length

    def describe(self) -> Iterator[Metric]:
        """What there is, without asking."""
        yield GaugeMetricFamily("zonewright_journal_entries", "Entries of the ledger's journal.")

    def collect(self) -> Iterator[Metric]:
        """What there is now."""
        (family,) = self.describe()
        if (length := self._length()) is not None:
            family.add_sample(family.name, {}, length)
        yield family


class _Leases(Collector):
    """How many leases end soon, asked for when somebody reads the page; no value where the ledger cannot say."""

    def __init__(self, days_left: Callable[[], Iterable[int] | None]) -> None:
        self._days_left = days_left

    def describe(self) -> Iterator[Metric]:
        """What there is, without asking."""
        text = "Leases that run, and end within so many days; those that are renewed without a gap do not count."
        yield GaugeMetricFamily("zonewright_leases_ending", text, labels=["days"])

    def collect(self) -> Iterator[Metric]:
        """What there is now."""
        (family,) = self.describe()
        if (found := self._days_left()) is not None:
            left = list(found)
            for days in WARNED_DAYS:
                family.add_sample(family.name, {"days": str(days)}, sum(1 for one in left if one <= days))
        yield family


def lease_days(context: Context) -> list[int] | None:
    """How many days each lease that runs still has; None where the database does not say."""
    try:
        with context.database.reading() as connection:
            return list(running_days(connection, context.shown_at(connection)[:10]))
    except LedgerError:
        return None


def journal_length(database: Database) -> int | None:
    """How many entries the journal has; None where the database does not say."""
    try:
        with database.reading() as connection:
            return head_of(connection)[0]
    except LedgerError:
        return None


class ServiceMetrics:
    """The counters of one service process; safe to use from several threads.

    Args:
        journal_length: gives how many entries the journal has; None where nobody knows.
        lease_days: gives how many days each lease that runs still has; None where nobody knows.
    """

    def __init__(
        self,
        journal_length: Callable[[], int | None] = lambda: None,
        lease_days: Callable[[], Iterable[int] | None] = lambda: None,
    ) -> None:
        self.registry = registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(namespace="zonewright", registry=registry)
        registry.register(_Journal(journal_length))
        registry.register(_Leases(lease_days))
        self._requests = Counter(
            "zonewright_requests", "Requests by route and status.", ["route", "status"], registry=registry
        )
        self._duration = Histogram(
            "zonewright_request_duration_seconds",
            "From the head of a request to the end of its answer.",
            ["route"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self.in_flight = Gauge("zonewright_requests_in_flight", "Requests without an answer yet.", registry=registry)
        self._limited = Counter(
            "zonewright_requests_limited", "Requests told to come again, by limit.", ["limit"], registry=registry
        )
        self._admissions = Counter(
            "zonewright_admissions", "Calls of admit: admitted, refused, or not decided.", ["result"], registry=registry
        )
        self._refusals = Counter(
            "zonewright_refusals",
            "Refused admissions by rule, or by the word of the refusal where it is about no rule.",
            ["rule"],
            registry=registry,
        )
        self._waits = Histogram(
            "zonewright_write_wait_seconds",
            "How long transactions that write waited for their turn.",
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._retries = Counter(
            "zonewright_retries",
            "Verbs that began again because somebody else wrote the same rows.",
            registry=registry,
        )
        self._batches = Counter(
            "zonewright_ingest_batches",
            "Batches of agents: stored, repeated or refused.",
            ["result"],
            registry=registry,
        )
        self._samples = Counter("zonewright_ingest_samples", "Samples stored.", registry=registry)
        self._witnessed = Gauge(
            "zonewright_witnessed_entry",
            "Last entry that a witness has taken.",
            ["witness"],
            registry=registry,
        )
        self._quarantined = Counter("zonewright_ingest_quarantined", "Samples set aside.", registry=registry)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered.

        Args:
            route: its path as it is registered, or ``other``; never a path that a client made up.
            status: of the answer.
            seconds: how long it took.
        """
        self._requests.labels(route, str(status)).inc()
        self._duration.labels(route).observe(seconds)

    def limited(self, limit: str) -> None:
        """Count a request that was told to come again."""
        self._limited.labels(limit).inc()

    def waited(self, seconds: float) -> None:
        """See :class:`zonewright.ledger.store.watch.Watch`."""
        self._waits.observe(seconds)

    def tried_again(self) -> None:
        """See :class:`zonewright.ledger.store.watch.Watch`."""
        self._retries.inc()

    def decided(self, verb: str, status: int, rules: Collection[str]) -> None:
        """See :class:`zonewright.ledger.store.watch.Watch`."""
        if verb != verbs.ADMIT.name:
            return
        result = _RESULTS.get(status, "undecided")
        self._admissions.labels(result).inc()
        for rule in rules if result == "refused" else ():
            self._refusals.labels(rule).inc()

    def ingested(self, received: Received | None) -> None:
        """Count a batch; None for one that was refused."""
        if received is None:
            self._batches.labels("refused").inc()
            return
        self._batches.labels("repeated" if received.duplicate else "stored").inc()
        self._samples.inc(received.stored)
        self._quarantined.inc(received.quarantined)

    def witnessed(self, witness: str, entry: int) -> None:
        """Note which entry a witness has taken; its name is the operator's own word."""
        self._witnessed.labels(witness).set(entry)

    def page(self) -> bytes:
        """The page."""
        return generate_latest(self.registry)
