"""Tables as SONiC's config_db.json has them: fields of the tables that we write, and what one row needs of another."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address

from zonewright.dialects.json_text import Json, NoJsonError, line_of, read

_VLAN = r"Vlan(?:[2-9]|[1-9][0-9]{1,2}|[1-3][0-9]{3}|40[0-8][0-9]|409[0-4])"
_LAG, _PORT = r"PortChannel[0-9]{1,4}", r"Ethernet[0-9]{1,4}"
_ANY = r"(?s:.{0,255})"
_ON = r"up|down"
TABLES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "DEVICE_METADATA": (
        "localhost",
        {"hostname": r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?", "hwsku": _ANY, "mac": _ANY, "type": _ANY},
    ),
    "DNS_NAMESERVER": (_ANY, {}),
    "MGMT_VRF_CONFIG": ("vrf_global", {"mgmtVrfEnabled": "true|false"}),
    "NTP": ("global", {"vrf": "mgmt|default", "src_intf": _ANY, "admin_state": "enabled|disabled"}),
    "NTP_SERVER": (_ANY, {"association_type": "server|pool", "iburst": "on|off", "version": "[34]", "key": "[0-9]+"}),
    "PORT": (
        _PORT,
        {
            "admin_status": _ON,
            "alias": _ANY,
            "autoneg": "on|off",
            "description": _ANY,
            "fec": "rs|fc|none|auto",
            "index": "[0-9]{1,3}",
            "lanes": "[0-9]{1,3}(?:,[0-9]{1,3})*",
            "mtu": "[0-9]{2,4}",
            "speed": "[0-9]{3,6}",
        },
    ),
    "PORTCHANNEL": (
        _LAG,
        {
            "admin_status": _ON,
            "description": _ANY,
            "fallback": "true|false",
            "fast_rate": "true|false",
            "lacp_key": "auto|[0-9]{1,5}",
            "min_links": "[0-9]{1,4}",
            "mtu": "[0-9]{2,4}",
        },
    ),
    "PORTCHANNEL_MEMBER": (rf"{_LAG}\|{_PORT}", {}),
    "VLAN": (
        _VLAN,
        {"vlanid": "[0-9]{1,4}", "description": ".{1,255}", "admin_status": _ON, "alias": _ANY, "mtu": "[0-9]{2,4}"},
    ),
    "VLAN_MEMBER": (rf"{_VLAN}\|(?:{_LAG}|{_PORT})", {"tagging_mode": "tagged|untagged"}),
}
"""Key and fields of each table that is judged, as regular expressions; other tables are taken as they are."""
_NEEDED = {"PORTCHANNEL": "admin_status", "VLAN_MEMBER": "tagging_mode"}


def faults(text: str) -> Iterator[tuple[int, str]]:
    """What is wrong with some tables: line and words.

    Args:
        text: the tables as JSON.
    """
    try:
        tables = read(text)
    except NoJsonError as error:
        yield error.line, error.what
        return
    if not isinstance(tables, dict):
        yield 1, "expected an object of tables"
        return
    for name, rows in tables.items():
        if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
            yield line_of(text, name), f"{name}: expected an object of rows, each an object of fields"
        elif name in TABLES:
            for key, row in rows.items():
                if isinstance(row, dict):
                    yield from ((line_of(text, key), f"{name}|{key}: {what}") for what in _row(name, key, row))
    known = {name: set(rows) for name, rows in tables.items() if isinstance(rows, dict)}
    for key, what in _whole(known, tables.get("VLAN_MEMBER")):
        yield line_of(text, key), what


def _row(table: str, key: str, row: Mapping[str, Json]) -> Iterator[str]:
    pattern, fields = TABLES[table]
    if re.fullmatch(pattern, key) is None:
        yield "not a key of this table"
    if table in {"DNS_NAMESERVER", "NTP_SERVER"} and not _is_address(key):
        yield "not an address"
    for name, value in row.items():
        if name not in fields:
            yield f"'{name}' is no field of this table"
        elif not isinstance(value, str) or re.fullmatch(fields[name], value) is None:
            yield f"'{name}' cannot be {value!r}"
    if table in _NEEDED and _NEEDED[table] not in row:
        yield f"'{_NEEDED[table]}' is missing"
    if table == "VLAN" and row.get("vlanid", key.removeprefix("Vlan")) != key.removeprefix("Vlan"):
        yield "'vlanid' is not the number in the key"


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _whole(known: Mapping[str, set[str]], members: Json) -> Iterator[tuple[str, str]]:
    """What fits no other row of the same file; a file without VLANs is a part of a switch's tables."""
    ports, lags, vlans = (known.get(name, set()) for name in ("PORT", "PORTCHANNEL", "VLAN"))
    in_lag: set[str] = set()
    for key in sorted(known.get("PORTCHANNEL_MEMBER", ())):
        lag, _, port = key.partition("|")
        if lag not in lags or port not in ports:
            yield key, f"PORTCHANNEL_MEMBER|{key}: there is no {lag if lag not in lags else port}"
        if port in in_lag:
            yield key, f"PORTCHANNEL_MEMBER|{key}: {port} is in two LAGs"
        in_lag.add(port)
    untagged: dict[str, str] = {}
    for key in sorted(known.get("VLAN_MEMBER", ())):
        vlan, _, port = key.partition("|")
        row = members.get(key) if isinstance(members, dict) else None
        if port not in ports | lags or (vlans and vlan not in vlans):
            yield key, f"VLAN_MEMBER|{key}: there is no {port if port not in ports | lags else vlan}"
        if port in in_lag:
            yield key, f"VLAN_MEMBER|{key}: {port} is a part of a LAG"
        if isinstance(row, dict) and row.get("tagging_mode") == "untagged" and untagged.setdefault(port, vlan) != vlan:
            yield key, f"VLAN_MEMBER|{key}: {port} is untagged in {untagged[port]} already"
