"""A bundle's files as what they mean: plan, demand, proposal, indexes, journal."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeVar

from pydantic import BaseModel

from zonewright.audit.evidence.layout import (
    AUTHOR,
    BEFORE,
    CHECKPOINT,
    DEMAND,
    EXPORTER,
    INPUTS,
    JOURNAL,
    MANIFEST,
    PARTIAL,
    PLAN,
    PROPOSAL,
    RENDERED,
    VERDICTS,
    changed_files,
    digests_behind,
    object_path,
    rollout_path,
)
from zonewright.declare.problem import Problem
from zonewright.ledger.deciding.party_facts import SNAPSHOT, held_places
from zonewright.ledger.protocol.admission_messages import Proposal
from zonewright.ledger.protocol.change_messages import Plan, Snapshot
from zonewright.ledger.protocol.evidence_messages import Opened, OwnEntry
from zonewright.ledger.protocol.journal_messages import Checkpoint, JournalEntry
from zonewright.ledger.protocol.messages import Digest, Message
from zonewright.ledger.protocol.rollout_messages import ROLLED_OUT
from zonewright.ledger.store.claim_text import unpacked
from zonewright.model.canonical import canonical_json
from zonewright.model.demand import Demand
from zonewright.model.zone import Zone
from zonewright.render.formats.format_set import FormatSet
from zonewright.render.user_formats import load_formats
from zonewright.seal.strict import strict_json

_Model = TypeVar("_Model", bound=BaseModel)
_REQUIRED = (PLAN, DEMAND, PROPOSAL, RENDERED, BEFORE, SNAPSHOT)


class Partial(Message):
    """What an export for one party has in place of the facts of others.

    Attributes:
        format: version of the form.
        party: who it is for.
        at: moment of the snapshot.
        until: moment of the export, or of the plan where it was not exported from a ledger.
        opened: the facts that are shown, by name.
        items: salted digests of what was left out and is no fact of the plan: journal, later snapshots.
        before: where the party's nodes stood, by name.
        entries: the journal's entries on the plan.
    """

    format: Literal[1] = 1
    party: str
    at: str
    until: str
    opened: dict[str, Opened]
    items: list[Digest]
    before: dict[str, str]
    entries: list[OwnEntry]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a bundle holds.

    Attributes:
        texts: text of each file by path.
        plan: the plan.
        demand: the demand.
        proposal: what the ledger offered.
        snapshot: the facts that it was planned on.
        zone: the administrator's file.
        journal: entries from the plan on, empty in a bundle that was only planned.
        checkpoint: the journal's signed head, or None.
        partial: what a party's bundle says of what it leaves out; None in the zone's.
    """

    texts: Mapping[str, str]
    plan: Plan
    demand: Demand
    proposal: Proposal
    snapshot: Snapshot
    zone: Zone
    journal: tuple[JournalEntry, ...]
    checkpoint: Checkpoint | None
    partial: Partial | None = None

    @property
    def author(self) -> str | None:
        """The author's envelope."""
        return self.texts.get(AUTHOR)

    @property
    def verdicts(self) -> list[str]:
        """Envelopes with verdicts, in order."""
        return [self.texts[path] for path in sorted(self.texts) if path.startswith(f"{VERDICTS}/")]

    @property
    def inputs(self) -> dict[str, str]:
        """Declaration texts by name."""
        prefix = f"{INPUTS}/"
        return {path.removeprefix(prefix): text for path, text in self.texts.items() if path.startswith(prefix)}

    @cached_property
    def formats(self) -> tuple[FormatSet, tuple[Problem, ...]]:
        """The formats that it was rendered with, zonewright's own and the zone's; and what is wrong with the latter."""
        with self.input_folder() as folder:
            return load_formats(folder)

    @contextmanager
    def input_folder(self) -> Iterator[Path]:
        """The declaration's files in a folder that is there for a while."""
        with TemporaryDirectory(prefix="zonewright-verify-") as name:
            folder = Path(name)
            for below, text in self.inputs.items():
                path = folder / below
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text.encode())
            yield folder

    def index(self, name: str) -> dict[str, str]:
        """Digest of each file of an index (``rendered.json``, ``before.json``) by path."""
        found: dict[str, str] = json.loads(self.texts[name])
        return found

    def changed(self) -> tuple[dict[str, str], dict[str, str]]:
        """Texts by path of the files that the change changes: before and after."""
        before, after = self.index(BEFORE), self.index(RENDERED)
        paths = changed_files(before, after)
        old, new = ({path: self.object(one[path]) for path in paths if path in one} for one in (before, after))
        return old, new

    def object(self, digest: str) -> str:
        """A content by its digest.

        Raises:
            ValueError: when the bundle does not have it.
        """
        path = object_path(digest)
        if path not in self.texts:
            raise ValueError(f"{path} is missing")
        return self.texts[path]

    def facts(self, snapshot: Snapshot) -> dict[str, str]:
        """The texts of a snapshot by name; of a party's bundle those that it shows."""
        return {name: self.object(digest) for name, digest in snapshot.files.items()}

    def decisions(self) -> Iterator[JournalEntry]:
        """Entries of the journal that decided on this plan."""
        digest = self.plan.digest()
        for entry in self.journal:
            if entry.kind in ("admitted", "refused") and entry.payload.get("plan") == digest:
                yield entry

    def rolled_out(self) -> Iterator[JournalEntry]:
        """Entries of the journal on runs that brought this plan to hosts."""
        digest = self.plan.digest()
        for entry in self.journal:
            if entry.kind == ROLLED_OUT and entry.payload.get("plan") == digest:
                yield entry

    def admitted(self) -> JournalEntry | None:
        """The entry that admitted it."""
        return next((entry for entry in self.decisions() if entry.kind == "admitted"), None)

    def named(self) -> set[str]:
        """Paths of all files that something in the bundle asks for."""
        paths = {MANIFEST, AUTHOR, JOURNAL, CHECKPOINT, PLAN, *self.plan.files}
        digests = digests_behind({**self.texts, SNAPSHOT: self.snapshot.text()})
        if self.partial is not None:
            paths = paths - {SNAPSHOT, JOURNAL, CHECKPOINT} | {PARTIAL}
            paths |= {EXPORTER} & self.texts.keys()
        for entry in self.decisions() if self.partial is None else ():
            digest = str(entry.payload.get("snapshot", ""))
            digests.add(digest)
            if object_path(digest) in self.texts:
                digests |= set(Snapshot.model_validate_json(self.object(digest)).files.values())
        paths |= {object_path(digest) for digest in digests}
        paths |= {rollout_path(entry) for entry in self.rolled_out()}
        return paths | {path for path in self.texts if path.startswith(f"{VERDICTS}/")}

    def unnamed(self) -> list[str]:
        """Files that nothing asks for."""
        return sorted(self.texts.keys() - self.named())


def read_contents(files: Mapping[str, bytes]) -> Contents:
    """Read a bundle's files.

    Raises:
        ValueError: when one is missing, no UTF-8, or not what its name says.
    """
    missing = [path for path in _REQUIRED if path not in files and not (path == SNAPSHOT and PARTIAL in files)]
    if missing:
        raise ValueError(f"{', '.join(missing)} is missing")
    texts = {path: _text(path, content) for path, content in files.items()}
    plan = _read(PLAN, texts, Plan)
    partial = _read(PARTIAL, texts, Partial) if PARTIAL in texts else None
    raw = strict_json(texts[PROPOSAL])
    snapshot = _shown(partial, plan, raw) if partial is not None else _read(SNAPSHOT, texts, Snapshot)
    canonical = {PLAN: plan.text()}
    canonical |= {SNAPSHOT: snapshot.text()} if partial is None else {PARTIAL: canonical_json(partial.model_dump())}
    for path, text in canonical.items():
        if texts[path] != text:
            raise ValueError(f"{path} is not in its canonical form")
    proposal = {**raw, "revision": 0}
    zone = object_path(snapshot.files.get("zone.json", ""))
    if zone not in texts:
        raise ValueError("the snapshot's zone.json is missing")
    return Contents(
        texts=texts,
        plan=plan,
        demand=_read(DEMAND, texts, Demand),
        proposal=Proposal.model_validate_json(canonical_json(proposal)),
        snapshot=snapshot,
        zone=_read(zone, texts, Zone),
        journal=tuple(_journal(texts.get(JOURNAL, "")) if partial is None else _own_entries(partial, plan)),
        checkpoint=_read(CHECKPOINT, texts, Checkpoint) if CHECKPOINT in texts else None,
        partial=partial,
    )


def _shown(partial: Partial, plan: Plan, proposal: Mapping[str, Any]) -> Snapshot:
    """What a party sees of the snapshot: its own facts, and the findings that the ledger told it."""
    files = {name: one.digest for name, one in partial.opened.items()}
    return Snapshot(at=partial.at, stack_id=plan.stack_id, files=files, figures={}, findings=list(proposal["findings"]))


def _own_entries(partial: Partial, plan: Plan) -> Iterator[JournalEntry]:
    for entry in partial.entries:
        yield JournalEntry(**entry.model_dump(), stack_id=plan.stack_id, party=plan.party, previous="", hash="")


def _text(path: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None


def _read(path: str, texts: Mapping[str, str], model: type[_Model]) -> _Model:
    try:
        strict_json(texts[path])
        return model.model_validate_json(texts[path])
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None


def _journal(text: str) -> Iterator[JournalEntry]:
    for number, line in enumerate(text.splitlines(), 1):
        try:
            entry = JournalEntry.model_validate(strict_json(line))
        except ValueError:
            raise ValueError(f"{JOURNAL}:{number} is not an entry of a journal") from None
        if canonical_json(entry.model_dump()) != line:
            raise ValueError(f"{JOURNAL}:{number} is not in its canonical form")
        yield entry


def places_before(contents: Contents) -> dict[str, str]:
    """Where the stack's nodes were when it was planned: rack and unit by name."""
    if contents.partial is not None:
        return dict(contents.partial.before)
    texts = (text for name, text in contents.facts(contents.snapshot).items() if name.startswith("claims/"))
    return held_places((row for text in texts for row in unpacked(text)), contents.plan.stack_id)
