"""Which rendered files a host should have, and where: from the fleet's file and what the ledger offers. Pure."""

import hashlib
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from zonewright.fleet.artefact import MANIFEST, tar_members
from zonewright.fleet.config_fill import Filled, Filler
from zonewright.fleet.inventory import Host
from zonewright.ledger.rollout_messages import ConfigurationsAnswer
from zonewright.model.canonical import digest_of
from zonewright.model.configuration import BELOW_PATH_PATTERN, Configuration
from zonewright.model.secret import SecretError
from zonewright.render.format import ROOTS, Format
from zonewright.render.format_set import FormatSet

TARGETS, ROOT = "TARGETS", "root"
_END = bytes(1024)
_FOR_EVERYBODY = 0o007
_DEPTHS = {root.partition("/")[0]: root.count("/") for root in ROOTS.values()}
_BELOW = re.compile(BELOW_PATH_PATTERN.removesuffix("$"), re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Offer:
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

        A path that no format could have rendered is left out: what a stack says that it has deployed is its own word.
        """
        found: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for path in sorted(self.files):
            kind, *rest = path.split("/")
            depth = _DEPTHS.get(kind, 0)
            below = "/".join(rest[depth:])
            if depth and _BELOW.fullmatch(below):
                found.setdefault((kind, rest[1] if kind == "nodes" else rest[0]), []).append((path, below))
        return {key: tuple(files) for key, files in found.items()}


def offer_of(answer: ConfigurationsAnswer, texts: Mapping[str, str]) -> Offer:
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
                missing[path] = "two stacks have deployed it, with different contents"
        plans |= stack.approved
        missing = {**stack.missing, **missing}
    return Offer(
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
    """

    source: str
    below: str
    target: str
    digest: str
    text: str
    filled: Filled

    @property
    def sha256(self) -> str:
        """Hash of what is installed, as ``sha256sum`` writes it; never shown where the file holds secrets."""
        return hashlib.sha256(self.filled.content).hexdigest()

    @property
    def holds_secrets(self) -> bool:
        """Whether values of secrets are in it."""
        return bool(self.filled.fingerprints)


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
    def placed(self) -> tuple[Placed, ...]:
        """The files that go somewhere."""
        return tuple(one for one in self.files if one.target)

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


def wanted_of(
    host: Host,
    configurations: Mapping[str, Configuration],
    formats: FormatSet,
    offer: Offer,
    *,
    needs_approval: bool = True,
    fill: Filler | None = None,
) -> tuple[tuple[Wanted, ...], tuple[str, ...]]:
    """What a host should have, in order of name, and what stands against it, in sentences.

    Args:
        host: the host.
        configurations: of the fleet's file.
        formats: the zone's formats.
        offer: what the ledger offers.
        needs_approval: whether a file that is in no approved change stands against it.
        fill: puts the values of secrets into files; without it a file with references stands against it.
    """
    found: list[Wanted] = []
    against: list[str] = []
    for name, settings in sorted(configurations.items()):
        if is_meant(host, settings):
            wanted, lacking = wanted_one(
                host, name, settings, formats, offer, needs_approval=needs_approval, fill=fill or Filler()
            )
            against += lacking
            found += [wanted] if wanted is not None else []
    against += twice(found)
    return tuple(found), tuple(against)


def wanted_one(
    host: Host,
    name: str,
    settings: Configuration,
    formats: FormatSet,
    offer: Offer,
    *,
    needs_approval: bool,
    fill: Filler,
) -> tuple[Wanted | None, tuple[str, ...]]:
    """One configuration as a host should have it, and what stands against it; see ``wanted_of``."""
    format_ = next((one for one in formats.formats if one.id == settings.format), None)
    if format_ is None:
        return None, (f"configuration {name}: there is no format {settings.format!r}; there are {_ids(formats)}",)
    paths = _paths(host, format_, offer)
    files, lacking = _placed(paths, settings, offer, fill)
    against = [f"configuration {name}: {sentence}" for sentence in lacking]
    against += _faults(host, name, settings, format_, paths, offer)
    if needs_approval:
        against += _unapproved(name, paths, offer)
    return Wanted(name=name, settings=settings, format=format_, files=files), tuple(against)


def is_meant(host: Host, settings: Configuration) -> bool:
    """Whether a configuration is for a host."""
    is_named = not settings.hosts or host.name in settings.hosts
    return is_named and (not settings.sites or host.site in settings.sites) and set(settings.labels) <= host.labels


def _ids(formats: FormatSet) -> str:
    return ", ".join(one.id for one in formats.formats)


def _paths(host: Host, format_: Format, offer: Offer) -> dict[str, str]:
    """The rendered files of a format that are for a host: path below the subject by path."""
    key = ROOTS[format_.subject].partition("/")[0], host.name if format_.subject == "node" else host.site
    return {path: below for path, below in offer.by_subject.get(key, ()) if format_.owns(path)}


def _placed(
    paths: Mapping[str, str], settings: Configuration, offer: Offer, fill: Filler
) -> tuple[tuple[Placed, ...], list[str]]:
    """The files with their places, and what stands against those that hold secrets."""
    placed: list[Placed] = []
    against: dict[str, None] = {}
    for source, below in paths.items():
        target = settings.files.get(below, "") if settings.files else posixpath.join(settings.folder or "/", below)
        digest = offer.files[source]
        text = offer.texts.get(digest, "")
        filled = Filled(content=text.encode())
        try:
            filled = fill(text)
        except SecretError as error:
            against |= dict.fromkeys(f"{source}: {sentence}" for sentence in error.sentences)
        if filled.fingerprints and int(settings.mode, 8) & _FOR_EVERYBODY:
            against[f"{source} holds secrets, and mode '{settings.mode}' shows it to everybody; write mode: '640'"] = (
                None
            )
        placed.append(Placed(source=source, below=below, target=target, digest=digest, text=text, filled=filled))
    return tuple(placed), list(against)


def _faults(  # noqa: PLR0917 - private
    host: Host, name: str, settings: Configuration, format_: Format, paths: Mapping[str, str], offer: Offer
) -> Iterator[str]:
    if not paths:
        where = f"at site {host.site}" if host.site else "without a site"
        yield f"configuration {name}: the ledger has no deployed files of {format_.id} for {host.name} {where}"
        return
    for below in sorted(settings.files.keys() - set(paths.values())):
        yield f"configuration {name}: there is no file {below}; there are {', '.join(paths.values())}"
    for source in paths:
        if offer.files[source] not in offer.texts:
            yield f"{source}: the ledger does not have the content that its digest names"


def _unapproved(name: str, paths: Mapping[str, str], offer: Offer) -> Iterator[str]:
    """Files that may not be installed, in one sentence for all that lack the same."""
    refused: dict[str, list[str]] = {}
    for source in paths:
        if source not in offer.plans:
            refused.setdefault(offer.missing.get(source, "the ledger does not say why"), []).append(source)
    for why, sources in refused.items():
        more = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
        which = f"{sources[0]} (sha256 {offer.files[sources[0]][7:19]}){more}"
        yield f"configuration {name}: {which}: in no approved change; {why}"


def twice(found: Sequence[Wanted]) -> Iterator[str]:
    """Two configurations may not write one file."""
    owner: dict[str, str] = {}
    for one in found:
        for file in one.placed:
            first = owner.setdefault(file.target, one.name)
            if first != one.name or sum(other.target == file.target for other in one.placed) > 1:
                yield f"configurations {first} and {one.name} both write {file.target}"
