"""From a proposal to a plan and the files behind it. Data in, data out."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files as resources
from importlib.resources.abc import Traversable

from zonewright import __version__
from zonewright.audit.evidence.layout import (
    AUTHOR,
    BEFORE,
    DEMAND,
    INPUTS,
    PLAN,
    PROPOSAL,
    RENDERED,
    changed_files,
    object_path,
)
from zonewright.changes.validated import Validated
from zonewright.ledger.deciding.party_facts import FACTS, SNAPSHOT
from zonewright.ledger.protocol.admission_messages import Proposal
from zonewright.ledger.protocol.change import change_digest, place_text
from zonewright.ledger.protocol.change_messages import Accepted, Plan
from zonewright.ledger.protocol.evidence_messages import SnapshotAnswer
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.demand import Demand

_VOLATILE = {"expires_at", "changed", "revision"}


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a plan is made from.

    Attributes:
        stack_id: whose change it is.
        demand: what the declaration wants.
        proposal: what the ledger offers.
        rendered: text of each rendered file by path.
        before: digest of each deployed file by path; their texts are asked for where they differ.
        inputs: text of each declaration file by name; empty for one that was built in Python.
        snapshot: the ledger's answer to ``snapshot``.
        validated: what validators said of the rendered files.
    """

    stack_id: str
    demand: Demand
    proposal: Proposal
    rendered: Mapping[str, str]
    before: Mapping[str, str]
    inputs: Mapping[str, str]
    snapshot: SnapshotAnswer
    validated: Validated

    @cached_property
    def digests(self) -> dict[str, str]:
        """Digest of each rendered file by path."""
        return {path: digest_of(text) for path, text in self.rendered.items()}

    @cached_property
    def new(self) -> dict[str, str]:
        """Text of each rendered file that is not deployed as it is, by path; costs a comparison of digests."""
        paths = changed_files(self.before, self.digests)
        return {path: self.rendered[path] for path in paths if path in self.rendered}

    @cached_property
    def texts(self) -> dict[str, str]:
        """The files that a plan names by their digest, but for the index of its snapshot, which the ledger keeps."""
        proposal = self.proposal.model_dump(mode="json", exclude=_VOLATILE)
        return {
            DEMAND: self.demand.canonical(),
            PROPOSAL: canonical_json(proposal),
            RENDERED: canonical_json(self.digests),
            BEFORE: canonical_json(dict(self.before)),
            FACTS: self.snapshot.facts,
            **self.validated.texts(),
            **{f"{INPUTS}/{name}": text for name, text in self.inputs.items()},
        }

    def plan(self, *, reason: str, emergency: bool, planned_at: str) -> Plan:
        """The plan.

        Args:
            reason: why, by its author.
            emergency: whether it takes the emergency lane.
            planned_at: the present, ISO 8601.
        """
        offered, texts = self.proposal, self.texts
        digests = {SNAPSHOT: self.snapshot.digest} | {path: digest_of(text) for path, text in texts.items()}
        rendered = digests[RENDERED]
        return Plan(
            zone=self.demand.zone,
            zone_digest=self.demand.zone_digest,
            stack_id=self.stack_id,
            party=self.demand.party,
            replaces=self.snapshot.replaces,
            follows=self.snapshot.step,
            demand_digest=offered.demand_digest,
            places={name: place_text(seat, offered.addresses.get(name, {})) for name, seat in offered.seats.items()},
            rendered_digest=rendered,
            change_digest=change_digest(offered.demand_digest, offered.seats, offered.addresses, rendered),
            snapshot=self.snapshot.digest,
            premises=offered.premises,
            accepts=[
                Accepted.model_validate(item, from_attributes=True)
                for item in self.snapshot.findings
                if item.level == "approval" and item.waiver is None
            ],
            impact=offered.impact,
            risk=self.snapshot.risk,
            reason=reason,
            emergency=emergency,
            planned_at=planned_at,
            versions=versions(),
            files=dict(
                sorted(
                    {SNAPSHOT: self.snapshot.digest, **{path: digest_of(text) for path, text in texts.items()}}.items()
                )
            ),
        )


def bundle_files(
    plan: Plan, texts: Mapping[str, str], objects: Mapping[str, str], envelope: str | None
) -> dict[str, bytes]:
    """The files of a planned change.

    Args:
        plan: the plan.
        texts: the files that it names.
        objects: rendered files, deployed files and the texts of the snapshot, by digest.
        envelope: the author's signature, or None.
    """
    files = {PLAN: plan.text(), **texts} | {object_path(digest): text for digest, text in objects.items()}
    if envelope is not None:
        files[AUTHOR] = envelope
    return {path: text.encode() for path, text in files.items()}


def versions() -> dict[str, str]:
    """What the plan was made with; another version may render other bytes."""
    found = {"zonewright": __version__, "python": platform.python_version()}
    for name in ("jinja2", "pydantic"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return {**found, "templates": _templates()}


def _templates() -> str:
    """One digest over all templates that come with zonewright."""
    texts: dict[str, str] = {}

    def walk(folder: Traversable, prefix: str) -> None:
        for entry in folder.iterdir():
            if entry.is_dir():
                walk(entry, f"{prefix}{entry.name}/")
            elif entry.name.endswith(".j2"):
                texts[f"{prefix}{entry.name}"] = digest_of(entry.read_bytes())

    walk(resources("zonewright_templates"), "")
    return digest_of(canonical_json(texts))
