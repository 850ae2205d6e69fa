"""What a declaration may hold at a path, in words: read from the JSON Schema of its type.

The sentences about wrong values and the published schema come from one source, so they cannot disagree.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from zonewright.declare.docstrings import Described
from zonewright.declare.problem import Path, one_of
from zonewright.model import OwnerFile, Zone
from zonewright.model.approval import PUBLIC_KEY_PATTERN
from zonewright.model.base import CLOCK_PATTERN, DATE_PATTERN, IDENTIFIER_PATTERN
from zonewright.model.configuration import (
    BELOW_PATH_PATTERN,
    COMMAND_PATTERN,
    HOST_PATH_PATTERN,
    MODE_PATTERN,
    OWNER_PATTERN,
)
from zonewright.model.device_type import DeviceType, ModuleType, TypeOverlays
from zonewright.model.fleet import FleetFile
from zonewright.model.format_file import FormatFile
from zonewright.model.own_rule import OWN_RULE_PATTERN, RULE_FILE_PATTERN
from zonewright.model.secret import EXAMPLE, REFERENCE_PATTERN
from zonewright.model.site_servers import ALERTS_PATTERN, DNSKEY_PATTERN, ON_HOST_PATTERN
from zonewright.model.works import MOMENT_PATTERN
from zonewright.model.zone import NAMES_PATTERN, TYPE_PATTERN

if TYPE_CHECKING:
    from zonewright.model.assumption import Assumptions  # only an adoption reads them
    from zonewright.model.csv_map import CsvMap  # only an import of an export reads one
    from zonewright.model.own_rule_cases import OwnRuleCases  # only their test reads them

Shape = dict[str, Any]
FileType: TypeAlias = (
    "type[Zone | OwnerFile | DeviceType | ModuleType | TypeOverlays | FleetFile | FormatFile | CsvMap | Assumptions"
    " | OwnRuleCases]"
)

_UNITS = (
    (re.compile(r"\bwatts\b"), "watts"),
    (re.compile(r"\bkilograms\b"), "kilograms"),
    (re.compile(r"\brack units?\b"), "rack units"),
    (re.compile(r"\b[Dd]egrees\b"), "degrees"),
)
_PATTERNS = {
    IDENTIFIER_PATTERN: "an id of 1 to 63 of a-z, 0-9 and '-', such as 'qp-dc1'",
    r"^[0-9]{3,5}$": "a node number of 3 to 5 digits, such as '003'",
    r"^[a-z0-9-]+(?:/[a-z0-9-]+){3}$": "a rack as site/room/row/rack, such as qp-dc1/c/01/07",
    r"^[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*$": "a time zone of the IANA database, such as Asia/Shanghai",
    r"^[a-z0-9-]+/[a-z0-9-]+$": "a power panel as site/panel, such as qp-dc1/panel-a",
    NAMES_PATTERN: "an id, or the beginning of ids and a star, such as 'l-*'",
    TYPE_PATTERN: "the slug of a device type, or a pattern of slugs such as 'dell-*'",
    PUBLIC_KEY_PATTERN: "a public key as in OpenSSH's .pub file, without the comment, such as 'ssh-ed25519 AAAA...'",
    CLOCK_PATTERN: "a time of day such as '22:00'",
    r"^[a-z_][a-z0-9_-]{0,31}$": "a user such as 'operator'",
    r"^/[A-Za-z0-9._/-]{0,200}$": "an absolute path such as /home/operator/agent",
    REFERENCE_PATTERN: f"a reference to a secret, such as {EXAMPLE}",
    r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$": "a MAC address such as '52:54:00:12:34:56'",
    r"^[A-Za-z0-9][A-Za-z0-9._/-]*$": "the name of a file for TFTP, such as 'ipxe.efi'",
    HOST_PATH_PATTERN: "an absolute path such as /etc/frr, without hidden parts",
    ON_HOST_PATTERN: "an absolute path such as /etc/kea/ha/ca.pem",
    ALERTS_PATTERN: "a URL without a path, such as https://alerts.zone.internal:9093",
    DNSKEY_PATTERN: "the end of a DNSKEY record, such as '257 3 13 mdsswUyr3DPW...=='",
    BELOW_PATH_PATTERN: "a path such as etc/frr/frr.conf",
    COMMAND_PATTERN: "one line for the host's shell",
    OWNER_PATTERN: "a user, or user:group, such as frr:frr",
    MODE_PATTERN: "permission bits such as '640'",
    MOMENT_PATTERN: "a minute with its offset from UTC, such as '2026-12-01T22:00+08:00'",
    RULE_FILE_PATTERN: "a file in rules/ beside zone.yaml, such as rules/parties-in-a-rack.py",
    OWN_RULE_PATTERN: "a rule of the zone's own, such as own/parties-in-a-rack",
    DATE_PATTERN: "a day such as '2026-07-01'",
    r"^[^\x00-\x1f\x7f\u0085\u2028\u2029]*$": "text on one line, without control characters",
}
_FORMATS = {
    frozenset({"ipv4"}): "an IPv4 address, such as 10.80.16.1",
    frozenset({"ipv4", "ipv6"}): "an IPv4 or IPv6 address, such as 10.80.16.1",
    frozenset({"ipv4network", "ipv6network"}): "an IPv4 or IPv6 network, such as 10.80.16.0/20",
}


@cache
def schema_of(model: FileType) -> Shape:
    """The JSON Schema of a file, as pydantic writes it."""
    return model.model_json_schema(schema_generator=Described)


def resolved(shape: Shape, root: Shape) -> Shape:
    """The shape that a reference or an optional value stands for, with the description of where it is used."""
    above = {key: shape[key] for key in ("description",) if key in shape}
    options = [option for option in shape.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) == 1:
        shape = options[0]
    if "$ref" in shape:
        shape = root["$defs"][shape["$ref"].rsplit("/", 1)[-1]]
    return {**shape, **above}


def shape_at(model: FileType, path: Path) -> Shape | None:
    """What may stand at a path, or None where nothing may."""
    root = schema_of(model)
    shape = resolved(root, root)
    for key in path:
        inner = shape.get("properties", {}).get(key) or _item(shape, key) or member(shape)
        if inner is None:
            return None
        shape = resolved(inner, root)
    return shape


def _item(shape: Shape, key: str) -> Shape | None:
    """What stands at one place of a list that is not all alike, such as a point."""
    items = shape.get("prefixItems", ())
    return dict(items[int(key)]) if key.isdigit() and int(key) < len(items) else None


def member(shape: Shape) -> Shape | None:
    """What each value of a mapping by id, or each item of a list, looks like; of a choice the first that has any."""
    for option in shape.get("anyOf", ()):
        if (found := member(option)) is not None:
            return found
    if "patternProperties" in shape:
        return next(iter(shape["patternProperties"].values()), None)
    for name in ("additionalProperties", "items"):
        if isinstance(shape.get(name), dict):
            return dict(shape[name])
    return None


def options_of(shape: Shape) -> Sequence[Shape]:
    """The shapes that a value may have; most often there is one."""
    options: Sequence[Shape] = shape.get("anyOf", (shape,))
    return options


def fields_of(shape: Shape | None) -> tuple[str, ...]:
    """Names of the fields that may stand there."""
    return tuple((shape or {}).get("properties", ()))


def key_expected(shape: Shape | None) -> str:
    """What the keys of a mapping look like."""
    shape = shape or {}
    names = shape.get("propertyNames", {})
    if "enum" in names or "const" in names:
        return one_of(names.get("enum") or [names["const"]])
    pattern = next(iter(shape.get("patternProperties", ())), names.get("pattern", ""))
    return _PATTERNS.get(pattern, "another key")


def unit_of(shape: Shape | None) -> str:
    """The unit of a number, from its description; empty where it has none."""
    text = (shape or {}).get("description", "")
    return next((unit for pattern, unit in _UNITS if pattern.search(text)), "")


def expected(shape: Shape | None) -> str:  # noqa: PLR0911 - one line for each kind of value
    """What may stand there, in words."""
    shape = shape or {}
    formats = frozenset(option.get("format", "") for option in options_of(shape))
    if formats in _FORMATS:
        return _FORMATS[formats]
    if len(shape.get("anyOf", ())) > 1:
        return ", or ".join(expected(option) for option in shape["anyOf"])
    if "enum" in shape or "const" in shape:
        return one_of(shape.get("enum") or [shape["const"]])
    kind = shape.get("type")
    if kind in ("integer", "number"):
        return _number(shape)
    if kind == "string":
        return _PATTERNS.get(shape.get("pattern", ""), "text")
    if "prefixItems" in shape:
        return "a list of two: degrees north, degrees east"
    if kind == "array":
        return f"a list, each item {expected(shape.get('items'))}"
    words = {"boolean": "true or false", "object": f"a mapping{_of(shape)}"}
    return words.get(str(kind), "another value")


def _of(shape: Shape) -> str:
    if "properties" in shape:
        return f" with the fields of {thing(shape)}"
    return f", each key {key_expected(shape)}" if member(shape) else ""


def _number(shape: Shape) -> str:
    kind = "a whole number" if shape["type"] == "integer" else "a number"
    unit = f" of {unit_of(shape)}" if unit_of(shape) else ""
    low, above = shape.get("minimum"), shape.get("exclusiveMinimum")
    high, below = shape.get("maximum"), shape.get("exclusiveMaximum")
    lower = f"above {above:,}" if above is not None else (f"from {low:,}" if low is not None else "")
    upper = f"below {below:,}" if below is not None else (f"to {high:,}" if high is not None else "")
    if lower.startswith("above") and upper.startswith("to"):
        upper = f"up {upper}"
    return " ".join(filter(None, (f"{kind}{unit}", lower, upper)))


def thing(shape: Shape | None) -> str:
    """The name of a declared type with its article: ``a power feed``."""
    title = (shape or {}).get("title", "declaration")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", title).lower()
    return f"{'an' if words[0] in 'aeio' else 'a'} {words}"
