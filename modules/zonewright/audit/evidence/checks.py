"""What verification says: one line for each check."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

CheckVerdict = Literal["good", "wrong", "not-checked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of a bundle.

    Attributes:
        name: what was looked at, such as ``signature of the author``.
        verdict: good, wrong, or not-checked where the bundle does not hold what it takes.
        detail: one sentence.
    """

    name: str
    verdict: CheckVerdict
    detail: str

    def line(self) -> str:
        """The check for people."""
        return f"{self.verdict:<12} {self.name}: {self.detail}"


def good(name: str, detail: str) -> Check:
    """A check that holds."""
    return Check(name=name, verdict="good", detail=detail)


def wrong(name: str, detail: str) -> Check:
    """A check that does not hold."""
    return Check(name=name, verdict="wrong", detail=detail)


def open_(name: str, detail: str) -> Check:
    """A check that could not be made."""
    return Check(name=name, verdict="not-checked", detail=detail)


def all_or_wrong(name: str, faults: Iterable[str], detail: str) -> Check:
    """Good with a detail, or wrong with all faults."""
    found = list(faults)
    shown = "; ".join(found[:5]) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")  # noqa: PLR2004
    return wrong(name, shown) if found else good(name, detail)
