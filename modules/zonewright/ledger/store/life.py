"""The life of a claim or asset: admitted, active, releasing, freed. Pure: rows and wishes in, moves out.

One name may have several rows: at most one *current* row (admitted or active) and rows that are *releasing*, which
are places that a resource still holds while it moves, is replaced or goes.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from zonewright.ledger.protocol.holding_messages import ClaimState

CURRENT: tuple[ClaimState, ClaimState] = ("admitted", "active")


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeRow:
    """A row of the ledger, as far as its life goes.

    Attributes:
        id: the row's number.
        name: claim or asset name.
        state: where in its life it is.
        generation: 0 while no resource of it exists, raised by each confirm.
        holder: token of the resource that confirmed it last; empty where none did, or one without a token.
        digest: digest of what it holds (place, type, addresses).
    """

    id: int
    name: str
    state: ClaimState
    generation: int
    holder: str = ""
    digest: str

    @classmethod
    def of(cls, row: Any) -> Self:
        """From anything with these attributes, such as a row of a query."""
        return cls(
            id=row.id,
            name=row.name,
            state=row.state,
            generation=row.generation,
            holder=row.holder or "",
            digest=row.digest,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What one admission changes.

    Attributes:
        new: names that get a new admitted row.
        states: new state by row id.
    """

    new: tuple[str, ...]
    states: Mapping[int, ClaimState]


def by_name(rows: Iterable[LifeRow]) -> dict[str, list[LifeRow]]:
    """Rows that are not freed, grouped by name."""
    groups: dict[str, list[LifeRow]] = {}
    for row in rows:
        if row.state != "freed":
            groups.setdefault(row.name, []).append(row)
    return groups


def current_of(rows: Iterable[LifeRow]) -> LifeRow | None:
    """The current row among the rows of one name."""
    return next((row for row in rows if row.state in CURRENT), None)


def admit(rows: Iterable[LifeRow], wanted: Mapping[str, str]) -> Moves:
    """What an admission does to the rows of its stack.

    Args:
        rows: the stack's rows that are not freed.
        wanted: digest by name of what the change wants.

    Returns:
        The moves. A row that has no resource is freed at once when it is not wanted any more; one that has is
        releasing until its resource is gone; one that was releasing and is wanted again becomes active again.
    """
    groups = by_name(rows)
    new: list[str] = []
    states: dict[int, ClaimState] = {}
    for name in sorted(groups.keys() | wanted.keys()):
        group = groups.get(name, [])
        current = current_of(group)
        digest = wanted.get(name)
        if current is not None and current.digest == digest:
            continue
        if current is not None:
            states[current.id] = "freed" if current.state == "admitted" else "releasing"
        if digest is None:
            continue
        back = _returns(group, current, digest)
        if back is None:
            new.append(name)
        else:
            states[back.id] = "active"
    return Moves(new=tuple(new), states=states)


def _returns(group: list[LifeRow], current: LifeRow | None, digest: str) -> LifeRow | None:
    """The releasing row that is wanted again: only the newest resource's, since an older one is about to be deleted."""
    if current is not None and current.state == "active":
        return None
    newest = max((row for row in group if row.state == "releasing"), key=lambda row: row.generation, default=None)
    return newest if newest is not None and newest.digest == digest else None


def freed_by_confirm(group: Iterable[LifeRow], held_generation: int, holder: str = "") -> tuple[int, ...]:
    """Rows that the confirm of a name frees: the place its resource held until now.

    Args:
        group: the rows of the name.
        held_generation: generation in the state of the resource; 0 for a new one, which frees nothing.
        holder: token of the resource. A place of another one, as of a replaced resource that is still to be deleted,
            stays until that one's own delete.
    """
    return tuple(row.id for row in group if row.state == "releasing" and _is_of(row, held_generation, holder))


def freed_by_release(group: Iterable[LifeRow], generation: int, holder: str = "") -> tuple[int, ...]:
    """Rows that a delete frees: those that its resource holds.

    None when the resource has been replaced since, or when another one holds the claim, as after an import of what is
    in the state already.
    """
    return tuple(
        row.id
        for row in group
        if row.state in ("active", "releasing") and _is_of(row, generation, holder) and row.holder == holder
    )


def _is_of(row: LifeRow, generation: int, holder: str) -> bool:
    """Whether a resource has confirmed a row: by its token, and where the row has none by the generation."""
    return row.holder == holder if row.holder else bool(generation) and row.generation == generation


def freed_by_settle(rows: Iterable[LifeRow], *, is_current: bool) -> tuple[int, ...]:
    """Rows that are freed when the resource of an admission is deleted.

    Args:
        rows: the stack's rows that are not freed.
        is_current: the admission is the stack's present one, so this is a destroy and nothing may stay.

    Returns:
        On a destroy all. Else those releasing that no resource with a token holds: such a resource may be left in the
        state, as by ``--exclude``. And not the old place of a move that has not been carried out.
    """
    if is_current:
        return tuple(row.id for row in rows if row.state != "freed")
    freed: list[int] = []
    for group in by_name(rows).values():
        current = current_of(group)
        if current is None or current.state == "active":
            freed += [row.id for row in group if row.state == "releasing" and not row.holder]
    return tuple(freed)


def let_go(rows: Iterable[LifeRow], holders: Collection[str], *, is_empty: bool) -> Moves:
    """What becomes of rows whose resource is not in the state any more.

    Args:
        rows: the stack's rows that are not freed.
        holders: tokens of the resources in the state.
        is_empty: the state has no resource at all, so neither have rows without a token.

    Returns:
        What was releasing is freed, what was active is only admitted: the next ``up`` makes its resource, or drops it.
    """
    lost = [row for row in rows if is_empty or (row.holder and row.holder not in holders)]
    after: dict[ClaimState, ClaimState] = {"releasing": "freed", "active": "admitted"}
    return Moves(new=(), states={row.id: after[row.state] for row in lost if row.state in after})
