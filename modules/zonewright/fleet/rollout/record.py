"""What a run did: one JSON line for each event as it happens, and a record at the end, with secrets taken out."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from zonewright.fleet.rollout.outcome import Outcome
from zonewright.fleet.rollout.pool import Event
from zonewright.fleet.rollout.waves import STATES
from zonewright.ledger.protocol.rollout_messages import ChangeRun, HostRun, RunRecord
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.masking import masked
from zonewright.model.secret_scan import suspicions

RUNS = Path(".zonewright/runs")
_NOT_REPEATED = "the reason looks like a secret, so it is not repeated here; see the deployer's own record"


def utc_now() -> str:
    """The wall clock, as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The part of a run that belongs to one change.

    Attributes:
        plan: digest of the change's plan; empty where it is the present change of a stack.
        stack_id: that stack.
        hosts: by host the names of its configurations that have files of the change; None where all hosts count.
        files: digest by path of each file of the change, by the version that has it.
    """

    plan: str = ""
    stack_id: str = ""
    hosts: Mapping[str, frozenset[str]] | None = None
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, outcomes: Iterable[Outcome]) -> list[HostRun]:
        """How the run ended for the hosts that the change reaches."""
        return [
            HostRun(
                host=one.host,
                state=one.state,
                reason=_told(one),
                before=self._own(one.host, one.before),
                after=self._own(one.host, one.after),
                last_step=one.step,
            )
            for one in outcomes
            if self.hosts is None or one.host in self.hosts
        ]

    def _own(self, host: str, versions: str) -> str:
        """Of the versions of a host those that are the change's, by the name of their configuration."""
        if self.hosts is None:
            return versions
        return ", ".join(one for one in versions.split(", ") if one.rpartition("-")[0] in self.hosts[host])


def _told(outcome: Outcome) -> str:
    """Why a host is not as wanted, for others to read: without its address, and without what looks like a secret."""
    sentence = re.sub(rf"\b({re.escape(outcome.host)}) \([^()]* port [0-9]+\)", r"\1", outcome.sentence)
    return _NOT_REPEATED if suspicions({"": sentence}, words=False) else sentence


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

    def shared(
        self, shares: Iterable[Share], outcomes: Sequence[Outcome], *, fleet: str, entry: Mapping[str, Any]
    ) -> list[ChangeRun]:
        """The records that the ledger keeps under the changes that the run brought.

        Args:
            shares: what belongs to which change.
            outcomes: how it ended for each host.
            fleet: whose fleet it is.
            entry: the entry of the journal on the whole run.
        """
        said = {name: entry[name] for name in ("run", "who", "what", "began", "ended")}
        found = []
        for share in shares:
            files = {version: dict(files) for version, files in share.files.items()}
            record = RunRecord(fleet=fleet, hosts=share.of(outcomes), files=files, **said)
            clean = RunRecord.model_validate_json(self._clean(record.text()))
            found.append(ChangeRun(plan=share.plan, stack_id=share.stack_id, record=clean))
        return found

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
