"""A JSON Patch (RFC 6902) that brings tables of SONiC to what was rendered, as ``config apply-patch`` takes it."""

import json
from collections.abc import Iterator, Mapping, Sequence

from zonewright.dialects.json_text import Json, NoJsonError, read
from zonewright.remediation.remedy import Remedy, RunningConfigurationError, is_shown

TableRow = dict[str, Json]
SwitchTables = dict[str, dict[str, TableRow]]
_HARDWARE = frozenset({"DEVICE_METADATA", "PORT"})
"""Tables whose rows are there before anybody configures the switch; of these only fields are changed."""
_OF_PORTS = frozenset({"PORTCHANNEL_MEMBER", "VLAN_MEMBER"})
"""Tables with a port in the key of each row."""
_ADDED_FIRST = (
    "DEVICE_METADATA",
    "DNS_NAMESERVER",
    "MGMT_VRF_CONFIG",
    "NTP",
    "NTP_SERVER",
    "PORT",
    "VLAN",
    "PORTCHANNEL",
    "PORTCHANNEL_MEMBER",
)
"""In this order rows are added, what others refer to first; they are removed in the opposite order."""


def remedy(switch: str, running: str, intended: Sequence[str], *, is_whole: bool) -> Remedy:
    """What is to be applied at one switch.

    Args:
        switch: its id.
        running: its config_db.json, or the output of ``show runningconfiguration all``.
        intended: the tables that were rendered for it.
        is_whole: whether these are all files of the switch.

    Raises:
        RunningConfigurationError: when the text is no tables, or those of another switch.
    """
    have = _tables(running)
    host = have.get("DEVICE_METADATA", {}).get("localhost", {}).get("hostname")
    if host not in (None, switch, "sonic"):  # of any kind that JSON has
        shown = host if isinstance(host, str) and is_shown(host) else ascii(host)[:60]
        raise RunningConfigurationError(f"it is the configuration of {shown}; name the file after its switch")
    want: SwitchTables = {}
    for text in intended:
        for name, rows in _tables(text).items():
            for key, row in rows.items():
                want.setdefault(name, {}).setdefault(key, {}).update(row)
    gone, left = _gone(have, want, is_whole=is_whole)
    operations = [*_removed(have, want, gone), *_added(have, want)]
    text = "[\n" + ",\n".join(f"  {json.dumps(one, ensure_ascii=False)}" for one in operations) + "\n]\n"
    return Remedy(switch=switch, dialect="sonic", text=text if operations else "", left_alone=tuple(left))


def _tables(text: str) -> SwitchTables:
    try:
        found = read(text)
    except NoJsonError as error:
        raise RunningConfigurationError(
            f"{error.what} in line {error.line}; save the output of 'show runningconfiguration all'"
        ) from None
    if not isinstance(found, dict) or not found:
        raise RunningConfigurationError("no tables; save the output of 'show runningconfiguration all'")
    tables: SwitchTables = {}
    for name, rows in found.items():
        held = rows if isinstance(rows, dict) else {}
        strange = next((key for key in (name, *held) if not is_shown(key)), None)
        if strange is not None:
            raise RunningConfigurationError(f"key {strange[:60]!a} has control characters; remove it")
        tables[name] = {key: row for key, row in held.items() if isinstance(row, dict)}
    return tables


def _gone(have: SwitchTables, want: SwitchTables, *, is_whole: bool) -> tuple[Mapping[str, set[str]], list[str]]:
    """Rows that go by table, and what is left alone: rows of ports that no file names."""
    ports = {*want.get("PORT", {}), *want.get("PORTCHANNEL", {})}
    gone: dict[str, set[str]] = {}
    left: list[str] = []
    for name, rows in have.items():
        if name not in want or name in _HARDWARE:
            continue
        for key in sorted(rows.keys() - want[name].keys()):
            if is_whole or (name in _OF_PORTS and key.rpartition("|")[2] in ports):
                gone.setdefault(name, set()).add(key)
            else:
                left.append(f"{name}|{key}")
    return gone, left


def _order(name: str) -> tuple[int, str]:
    return (_ADDED_FIRST.index(name) if name in _ADDED_FIRST else len(_ADDED_FIRST), name)


def _removed(have: SwitchTables, want: SwitchTables, gone: Mapping[str, set[str]]) -> Iterator[dict[str, Json]]:
    for name in sorted(gone, key=_order, reverse=True):
        if gone[name] == have[name].keys() and not want[name]:  # SONiC has no table without rows
            yield {"op": "remove", "path": _path(name)}
            continue
        for key in sorted(gone[name]):
            yield {"op": "remove", "path": _path(name, key)}


def _added(have: SwitchTables, want: SwitchTables) -> Iterator[dict[str, Json]]:
    for name in sorted(want, key=_order):
        rows: dict[str, Json] = {key: dict(row) for key, row in want[name].items()}
        if rows and name not in have:
            yield {"op": "add", "path": _path(name), "value": rows}
            continue
        for key, row in want[name].items():
            held = have.get(name, {}).get(key)
            if held is None:
                yield {"op": "add", "path": _path(name, key), "value": dict(row)}
                continue
            for field, value in row.items():
                if held.get(field) != value:
                    what = "replace" if field in held else "add"
                    yield {"op": what, "path": _path(name, key, field), "value": value}


def _path(*parts: str) -> str:
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in parts)
