"""What has changed of the energy ratios of sites since the last look, and alerts on their limits."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from zonewright.model.canonical import canonical_json

CHANGED = "dev.zonewright.site.energy.changed"
"""Type of an event: what is known of a site's energy ratio is another than before."""
_TOLD = ("trigger", "limit", "in_scope", "metering", "trust", "reason", "findings")
"""What makes a change; ratios move all the time."""
_VERDICTS = ("trailing", "projection")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteChange:
    """A site of which something else is known.

    Attributes:
        site: its id.
        before: what was told of it last; None where nothing was, or where the site is new.
        now: what is known; None where the site is gone.
    """

    site: str
    before: Mapping[str, Any] | None
    now: Mapping[str, Any] | None

    def to_data(self) -> dict[str, Any]:
        """What an event says."""
        return {"site": self.site, "before": self.before, "now": self.now}

    def line(self) -> str:
        """The change for people."""
        before = "new" if self.before is None else str(self.before.get("trigger"))
        if self.now is None:
            return f"{self.site}: {before} -> gone"
        reason = str(self.now.get("reason") or "")
        return f"{self.site}: {before} -> {self.now['trigger']}{f': {reason}' if reason else ''}"


class SiteMemory:
    """What was told last, in a file, so that a restart tells nothing twice.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told: dict[str, dict[str, Any]] = {}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            self._told = {str(name): dict(one) for name, one in found.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return  # all is told once more, rather than something never

    def changes(self, rows: Sequence[Mapping[str, Any]]) -> list[SiteChange]:
        """What is another than it was told, by site.

        Args:
            rows: of ``pue status`` as data.
        """
        now = {str(row["site"]): row for row in rows}
        kept = {name: told_of(row) for name, row in now.items()}
        names = sorted(now.keys() | self._told.keys())
        return [
            SiteChange(site=name, before=self._told.get(name), now=now.get(name))
            for name in names
            if self._told.get(name) != kept.get(name)
        ]

    def keep(self, change: SiteChange) -> None:
        """Note that a change was told."""
        if change.now is None:
            self._told.pop(change.site, None)
        else:
            self._told[change.site] = told_of(change.now)
        temporary = self._path.with_suffix(".new")
        temporary.write_text(canonical_json(self._told), encoding="utf-8")
        temporary.replace(self._path)


def told_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What of a site's row makes a change."""
    verdicts = {name: row[name]["verdict"] for name in _VERDICTS if name in row}
    return {**{name: row[name] for name in _TOLD if name in row}, **verdicts}


def alert_rules(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rules of Prometheus for the page of figures of the service: a ratio above its limit, or none.

    Joules are compared with joules, so that no rounding decides.

    Args:
        rows: of ``pue status`` as data.
    """
    rules: list[dict[str, Any]] = []
    for row in sorted(rows, key=lambda one: str(one["site"])):
        if row.get("metering") != "measured" or not row.get("in_scope"):
            continue
        limit, site = Fraction(str(row["limit"])), json.dumps(row["site"])
        total, it = (
            f"zonewright_site_energy_joules{{site={site}, side={json.dumps(side)}}}" for side in ("facility", "it")
        )
        for name, expression, severity, what in (
            (
                "EnergyRatioAboveLimit",
                f"{limit.denominator} * sum({total}) > {limit.numerator} * sum({it})",
                "critical",
                f"the energy of twelve months is above the limit of {row['limit']} times that of its IT equipment",
            ),
            (
                "EnergyRatioUnknown",
                f"absent({total}) or absent({it})",
                "warning",
                "the service gives no energy of the trailing twelve months",
            ),
        ):
            labels = {"severity": severity, "site": row["site"]}
            annotations = {"summary": f"{row['site']}: {what}"}
            rules.append(
                {"alert": name, "expr": expression, "for": "15m", "labels": labels, "annotations": annotations}
            )
    groups = [{"name": "zonewright-watch", "rules": rules}]
    return "# Written by zonewright watch; a change is overwritten.\n" + yaml.safe_dump(
        {"groups": groups}, sort_keys=False, allow_unicode=True, width=100
    )
