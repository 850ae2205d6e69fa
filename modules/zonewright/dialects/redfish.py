"""Bodies that a Redfish service takes with PATCH, by the path of their resource: its properties, and their types."""

import re
from collections.abc import Iterator, Mapping

from zonewright.dialects.json_text import Json, NoJsonError, line_of, read

PropertyKind = str | type[bool] | type[int] | tuple[str, ...]
"""A regular expression of a text, a truth value, a whole number, or the words that a property takes."""
_TEXT = r"(?s:.{0,255})"
_PROTOCOL: Mapping[str, PropertyKind] = {"ProtocolEnabled": bool, "Port": int}
_ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
RESOURCES: Mapping[str, Mapping[str, "PropertyKind | Mapping[str, PropertyKind]"]] = {
    rf"/redfish/v1/Systems/{_ID}": {
        "AssetTag": _TEXT,
        "HostName": _TEXT,
        "PowerRestorePolicy": ("AlwaysOn", "AlwaysOff", "LastState"),
    },
    rf"/redfish/v1/Chassis/{_ID}": {
        "AssetTag": _TEXT,
        "Location.PostalAddress": {"Building": _TEXT, "Room": _TEXT},
        "Location.Placement": {
            "Row": _TEXT,
            "Rack": _TEXT,
            "RackOffset": int,
            "RackOffsetUnits": ("OpenU", "EIA_310"),
        },
    },
    rf"/redfish/v1/Chassis/{_ID}/EnvironmentMetrics": {
        "PowerLimitWatts": {"SetPoint": int, "ControlMode": ("Automatic", "Override", "Manual", "Disabled")},
    },
    rf"/redfish/v1/Managers/{_ID}/NetworkProtocol": {
        "NTP": {"ProtocolEnabled": bool, "NTPServers": r"\S{1,255}"},
        **dict.fromkeys(("HTTP", "HTTPS", "IPMI", "KVMIP", "SNMP", "SSH", "Telnet", "VirtualMedia"), _PROTOCOL),
    },
}
"""Properties by resource, those of a property of its own with a dot; as in the schemas that DMTF publishes."""


def faults(text: str) -> Iterator[tuple[int, str]]:
    """What is wrong with some bodies: line and words.

    Args:
        text: an object with a body for each path of a resource.
    """
    try:
        bodies = read(text)
    except NoJsonError as error:
        yield error.line, error.what
        return
    if not isinstance(bodies, dict) or not bodies:
        yield 1, "expected an object with a body for each resource"
        return
    for path, body in bodies.items():
        known = next((fields for pattern, fields in RESOURCES.items() if re.fullmatch(pattern, path)), None)
        if known is None:
            yield line_of(text, path), f"{path}: not a resource that is known"
        elif not isinstance(body, dict) or not body:
            yield line_of(text, path), f"{path}: expected an object of properties"
        else:
            for name, what in _properties(body, known, ""):
                yield line_of(text, name), f"{path}: {what}"


def _properties(
    body: Mapping[str, Json], known: Mapping[str, PropertyKind | Mapping[str, PropertyKind]], above: str
) -> Iterator[tuple[str, str]]:
    for name, value in body.items():
        whole = f"{above}{name}"
        kind = known.get(whole)
        inner = {key: one for key, one in known.items() if key.startswith(f"{whole}.")}
        if inner and isinstance(value, dict):
            yield from _properties(value, inner, f"{whole}.")
        elif isinstance(kind, Mapping) and isinstance(value, dict):
            yield from _properties(value, kind, "")
        elif kind is None or isinstance(kind, Mapping):
            yield name, f"'{whole}' is no property of this resource that is known, or no object"
        elif not all(_fits(one, kind) for one in (value if isinstance(value, list) else [value])):
            yield name, f"'{whole}' cannot be {value!r}"


def _fits(value: Json, kind: PropertyKind) -> bool:
    if isinstance(kind, type):
        return type(value) is kind
    if isinstance(kind, tuple):
        return value in kind
    return isinstance(value, str) and re.fullmatch(kind, value) is not None
