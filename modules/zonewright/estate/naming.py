"""Names of an inventory as ids of a declaration: kept as they are where an id can be so, and the same at each run."""

import re
from collections.abc import Mapping

_OTHER = re.compile(r"[^a-z0-9]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_MOST = 63
_LINE = 200


def line_of_text(text: str) -> str:
    """A text of an inventory on one line of a declaration or of a terminal, without control characters."""
    return _CONTROL.sub(" ", text).strip()[:_LINE]


def id_of(name: str, otherwise: str) -> str:
    """A name in small letters, with a hyphen for all that an id cannot have.

    Args:
        name: as the inventory has it.
        otherwise: the id where nothing of it is left.

    Example:
        >>> id_of("Hall A / Cage 2", "room-7")
        'hall-a-cage-2'
    """
    return _OTHER.sub("-", name.lower()).strip("-")[:_MOST].rstrip("-") or otherwise


class StableIds:
    """Ids that are unique in one scope.

    Args:
        known: ids of an earlier run by number in the inventory; they are kept, whatever the names are now.
    """

    def __init__(self, known: Mapping[int, str] | None = None) -> None:
        self._known = dict(known or {})
        self._taken: dict[str, int] = {name: key for key, name in self._known.items()}

    def of(self, key: int, name: str, kind: str) -> str:
        """The id of an object; one whose name another one has already gets its number as well."""
        if key in self._known:
            return self._known[key]
        found = id_of(name, f"{kind}-{key}")
        if found in self._taken:
            number = f"-{key}"
            found = found[: _MOST - len(number)].rstrip("-") + number
        self._taken[found] = key
        self._known[key] = found
        return found
