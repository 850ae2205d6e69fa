"""What an adoption has at hand: what was read, what is assumed, ids of earlier runs, and all that it has to say."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from zonewright.estate.naming import StableIds, line_of_text
from zonewright.estate.reading import Estate
from zonewright.model.assumption import AssumedAmount, Assumptions

Fate = Literal["node", "baseline", "in a device bay", "of no rack unit", "not standing", "left out"]
"""What became of a device; ``left out`` is a fault that is told."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Note:
    """Something that a reader of the declarations should know.

    Attributes:
        kind: what it is about, such as ``half units``.
        subject: the object in the inventory.
        text: what is so, and what became of it.
        is_fault: whether something was left out that has to be put right in the inventory.
    """

    kind: str
    subject: str
    text: str
    is_fault: bool = False


class Named(BaseModel):
    """An object that has an id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    """Its id in the declarations, within its scope."""
    name: str
    """Its name in the inventory."""
    scope: str = ""
    """Where its id is unique, such as the site of a panel."""


class KnownIds(BaseModel):
    """Ids by kind and number in the inventory, as an adoption leaves them for the next one (``adopted.json``)."""

    model_config = ConfigDict(extra="forbid")

    source: str = ""
    """Where it was read from."""
    first: str = ""
    """The day of the first run."""
    objects: dict[str, dict[int, Named]] = Field(default_factory=dict)
    """By kind: sites, rooms, rows, panels, nodes, baseline, pools, vlans, parties, types."""
    operators: dict[str, str] = Field(default_factory=dict)
    """Parties by slug of the site, as they were given; the empty slug stands for all others."""
    clusters: dict[str, str] = Field(default_factory=dict)
    """Ids of clusters, by party and what their nodes have in common."""

    def of(self, kind: str, scope: str) -> dict[int, str]:
        """Ids of one kind in one scope, by number in the inventory."""
        return {key: one.id for key, one in self.objects.get(kind, {}).items() if one.scope == scope}


@dataclass(kw_only=True)
class AdoptionWork:
    """One adoption, while it is under way.

    Attributes:
        estate: what was read.
        assumptions: what is assumed, with what was found out.
        known: ids of earlier runs.
        operators: parties by slug of the site, as the caller maps them.
        today: the day of this run.
    """

    estate: Estate
    assumptions: Assumptions
    known: KnownIds
    operators: Mapping[str, str]
    today: str
    notes: list[Note] = field(default_factory=list)
    fates: dict[int, Fate] = field(default_factory=dict)
    now: KnownIds = field(default_factory=KnownIds)
    _open: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _names: dict[tuple[str, str], StableIds] = field(default_factory=dict)

    def note(self, kind: str, subject: str, text: str, *, is_fault: bool = False) -> None:
        """Say something."""
        self.notes.append(Note(kind=kind, subject=line_of_text(subject), text=line_of_text(text), is_fault=is_fault))

    def id_of(self, kind: str, key: int, name: str, *, scope: str = "", word: str = "") -> str:
        """The id of an object, kept from run to run.

        Args:
            kind: as in ``KnownIds.objects``.
            key: number in the inventory.
            name: name there.
            scope: where it must be unique.
            word: what stands in for a name without letters.
        """
        names = self._names.setdefault((kind, scope), StableIds(self.known.of(kind, scope)))
        found = names.of(key, name, word or kind.rstrip("s"))
        earlier = self.known.objects.get(kind, {}).get(key)
        if earlier is not None and earlier.scope == scope and earlier.name != name:
            self.note("renamed", f"{kind} {name}", f"was '{earlier.name}' at the last run; its id stays {found}")
        self.now.objects.setdefault(kind, {})[key] = Named(id=found, name=name, scope=scope)
        return found

    def amount(self, name: str, subject: str) -> float:
        """An assumed figure, noted as one to work off; what was found out needs no work any more."""
        entry: AssumedAmount = getattr(self.assumptions, name)
        if subject in entry.known:
            return entry.known[subject]
        self._open[name].add(subject)
        return entry.default

    def text(self, name: str, subject: str, site: str = "") -> str:
        """An assumed name, in the same way."""
        entry = getattr(self.assumptions, name)
        if subject in entry.known:
            return str(entry.known[subject])
        self._open[name].add(subject)
        return str(entry.default).replace("{site}", site)

    def assumed(self) -> Assumptions:
        """The assumptions with the lists that this run leaves to work off."""
        found: dict[str, Any] = {
            name: entry.model_copy(update={"open": tuple(sorted(self._open.get(name, ())))})
            for name, entry in self._entries()
        }
        return Assumptions(**found)

    def _entries(self) -> Iterator[tuple[str, BaseModel]]:
        for name in Assumptions.model_fields:
            yield name, getattr(self.assumptions, name)
