"""A table of devices (CSV), for estates that no NetBox knows: a row is a device, or a rack that is empty."""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from zonewright.declare.problem import did_you_mean, shown
from zonewright.estate.inventory.errors import InventoryMisuseError
from zonewright.estate.naming import id_of

NEEDED = ("site", "rack")
COLUMNS = (
    *NEEDED,
    *("site_operator", "location", "rack_u_height", "rack_max_weight_kg", "feed_a_w", "feed_b_w", "feed_a_panel"),
    *("feed_b_panel", "device", "manufacturer", "device_type", "u_height", "is_full_depth", "weight_kg", "position"),
    *("face", "draw_w", "power_supplies", "tenant", "address"),
)
"""Columns that are read; each may be left out, apart from ``site`` and ``rack``."""
_OF_SITE = ("site_operator",)
_OF_RACK = ("rack_u_height", "rack_max_weight_kg", "feed_a_w", "feed_b_w", "feed_a_panel", "feed_b_panel")
_MOST_ROWS = 200_000
_FULL = {"1": True, "true": True, "yes": True, "": True, "0": False, "false": False, "no": False}


def read_table(path: Path) -> dict[str, list[Mapping[str, Any]]]:
    """The rows of a table as NetBox would answer them.

    Args:
        path: a CSV in UTF-8 with a header.

    Raises:
        InventoryMisuseError: with all that is wrong, by line.
    """
    wrong: list[str] = []
    made = _Made(file=path.name, wrong=wrong)
    rows: list[tuple[int, Mapping[str, str]]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            _check_header(path.name, list(reader.fieldnames or ()), wrong)
            for row in reader if not wrong else ():
                if reader.line_num > _MOST_ROWS:
                    wrong.append(f"{path.name}: expected at most {_MOST_ROWS:,} rows; adopt site by site")
                    break
                if None in row:
                    text = (
                        f"expected {len(reader.fieldnames or ())} values, got more; put a value with a comma in quotes"
                    )
                    wrong.append(f"{path.name}:{reader.line_num}: {text}")
                    continue
                rows.append((reader.line_num, {key: (value or "").strip() for key, value in row.items() if key}))
    except (UnicodeDecodeError, csv.Error) as error:
        wrong.append(f"{path.name}: is no CSV in UTF-8: {error}; save it as that")
    for line, values in rows:
        made.hear(line, values)
    for line, values in rows:
        made.take(line, values)
    if wrong:
        raise InventoryMisuseError(*wrong[:200])
    return made.objects


def _check_header(file: str, names: list[str], wrong: list[str]) -> None:
    for name in names:
        if name not in COLUMNS:
            fix = did_you_mean(str(name), COLUMNS, "delete it")
            wrong.append(f"{file}:1: an unknown column: expected one of {', '.join(COLUMNS)}, got {shown(name)}; {fix}")
    wrong += [
        f"{file}:1: expected each column once, got '{name}' twice; delete one"
        for name in COLUMNS
        if names.count(name) > 1
    ]
    wrong += [f"{file}:1: expected a column '{name}'; add it" for name in NEEDED if name not in names]


@dataclass(kw_only=True)
class _Made:
    """Objects that grow, each with a number of its own kind.

    A number comes from what the object is called, so that a line more or less gives no other object another one.
    """

    file: str
    wrong: list[str]
    objects: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    _known: dict[tuple[str, ...], int] = field(default_factory=dict)
    _said: dict[tuple[str, ...], tuple[str, int]] = field(default_factory=dict)
    _used: set[tuple[str, int]] = field(default_factory=set)
    _called: Counter[tuple[str, str]] = field(default_factory=Counter)

    def hear(self, line: int, row: Mapping[str, str]) -> None:
        """What one row says of its site and rack, before any is made: each says what the others say, or nothing."""
        for key, columns in self._about(row):
            for column in columns:
                text = row.get(column, "")
                first, where = self._said.setdefault((*key, column), (text, line)) if text else (text, line)
                if first != text:
                    self.wrong.append(
                        f"{self.file}:{line}: {column}: expected {shown(first)} as in line {where}, got {shown(text)}; "
                        "say the same in both, or leave one empty"
                    )

    def _about(self, row: Mapping[str, str]) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
        site, location, rack = (row.get(column, "") for column in ("site", "location", "rack"))
        return ((site,), _OF_SITE), ((site, location, rack), _OF_RACK)

    def take(self, line: int, row: Mapping[str, str]) -> None:
        """One row, with what others say of its site and rack."""
        if not row.get("site") or not row.get("rack"):
            self.wrong.append(f"{self.file}:{line}: expected a site and a rack; fill them in")
            return
        said = {
            column: self._said[*key, column][0]
            for key, columns in self._about(row)
            for column in columns
            if (*key, column) in self._said
        }
        row = {**row, **said}
        site = self._one("dcim/sites", row["site"], tenant=self._tenant(row.get("site_operator", "")))
        location = (
            self._one("dcim/locations", row["site"], row["location"], site={"id": site})
            if row.get("location")
            else None
        )
        rack = self._rack(line, row, site, location)
        if row.get("device"):
            self._device(line, row, site, rack)

    def _one(self, endpoint: str, *names: str, **more: Any) -> int:
        """The number of an object; it is made when it is named for the first time."""
        key = (endpoint, *names)
        if key not in self._known:
            number = self._known[key] = self._number_of(key)
            named = {"id": number, "name": names[-1], "slug": id_of(names[-1], "")}
            self.objects.setdefault(endpoint, []).append({**named, **more})
        return self._known[key]

    def _number_of(self, key: tuple[str, ...]) -> int:
        digest = sha256("\x00".join(key).encode()).digest()
        number = int.from_bytes(digest[:4], "big") or 1
        while (key[0], number) in self._used:
            number += 1
        self._used.add((key[0], number))
        return number

    def _tenant(self, name: str) -> Mapping[str, int] | None:
        return {"id": self._one("tenancy/tenants", name)} if name else None

    def _number(self, line: int, row: Mapping[str, str], name: str) -> float | None:
        text = row.get(name, "")
        if not text:
            return None
        try:
            found = float(text)
        except ValueError:
            found = -1.0
        if not 0 <= found <= 1_000_000:  # noqa: PLR2004 - more than anything has
            self.wrong.append(
                f"{self.file}:{line}: {name}: expected a number such as 42, got {shown(text)}; correct it"
            )
            return None
        return found

    def _rack(self, line: int, row: Mapping[str, str], site: int, location: int | None) -> int:
        key = ("dcim/racks", row["site"], row.get("location", ""), row["rack"])
        is_new = key not in self._known
        rack = self._one(
            *key,
            site={"id": site},
            location={"id": location} if location else None,
            u_height=int(self._number(line, row, "rack_u_height") or 42),
            max_weight=self._number(line, row, "rack_max_weight_kg"),
            weight_unit="kg",
        )
        for letter in ("a", "b") if is_new else ():
            watts = self._number(line, row, f"feed_{letter}_w")
            if watts:
                panel_name = row.get(f"feed_{letter}_panel") or f"panel {letter.upper()}"
                panel = self._one("dcim/power-panels", row["site"], panel_name, site={"id": site})
                self._one(
                    *("dcim/power-feeds", *key[1:], f"feed {letter.upper()}"),
                    power_panel={"id": panel},
                    rack={"id": rack},
                    voltage=1,
                    amperage=int(watts),
                )
        return rack

    def _device(self, line: int, row: Mapping[str, str], site: int, rack: int) -> None:
        full = _FULL.get(row.get("is_full_depth", "").lower())
        if full is None:
            got = shown(row["is_full_depth"])
            self.wrong.append(f"{self.file}:{line}: is_full_depth: expected true or false, got {got}; correct it")
        face = row.get("face", "").lower()
        if face not in {"", "front", "rear"}:
            self.wrong.append(f"{self.file}:{line}: face: expected front or rear, got {shown(face)}; correct it")
        height, weight = self._number(line, row, "u_height"), self._number(line, row, "weight_kg")
        model = row.get("device_type") or f"unnamed type of {height or 1:g} U"
        maker = self._one("dcim/manufacturers", row.get("manufacturer") or "unknown")
        kind = self._one(
            *("dcim/device-types", row.get("manufacturer", ""), f"{height} {weight} {full}", model),
            model=model,
            manufacturer={"id": maker, "name": row.get("manufacturer") or "unknown"},
            u_height=1.0 if height is None else height,
            is_full_depth=full is not False,
            weight=weight,
            weight_unit="kg" if weight else None,
        )
        self._called[row["site"], row["device"]] += 1
        which = (row["site"], str(self._called[row["site"], row["device"]]))
        device = self._one(
            *("dcim/devices", *which, row["device"]),
            device_type={"id": kind},
            site={"id": site},
            rack={"id": rack},
            tenant=self._tenant(row.get("tenant", "")),
            position=self._number(line, row, "position"),
            face=face or None,
        )
        draw, supplies = self._number(line, row, "draw_w"), int(self._number(line, row, "power_supplies") or 0)
        count = min(supplies or (2 if draw else 0), 16)
        for number in range(1, count + 1):
            each = -(-int(draw) // -(-count // 2)) if draw else None  # half of them carry it
            self._one("dcim/power-ports", str(device), f"PSU{number}", device={"id": device}, maximum_draw=each)
        if row.get("address"):
            self._one(
                *("ipam/ip-addresses", str(device), row["address"]),
                address=row["address"],
                assigned_object={"name": "", "device": {"id": device}},
            )
