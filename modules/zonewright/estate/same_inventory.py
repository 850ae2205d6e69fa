"""Whether an inventory is the one that a folder was taken over from: elsewhere numbers mean other things. No I/O."""

from collections.abc import Mapping

from zonewright.estate.errors import AdoptionError
from zonewright.estate.reading import Estate
from zonewright.estate.work import KnownIds


def require_same(known: KnownIds, estate: Estate) -> None:
    """Refuse what is another inventory than that of the last run, or shows nothing of it.

    Sites, racks or devices must be mostly called under their numbers as they were at the last run. One of the three is
    enough: all devices, or all racks, may have new names.

    Args:
        known: ids of the last run.
        estate: what was read now.

    Raises:
        AdoptionError: says what was expected.
    """
    if not estate.sites:
        raise AdoptionError(
            "expected sites, got none; nothing was written; name another inventory, or let the token see them"
        )
    names: Mapping[str, Mapping[int, str]] = {
        "sites": {key: one.slug or one.name for key, one in estate.sites.items()},
        "rows": {key: one.name for key, one in estate.racks.items()},
        "nodes": {key: one.name or f"device {key}" for key, one in estate.devices.items()},
    }
    earlier = {kind: known.objects.get(kind, {}) for kind in names}
    if not any(earlier.values()):
        return
    last = f"the last run, which read {known.source}" if known.source else "the last run"
    there = {kind: [key for key in of if key in names[kind]] for kind, of in earlier.items()}
    same = {kind: sum(names[kind][key] == earlier[kind][key].name for key in keys) for kind, keys in there.items()}
    if not any(2 * same[kind] > len(there[kind]) for kind in names):
        raise AdoptionError(
            f"expected the inventory of {last}, got one in which sites, racks and devices are others; nothing was "
            "written; name that inventory, let the token see all of it, or adopt into another folder"
        )
    if earlier["nodes"] and not estate.devices:
        raise AdoptionError(
            f"expected devices, {len(earlier['nodes']):,} of them nodes at {last}, got none; nothing was written; let "
            "the token see them, or adopt into another folder"
        )
