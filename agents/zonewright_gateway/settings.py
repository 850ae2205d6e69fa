"""What can be said of each device, as one table: it checks `devices.yaml` and writes the reference."""

from __future__ import annotations

import re
from typing import NamedTuple

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(?::\d{1,5})?")
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_OBJECT = re.compile(r"[a-z]+(?:-[a-z]+)*,\d{1,7}")
_LAST_PORT = 65_535
_PLACE_MAX = 255
_NO_NAME = "expected the name of credentials in credentials_file; they stand there, and never here"


class Setting(NamedTuple):
    """One setting.

    Attributes:
        kind: ``number``, ``whole``, ``text``, ``name``, ``secret`` (a name of credentials), ``address``, ``digest``,
            ``object``, ``place``, ``words`` or ``mapping``.
        meaning: for the reference.
        default: what holds without it; None where it is needed, or empty.
        low: smallest number.
        high: largest number.
        words: the words that it may have.
        is_required: whether it must be there.
    """

    kind: str
    meaning: str
    default: object = None
    low: float = 0
    high: float = 0
    words: tuple[str, ...] = ()
    is_required: bool = False


PARTS = ("outlets", "phases", "breakers")
CREDENTIALS = Setting("secret", "Name of its credentials in `credentials_file`.", is_required=True)
OWN: dict[str, dict[str, Setting]] = {
    "modbus": {
        "map": Setting("name", "Its register map: one that comes along, or one of `maps`.", is_required=True),
        "unit": Setting("whole", "Its number on the line behind the address.", 1, 0, 255),
    },
    "snmp": {
        "family": Setting("name", "Its family, one of those below.", is_required=True),
        "credentials": CREDENTIALS,
        "module": Setting(
            "whole", "Its number, where several PDUs share an address (default: the first).", None, 0, 100
        ),
        "parts": Setting("words", "What is read beside the whole, each as `DEVICE-outlet-3` and so on.", words=PARTS),
    },
    "redfish": {
        "credentials": CREDENTIALS,
        "certificate": Setting("digest", "SHA-256 of its certificate; without it, an authority that this host knows."),
        "chassis": Setting("text", "Id of the chassis (default: the first that shows power)."),
        "parts": Setting("words", "What is read beside the whole, as `DEVICE-psu-0`.", words=("supplies",)),
    },
    "ipmi": {"credentials": CREDENTIALS},
    "nut": {
        "name": Setting("name", "Its name in upsd.", is_required=True),
        "credentials": CREDENTIALS._replace(is_required=False),
    },
    "bacnet": {
        "local": Setting("text", "This host's address in that network, with mask and a port.", is_required=True),
        "power": Setting("object", "Object of its power, such as `analog-input,3`."),
        "energy": Setting("object", "Object of its energy, in Wh, kWh or MWh."),
        "temperature": Setting("object", "Object of the air's temperature outside, in degrees Celsius."),
    },
}
TOP = {
    "parallel": Setting("whole", "How many devices are asked at the same time.", 200, 1, 1000),
    "credentials_file": Setting(
        "text", "File with the credentials of devices; only its owner may read it (mode 0600)."
    ),
    "maps": Setting("mapping", "Register maps of your own, by name; they have the form of those that come along."),
    "devices": Setting("mapping", "The devices by id, under which they are reported (`hw.id`).", is_required=True),
}
COMMON = {
    "protocol": Setting("text", "How it is read.", words=tuple(OWN), is_required=True),
    "address": Setting(
        "address", "Its host name or address, with the port where it is not the usual one.", is_required=True
    ),
    "rating_w": Setting(
        "number",
        "The most that can flow through it, in watts; more is no reading.",
        None,
        1,
        10_000_000_000,
        is_required=True,
    ),
    "interval_s": Setting("number", "Seconds between two readings (default: the agent's `interval_s`).", None, 1, 3600),
    "timeout_s": Setting("number", "Seconds that one reading may take.", 3.0, 0.1, 60),
    "rack": Setting("place", "The rack that it feeds, such as `qp-dc1/a/01/01`; the site's alerts on feeds need it."),
    "feed": Setting("place", "The feed of that rack that it measures, such as `A`."),
}
PORTS = {"modbus": 502, "snmp": 161, "redfish": 443, "ipmi": 623, "nut": 3493, "bacnet": 47_808}


def fault_of(setting: Setting, value: object) -> str:
    """Why a value does not fit a setting; empty where it does."""
    if setting.kind in ("number", "whole"):
        return _number_fault(setting, value)
    if setting.kind in ("mapping", "words"):
        return _collection_fault(setting, value)
    if setting.kind == "secret":  # what stands in its place by mistake is not told
        is_name = isinstance(value, str) and NAME.fullmatch(value) is not None
        return "" if is_name else _NO_NAME
    if not isinstance(value, str) or not value or not value.isprintable():
        return f"expected text, got {value!r}"
    if setting.words and value not in setting.words:
        return f"expected one of {', '.join(setting.words)}, got {value!r}"
    return _text_fault(setting.kind, value)


def _collection_fault(setting: Setting, value: object) -> str:
    if setting.kind == "mapping":
        return "" if isinstance(value, dict) else f"expected a mapping, got {value!r}"
    good = isinstance(value, list) and all(one in setting.words for one in value)
    return "" if good else f"expected a list of some of {', '.join(setting.words)}, got {value!r}"


def _number_fault(setting: Setting, value: object) -> str:
    kinds = (int,) if setting.kind == "whole" else (int, float)
    if not isinstance(value, bool) and isinstance(value, kinds) and setting.low <= value <= setting.high:
        return ""
    what = "a whole number" if setting.kind == "whole" else "a number"
    return f"expected {what} from {setting.low:,g} to {setting.high:,g}, got {value!r}"


def _text_fault(kind: str, value: str) -> str:
    if kind == "name" and NAME.fullmatch(value) is None:
        return f"expected a name such as 'eastron-sdm630', got {value!r}"
    if kind == "place" and len(value) > _PLACE_MAX:
        return f"expected at most {_PLACE_MAX} characters, got {len(value)}"
    if kind == "object" and _OBJECT.fullmatch(value) is None:
        return f"expected an object such as 'analog-input,3', got {value!r}"
    if kind == "digest" and _HEX.fullmatch(value.replace(":", "")) is None:
        return "expected a SHA-256 digest of 64 hexadecimal digits"
    if kind == "address":
        _, _, port = value.rpartition(":") if not value.endswith("]") else ("", "", "")
        is_port = not port or ":" not in value or (port.isdigit() and 0 < int(port) <= _LAST_PORT)
        if _HOST.fullmatch(value) is None or not is_port:
            return f"expected HOST or HOST:PORT, got {value!r}"
    return ""


def host_and_port(address: str, protocol: str) -> tuple[str, int]:
    """The parts of an address that is one."""
    host, mark, port = address.rpartition(":") if not address.endswith("]") else ("", "", "")
    return (host if mark else address).strip("[]"), int(port) if mark else PORTS[protocol]
