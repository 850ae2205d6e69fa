"""The roll-outs of a change: which runs brought it to hosts, and whether their records are those of the journal."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from zonewright.audit.evidence.checks import Check, all_or_wrong, open_
from zonewright.audit.evidence.contents import Contents
from zonewright.audit.evidence.layout import RENDERED, rollout_path
from zonewright.ledger.protocol.journal_messages import JournalEntry
from zonewright.ledger.protocol.rollout_messages import HostRun, RunRecord
from zonewright.model.canonical import digest_of
from zonewright.seal.strict import strict_json

_SAID = ("run", "fleet", "who", "what", "began", "ended")
_GOOD = ("changed", "unchanged")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One run that brought a change to hosts.

    Attributes:
        entry: the journal's entry on it.
        record: its record.
    """

    entry: JournalEntry
    record: RunRecord

    @property
    def counts(self) -> str:
        """How many hosts are in each state, in words."""
        return counts_text(self.record.counts())

    @property
    def versions(self) -> str:
        """The versions that it was to bring."""
        found = self.record.files or {one.after: {} for one in self.record.hosts if one.after}
        return ", ".join(sorted(found)) or "none"

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"entry": self.entry.sequence, "counts": self.record.counts(), **self.record.model_dump(mode="json")}


def counts_text(counts: Mapping[str, int]) -> str:
    """Hosts by state, in words."""
    return ", ".join(f"{count:,} {state}" for state, count in sorted(counts.items())) or "no host"


def rollouts_of(contents: Contents) -> tuple[Rollout, ...]:
    """The roll-outs whose records a bundle holds and that can be read, in the order of the journal."""
    found = []
    for entry in contents.rolled_out():
        text = contents.texts.get(rollout_path(entry), "")
        try:
            found.append(Rollout(entry=entry, record=RunRecord.model_validate_json(text)))
        except ValueError:
            continue
    return tuple(found)


def rollout_checks(contents: Contents) -> Iterator[Check]:
    """Whether each roll-out of the journal has its record, and the record says what the journal and the change say."""
    entries = list(contents.rolled_out())
    if not entries:
        yield open_("roll-outs", "the bundle's journal has no roll-out of this change")
        return
    faults = [f"entry {entry.sequence}: {fault}" for entry in entries for fault in _faults(contents, entry)]
    hosts = {one.host for found in rollouts_of(contents) for one in found.record.hosts}
    count = "1 run" if len(entries) == 1 else f"{len(entries):,} runs"
    detail = (
        f"{count} on {len(hosts):,} hosts, with the records that the journal names; only the deployer "
        "vouches for what hosts did"
    )
    yield all_or_wrong("roll-outs", faults, detail)


def _faults(contents: Contents, entry: JournalEntry) -> Iterator[str]:
    path = rollout_path(entry)
    text = contents.texts.get(path)
    if text is None:
        yield f"{path} is missing"
        return
    if digest_of(text) != entry.payload.get("record"):
        yield f"{path} is not the record that the journal names"
    try:
        strict_json(text)
        record = RunRecord.model_validate_json(text)
    except ValueError:
        yield f"{path} is not a record of a run"
        return
    if record.text() != text:
        yield f"{path} is not in its canonical form"
    said = {name: getattr(record, name) for name in _SAID}
    other = [name for name, value in said.items() if entry.payload.get(name) != value]
    other += ["counts"] if entry.payload.get("counts") != record.counts() else []
    if other:
        yield f"{path} differs from the journal: {', '.join(other)}"
    rendered = contents.index(RENDERED)
    for version, files in record.files.items():
        for name, digest in files.items():
            if rendered.get(name) != digest:
                yield f"{path}: {name} of version {version} is not a file of this change"


def rollout_lines(contents: Contents, *, columns: int) -> Iterator[str]:
    """The roll-outs for people: who, when, versions, hosts by state, and each host that is not as wanted.

    Args:
        contents: the bundle.
        columns: where to wrap.
    """
    for one in rollouts_of(contents):
        record = one.record
        head = f"rolled out {record.ended[:19]} by {record.who}: {record.what}"
        yield from _wrapped(head, columns, "  ")
        yield from _wrapped(f"{one.counts}; versions: {one.versions}", columns, "    ")
        for host in record.hosts:
            if host.state not in _GOOD:
                yield from _wrapped(_host_text(host), columns, "    ")


def _host_text(host: HostRun) -> str:
    return f"{host.host} {host.state}: {host.reason}"


def _wrapped(text: str, columns: int, indent: str) -> list[str]:
    return textwrap.wrap(text, columns, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False)
