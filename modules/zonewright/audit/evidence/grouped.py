"""The differences of a bundle in groups: the same groups in its report, for who signs, and for who verifies."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from zonewright.audit.diff.grouping import DiffGroup, group_differences
from zonewright.audit.diff.owned import Owned, owned_by, owned_held
from zonewright.audit.evidence.contents import Contents
from zonewright.changes.errors import BundleError
from zonewright.ledger.deciding.party_facts import HELD
from zonewright.ledger.protocol.change import parse_place
from zonewright.ledger.store.claim_text import unpacked
from zonewright.model.rack_position import RackPosition
from zonewright.seal.viewed import Viewed


def groups_of(contents: Contents) -> tuple[DiffGroup, ...]:
    """All differences of a change, equal ones as one; those with the fewest files first."""
    return group_differences(*contents.changed(), before=_before(contents), after=owned_after(contents))


def viewed_groups(contents: Contents, codes: Iterable[str]) -> Viewed:
    """What somebody says to have seen, by the codes of a report.

    Args:
        contents: the bundle.
        codes: first characters of the ids of groups.

    Raises:
        BundleError: when a code is that of no group or of several.
    """
    groups = groups_of(contents)
    seen: dict[str, int] = {}
    for code in codes:
        found = [one for one in groups if one.code.startswith(code) and code]
        if len(found) != 1:
            known = ", ".join(one.code for one in groups) or "none"
            raise BundleError(
                f"'{code[:40]}' is the code of {'no group' if not found else f'{len(found)} groups'} of differences of "
                f"this plan, expected one of {known}; take the codes from the report of this plan"
            )
        seen[found[0].id] = len(found[0].members)
    left = (member.path for one in groups if one.id not in seen for member in one.members)
    return Viewed(seen, tuple(sorted(left)))


def owned_after(contents: Contents) -> Owned:
    """What will be each node's own, by its plan."""
    places = {name: parse_place(text) for name, text in contents.plan.places.items()}
    return owned_by(
        {name: seat for name, (seat, _) in places.items()},
        {name: addresses for name, (_, addresses) in places.items()},
    )


def _before(contents: Contents) -> Owned:
    """What was each node's own when it was planned; of a party's bundle where it stood."""
    if contents.partial is not None:
        return owned_by(dict(_seats(contents.partial.before)), {})
    texts = (text for name, text in contents.facts(contents.snapshot).items() if name.startswith("claims/"))
    rows = (row for text in texts for row in unpacked(text))
    mine = (row for row in rows if row["stack_id"] == contents.plan.stack_id and row["state"] in HELD)
    return owned_held((row["name"], row["data"]) for row in mine)


def _seats(places: Mapping[str, str]) -> Iterator[tuple[str, RackPosition]]:
    """Where nodes stood by what an export says, which nobody has checked yet: what is no place is nobody's own."""
    for name, text in places.items():
        with suppress(ValueError):
            yield name, parse_place(text)[0]
