"""Which files a bundle has, and which contents they stand for. Names only: who reads a bundle needs no ledger."""

import json
from collections.abc import Mapping

from zonewright.ledger.deciding.party_facts import SNAPSHOT
from zonewright.ledger.protocol.evidence_messages import OwnEntry
from zonewright.ledger.protocol.journal_messages import JournalEntry

MANIFEST = "manifest.json"
PLAN, AUTHOR = "plan.json", "author.dsse.json"
DEMAND, PROPOSAL, RENDERED, BEFORE = "demand.json", "proposal.json", "rendered.json", "before.json"
JOURNAL, CHECKPOINT = "journal.jsonl", "checkpoint.json"
PARTIAL = "party.json"
"""Only in the export for one party: what it has in place of the facts of others."""
EXPORTER = "party.dsse.json"
"""The signature of whoever exported it."""
INPUTS, OBJECTS, VERDICTS, ROLLOUTS = "inputs", "objects", "verdicts", "rollouts"
"""Folders."""


def object_path(digest: str) -> str:
    """Where a content stands in a bundle."""
    return f"{OBJECTS}/{digest.removeprefix('sha256:')}"


def rollout_path(entry: JournalEntry | OwnEntry) -> str:
    """Where the record of a roll-out stands in a bundle, which the journal's entry on it names."""
    return f"{ROLLOUTS}/{entry.payload.get('run')}.json"


def changed_files(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Paths whose digest is not the same, in order: a bundle holds the contents of these only.

    Args:
        before: digest by path.
        after: digest by path.
    """
    return sorted({path for path, _ in before.items() ^ after.items()})


def digests_behind(texts: Mapping[str, str]) -> set[str]:
    """Digests of all contents that a bundle holds: of changed files, and of the facts of its snapshot."""
    return changed_digests(texts) | set(json.loads(texts[SNAPSHOT])["files"].values())


def changed_digests(texts: Mapping[str, str]) -> set[str]:
    """Digests of the contents of files that a change changes, before and after it."""
    before, after = (json.loads(texts[index]) for index in (BEFORE, RENDERED))
    changed = changed_files(before, after)
    return {index[path] for index in (before, after) for path in changed if path in index}
