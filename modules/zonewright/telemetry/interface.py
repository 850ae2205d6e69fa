"""What a store of readings promises; `tests/contract/test_telemetry_store.py` asks every implementation the same."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from zonewright.errors import Exit, ZonewrightError
from zonewright.model.base import TrustClass
from zonewright.pue.meters import MeterSpec
from zonewright.pue.readings import Reading
from zonewright.telemetry.summing import Bin, Sum


class ConflictError(ZonewrightError, ValueError):
    """Readings that contradict what is stored; ``str()`` is a sentence, and nothing of the batch was stored."""

    exit_code = Exit.REFUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """What became of readings.

    Attributes:
        added: they were new.
        known: they were stored before, with the same value.
        summed: the readings of their hours were removed, the energy is known; these were not compared.
        outranked: at their times there is another reading of a higher trust class, or they took the place of a lower
            one; what gave way stays beside what counts.
        raised: of those that were known, how many have a higher trust class now.
    """

    added: int = 0
    known: int = 0
    summed: int = 0
    outranked: int = 0
    raised: int = 0

    def __add__(self, other: "Appended") -> "Appended":
        return Appended(
            added=self.added + other.added,
            known=self.known + other.known,
            summed=self.summed + other.summed,
            outranked=self.outranked + other.outranked,
            raised=self.raised + other.raised,
        )


class ReadingStore(Protocol):
    """Readings of meters by site, each kept once, with energy by hour and by day."""

    def append(
        self,
        site: str,
        meters: Mapping[str, MeterSpec],
        readings: Mapping[str, Sequence[Reading]],
        *,
        trust: TrustClass,
    ) -> Appended:
        """Store readings and bring the sums of the hours and days that they touch up to date, all or nothing.

        Of two readings of a meter at one time that of the higher trust class counts, unless a correction stands there.

        Args:
            site: id of the site.
            meters: the site's meters by id.
            readings: by meter, in order of time.
            trust: how far they are to be trusted.

        Raises:
            ConflictError: when a meter has another value at the same time in the same trust class, overlapping
                intervals, or another kind.
        """
        ...

    def readings(
        self, site: str, start_us: int, end_us: int, doubtful: Collection[tuple[int, int]] = ()
    ) -> dict[str, list[Reading]]:
        """What a window needs of a site's meters: readings around all that is known in part, and the nearest beside it.

        Hours and days that every meter is known for throughout may be sums instead (``is_sum``).

        Args:
            site: id of the site.
            start_us: begin of the window.
            end_us: its end.
            doubtful: stretches of which readings are wanted, not sums, as far as they are still there.
        """
        ...

    def low_days(self, site: str, meters: Mapping[str, MeterSpec], start_us: int, end_us: int) -> list[int]:
        """Begins of the whole days (UTC) of a window on which less came in than IT equipment took."""
        ...

    def stood(self, site: str, meters: Mapping[str, MeterSpec], start_us: int, end_us: int) -> list[tuple[int, int]]:
        """Begin and end of runs of whole hours in which one of some meters stood still, or a gauge repeated its value.

        One that had begun before the window begins there. A meter that never did anything else has none.
        """
        ...

    def sums(self, site: str, start_us: int, end_us: int) -> dict[str, Sum]:
        """Energy by meter over the whole hours of a window, and what its whole days (UTC) show at a glance."""
        ...

    def days(self, site: str, start_us: int, end_us: int) -> dict[str, list[Bin]]:
        """What each meter counted on the whole days (UTC) of a window, in order."""
        ...

    def last(self, site: str) -> dict[str, tuple[int, TrustClass]]:
        """Time and trust of the last reading by meter; meters without any are left out."""
        ...

    def trusts(self, site: str, meter: str | None = None) -> frozenset[TrustClass]:
        """Trust classes of all readings of energy that a site ever had, or of those of one meter."""
        ...

    def prune(self, before_us: int) -> int:
        """Remove the readings of whole hours before a time that are known throughout; gives how many.

        Sums stay as they are, and so do the readings around every gap: no figure changes its coverage or verdict.
        """
        ...
