"""Rendered files as the ledger offers them, and a configuration as a host should have it. Pure."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from zonewright.fleet.archive import MANIFEST, tar_members
from zonewright.fleet.configs.fill import Filled
from zonewright.ledger.protocol.rollout_messages import ConfigurationsAnswer
from zonewright.model.canonical import digest_of
from zonewright.model.configuration import BELOW_PATH_PATTERN, Configuration
from zonewright.render.formats.format import ROOTS, Format

TARGETS, ROOT = "TARGETS", "root"
_END = bytes(1024)
_DEPTHS = {root.partition("/")[0]: root.count("/") for root in ROOTS.values()}
_BELOW = re.compile(BELOW_PATH_PATTERN.removesuffix("$"), re.ASCII)


@dataclass(frozen=True, kw_only=True)
class ApprovedFiles:
    """What the ledger offers.

    Attributes:
        files: digest by path of all that is deployed at the sites that were asked for.
        plans: plan by path of each file that is approved.
        missing: what the others lack, by path.
        texts: text by digest.
        gated: formats that open on a pass only.
    """

    files: Mapping[str, str]
    plans: Mapping[str, str]
    missing: Mapping[str, str]
    texts: Mapping[str, str]
    gated: frozenset[str]

    @cached_property
    def by_subject(self) -> Mapping[tuple[str, str], tuple[tuple[str, str], ...]]:
        """The files of each subject with their paths below it: a node by its name, sites and groups by their site.

        A second router or server is meant by site and name.

        A path that no format could have rendered is left out: what a stack says that it has deployed is its own word.
        """
        found: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for path in sorted(self.files):
            kind, *rest = path.split("/")
            depth = _DEPTHS.get(kind, 0)
            below = "/".join(rest[depth:])
            if depth and _BELOW.fullmatch(below):
                seat = f"{rest[0]}/{rest[1]}"
                name = {"nodes": rest[1], "routers": seat, "servers": seat}.get(kind, rest[0])
                found.setdefault((kind, name), []).append((path, below))
        return {key: tuple(files) for key, files in found.items()}


def offer_of(answer: ConfigurationsAnswer, texts: Mapping[str, str]) -> ApprovedFiles:
    """What the ledger offers; a path that two stacks claim with different contents is approved for neither.

    Args:
        answer: the ledger's answer.
        texts: text by digest; one that is not what its digest says is left out.
    """
    files: dict[str, str] = {}
    plans: dict[str, str] = {}
    missing: dict[str, str] = {}
    for stack in answer.stacks:
        for path, digest in stack.files.items():
            if files.setdefault(path, digest) != digest:
                missing[path] = "two stacks have deployed it with different contents"
        plans |= stack.approved
        missing = {**stack.missing, **missing}
    return ApprovedFiles(
        files=files,
        plans={path: plan for path, plan in plans.items() if path not in missing},
        missing=missing,
        texts={digest: text for digest, text in texts.items() if digest_of(text) == digest},
        gated=frozenset(answer.gated),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One file.

    Attributes:
        source: its path among all rendered files.
        below: its path below its subject's folder, as on a host.
        target: where it goes; empty where it is only there to be validated with the others.
        digest: of its text, with ``sha256:``.
        text: as it was rendered and approved, with references to secrets.
        filled: as it is installed, with their values.
        unresolved: why values cannot be had here, in sentences; then ``filled`` has the references, and nothing that
            is installed anywhere.
    """

    source: str
    below: str
    target: str
    digest: str
    text: str
    filled: Filled
    unresolved: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Hash of what is installed, as ``sha256sum`` writes it; never shown where the file holds secrets."""
        return hashlib.sha256(self.filled.content).hexdigest()

    @property
    def holds_secrets(self) -> bool:
        """Whether values of secrets are in it."""
        return bool(self.filled.fingerprints or self.unresolved)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One configuration as one host should have it.

    Attributes:
        name: as the fleet's file calls it.
        settings: what the fleet's file says of it.
        format: whose files they are.
        files: all its files; the format's program judges them together.
    """

    name: str
    settings: Configuration
    format: Format
    files: tuple[Placed, ...]

    @property
    def keep(self) -> str:
        """Folder of its versions on the host."""
        return f"{self.settings.keep}/{self.name}"

    @property
    def unresolved(self) -> tuple[str, ...]:
        """Why some of its files cannot be compared or installed here, each reason once."""
        found = (f"configuration {self.name}: {one.source}: {why}" for one in self.files for why in one.unresolved)
        return tuple(dict.fromkeys(found))

    @property
    def placed(self) -> tuple[Placed, ...]:
        """The files that go somewhere."""
        return tuple(one for one in self.files if one.target)

    @property
    def beside(self) -> Mapping[str, str]:
        """What lies beside its files where the format's program judges them, or in the place of some of them."""
        files = {one.below: one.filled.content.decode() for one in self.files}
        judged = self.format.check.judged(files) if self.format.check is not None else files
        return {path: text for path, text in judged.items() if files.get(path) != text}

    @cached_property
    def _texts(self) -> Mapping[str, str]:
        """The version's index files."""
        manifest = "".join(f"{one.sha256}  {ROOT}/{one.below}\n" for one in self.files)
        return {MANIFEST: manifest, TARGETS: "".join(f"{ROOT}/{one.below}\t{one.target}\n" for one in self.placed)}

    @cached_property
    def id(self) -> str:
        """Names the version: by approved texts, fingerprints of secrets, places, owner and mode."""
        # The name stands in records that others read: by a hash of contents, passwords could be tried.
        texts = "".join(f"{one.digest} {' '.join(one.filled.fingerprints)} {one.below}\n" for one in self.files)
        said = f"{texts}{self._texts[TARGETS]}{self.settings.owner} {self.settings.mode}"
        return f"{self.name}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"

    @cached_property
    def archive(self) -> bytes:
        """The version as a tar archive."""
        own = {f"{ROOT}/{one.below}": one.filled.content for one in self.files}
        return tar_members({**own, **{name: text.encode() for name, text in self._texts.items()}}) + _END
