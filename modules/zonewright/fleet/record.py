"""What a run did: one JSON line for each event as it happens, and a record at the end, with secrets taken out."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from zonewright.fleet.rollout import Event
from zonewright.fleet.visit import Outcome
from zonewright.fleet.waves import STATES
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.masking import masked

RUNS = Path(".zonewright/runs")


def utc_now() -> str:
    """The wall clock, as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(slots=True)
class RunLog:
    """The record of one run in a folder of its own.

    Attributes:
        folder: where.
        run: id of the run.
        secrets: what must not get into it.
        clock: gives the time as text.
    """

    folder: Path
    run: str
    secrets: Sequence[str] = ()
    clock: Callable[[], str] = utc_now
    _file: TextIO | None = None

    def write(self, event: Event) -> str:
        """Write an event as one line; gives the line."""
        data: dict[str, Any] = {"at": self.clock(), "run": self.run, "step": event.step, "detail": event.detail}
        data |= {"host": event.host} if event.host else {}
        data |= {"wave": event.wave} if event.wave else {}
        if event.outcome is not None:
            data |= outcome_data(event.outcome)
        line = self._clean(json.dumps(data, ensure_ascii=False, sort_keys=True))
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = (self.folder / "events.jsonl").open("a", encoding="utf-8")
        self._file.write(f"{line}\n")
        self._file.flush()
        return line

    def close(
        self, outcomes: Iterable[Outcome], *, who: str, what: str, began: str, releases: Mapping[str, str]
    ) -> dict[str, Any]:
        """Write the record; gives the entry for the journal, which names the record by its digest.

        Args:
            outcomes: how it ended for each host.
            who: the person.
            what: the command.
            began: when it began.
            releases: digest of the manifest by release.
        """
        if self._file is not None:
            self._file.close()
            self._file = None
        found = list(outcomes)
        record = {
            "run": self.run,
            "who": who,
            "what": what,
            "began": began,
            "ended": self.clock(),
            "counts": counts_of(found),
            "releases": dict(sorted(releases.items())),
            "hosts": [{"host": one.host, **outcome_data(one)} for one in found],
        }
        text = self._clean(canonical_json(record))
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "record.json").write_text(f"{text}\n", encoding="utf-8")
        entry = {name: record[name] for name in ("run", "who", "what", "began", "ended", "counts", "releases")}
        return {**entry, "record": digest_of(text)}

    def _clean(self, text: str) -> str:
        return masked(text, self.secrets)


def outcome_data(outcome: Outcome) -> dict[str, Any]:
    """An outcome as plain data."""
    return {
        "state": outcome.state,
        "reason": outcome.sentence,
        "from": outcome.before,
        "to": outcome.after,
        "last_step": outcome.step,
        "elapsed_s": round(outcome.elapsed_s, 3),
    }


def counts_of(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many hosts are in each state; all states are named."""
    counted = Counter(one.state for one in outcomes)
    return {state: counted[state] for state in STATES}
