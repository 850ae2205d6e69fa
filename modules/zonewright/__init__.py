"""Infrastructure as code for the compute clusters of a shared zone.

The package's rooms are described in ``docs/explanation/architecture.md``. Nothing is imported here, so
that ``import zonewright`` costs nothing and each command loads only what it runs. What programs of stacks use is there
by its name, such as ``zonewright.Stack``, and is loaded when it is first used; its types stand in ``__init__.pyi``.
"""

import importlib

__version__ = "0.1.0"

_MODEL = "zonewright.model"
_VALUES = "zonewright.program.values"
_FUNCTIONS = "zonewright.program.functions"
PLACES = {
    "Stack": "zonewright.program.stack",
    "deploy": "zonewright.program.deployment",
    **dict.fromkeys(("Deployment", "Free", "FreeSite", "PlacedNode", "PlacedSite"), _VALUES),
    **dict.fromkeys(
        ("FoundRoom", "KnownNode", "KnownSite", "find", "get_capacity", "get_node", "get_site"), _FUNCTIONS
    ),
    **dict.fromkeys(
        (
            "AddressPool",
            "Baseline",
            "Cluster",
            "Connection",
            "Duct",
            "Link",
            "Location",
            "Place",
            "PowerFeed",
            "PowerPanel",
            "Relation",
            "Room",
            "Route",
            "Row",
            "Site",
            "Spread",
            "Survival",
        ),
        _MODEL,
    ),
}
"""The module of each name. No statement imports one, so that no room depends on all others by this file."""


def __getattr__(name: str) -> object:
    """What programs use, when it is first used."""
    if name not in PLACES:
        raise AttributeError(f"module 'zonewright' has no attribute '{name}'")
    from zonewright.collector import imports_stay  # noqa: PLC0415 - importing this module costs nothing

    with imports_stay():
        return getattr(importlib.import_module(PLACES[name]), name)


def __dir__() -> list[str]:
    """All names, also those that were not used yet."""
    return sorted([*globals(), *PLACES])
