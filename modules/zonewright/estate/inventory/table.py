"""A table of devices (CSV), for estates that no NetBox knows: a row is a device, or a rack that is empty."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            _check_header(path.name, reader.fieldnames or (), wrong)
            for row in reader if not wrong else ():
                if reader.line_num > _MOST_ROWS:
                    wrong.append(f"{path.name}: expected at most {_MOST_ROWS:,} rows; adopt site by site")
                    break
                made.take(reader.line_num, {key: (value or "").strip() for key, value in row.items() if key})
    except (UnicodeDecodeError, csv.Error) as error:
        wrong.append(f"{path.name}: is no CSV in UTF-8: {error}; save it as that")
    if wrong:
        raise InventoryMisuseError(*wrong[:200])
    return made.objects


def _check_header(file: str, names: Any, wrong: list[str]) -> None:
    for name in names:
        if name not in COLUMNS:
            fix = did_you_mean(str(name), COLUMNS, "delete it")
            wrong.append(f"{file}:1: an unknown column: expected one of {', '.join(COLUMNS)}, got {shown(name)}; {fix}")
    wrong += [f"{file}:1: expected a column '{name}'; add it" for name in NEEDED if name not in names]


@dataclass(kw_only=True)
class _Made:
    """Objects that grow, each with a number of its own kind."""

    file: str
    wrong: list[str]
    objects: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    _known: dict[tuple[str, ...], int] = field(default_factory=dict)

    def take(self, line: int, row: Mapping[str, str]) -> None:
        """One row."""
        if not row.get("site") or not row.get("rack"):
            self.wrong.append(f"{self.file}:{line}: expected a site and a rack; fill them in")
            return
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
            objects = self.objects.setdefault(endpoint, [])
            self._known[key] = len(objects) + 1
            objects.append({"id": len(objects) + 1, "name": names[-1], "slug": id_of(names[-1], ""), **more})
        return self._known[key]

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
        device = self._one(
            *("dcim/devices", str(line), row["device"]),
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
            self._one("dcim/power-ports", str(line), f"PSU{number}", device={"id": device}, maximum_draw=each)
        if row.get("address"):
            self._one(
                *("ipam/ip-addresses", str(line), row["address"]),
                address=row["address"],
                assigned_object={"name": "", "device": {"id": device}},
            )
