"""Which configurations a host should have, by the fleet's file and what the ledger offers, and what is against it."""

import posixpath
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from zonewright.declare.problem import Fault, dotted, unknown
from zonewright.fleet.configs.desired import ApprovedFiles, Placed, Wanted
from zonewright.fleet.configs.fill import Filled, Filler
from zonewright.fleet.inventory import Host
from zonewright.model.configuration import Configuration
from zonewright.model.secret import SecretError
from zonewright.render.formats.format import ROOTS, ROUTER, SERVER, Format
from zonewright.render.formats.format_set import FormatSet
from zonewright.rules.words import listed

_FOR_EVERYBODY = 0o007
Tell = Callable[[Fault], str]
"""Makes a sentence of a fault of the fleet's file, with its line."""


def without_line(fault: Fault) -> str:
    """A fault of a declaration that is in no file."""
    return f"{dotted(fault.path)}: {fault.what}: expected {fault.expected}, got {fault.got}; {fault.fix}"


def wanted_of(
    host: Host,
    configurations: Mapping[str, Configuration],
    formats: FormatSet,
    offer: ApprovedFiles,
    *,
    needs_approval: bool = True,
    fill: Filler | None = None,
    tell: Tell = without_line,
    fellows: Iterable[Host] = (),
) -> tuple[tuple[Wanted, ...], tuple[str, ...]]:
    """What a host should have, in order of name, and what stands against it, in sentences.

    Args:
        host: the host.
        configurations: of the fleet's file.
        formats: the zone's formats.
        offer: what the ledger offers.
        needs_approval: whether a file that is in no approved change stands against it.
        fill: puts the values of secrets into files; without it a file with references stands against it.
        tell: makes sentences of what is wrong with the fleet's file.
        fellows: all hosts of the fleet.
    """
    found: list[Wanted] = []
    against: list[str] = []
    for name, settings in sorted(configurations.items()):
        if is_meant(host, settings):
            wanted, lacking = wanted_one(
                host, name, settings, formats, offer, needs_approval=needs_approval, fill=fill or Filler(), tell=tell
            )
            against += lacking
            if wanted is not None:
                found.append(wanted)
                against += _twins(host, wanted, offer, fellows, configurations.values())
    against += twice(found, tell)
    return tuple(found), tuple(against)


def wanted_one(
    host: Host,
    name: str,
    settings: Configuration,
    formats: FormatSet,
    offer: ApprovedFiles,
    *,
    needs_approval: bool,
    fill: Filler,
    tell: Tell,
) -> tuple[Wanted | None, tuple[str, ...]]:
    """One configuration as a host should have it, and what stands against it; see ``wanted_of``."""
    format_ = next((one for one in formats.formats if one.id == settings.format), None)
    if format_ is None:
        known = [one.id for one in formats.formats]
        fault = unknown("format", settings.format, known, owner="", path=("configurations", name, "format"))
        where = "for a format of the zone's own, give the stack whose folder has it: --stack NAME"
        return None, (tell(replace(fault, fix=f"{fault.fix}; {where}")),)
    paths = _paths(host, format_, offer)
    files = _placed(paths, settings, offer, fill)
    wanted = Wanted(name=name, settings=settings, format=format_, files=files)
    against = list(wanted.unresolved)
    against += map(tell, _faults(name, settings, paths, files))
    against += _lacks(host, name, format_, paths, offer)
    if needs_approval:
        against += _unapproved(name, paths, offer)
    return wanted, tuple(against)


def is_meant(host: Host, settings: Configuration) -> bool:
    """Whether a configuration is for a host."""
    is_named = not settings.hosts or host.name in settings.hosts
    return is_named and (not settings.sites or host.site in settings.sites) and set(settings.labels) <= host.labels


def _paths(host: Host, format_: Format, offer: ApprovedFiles) -> dict[str, str]:
    """The rendered files of a format that are for a host: path below the subject by path.

    A host with the name of a second router or server of its site gets that one's.
    """
    key = ROOTS[format_.subject].partition("/")[0], host.name if format_.subject == "node" else host.site
    for root, is_own in ((ROUTER, format_.of_routers), (SERVER, format_.of_servers)):
        seat = ROOTS[root].partition("/")[0], f"{host.site}/{host.name}"
        key = seat if is_own and seat in offer.by_subject else key
    return {path: below for path, below in offer.by_subject.get(key, ()) if format_.owns(path)}


def _twins(
    host: Host,
    wanted: Wanted,
    offer: ApprovedFiles,
    fellows: Iterable[Host],
    configurations: Collection[Configuration],
) -> Iterator[str]:
    """Hosts that would have the same files, by whichever configuration, where these are one router's or one server's.

    Such are two servers that lease the same addresses, after one of them got another name in the declaration.
    """
    if not (wanted.format.of_routers or wanted.format.of_servers):
        return
    alike = [one for one in configurations if one.format == wanted.format.id]
    own = {one.source for one in wanted.files}
    others = sorted(
        one.name
        for one in fellows
        if one.name != host.name and one.site == host.site and any(is_meant(one, each) for each in alike)
        if own & _paths(one, wanted.format, offer).keys()
    )
    if others:
        yield (
            f"configuration {wanted.name}: {host.name} and {listed(others)} would have the same files of "
            f"{wanted.format.id}, which are for one host of site {host.site}; name that one in 'hosts' of the "
            "configuration, or take the other out of the fleet"
        )


def _placed(
    paths: Mapping[str, str], settings: Configuration, offer: ApprovedFiles, fill: Filler
) -> tuple[Placed, ...]:
    """The files with their places, and with the values of their secrets where these can be had."""
    placed: list[Placed] = []
    for source, below in paths.items():
        target = settings.files.get(below, "") if settings.files else posixpath.join(settings.folder or "/", below)
        digest = offer.files[source]
        text = offer.texts.get(digest, "")
        filled = Filled(content=text.encode())
        unresolved: tuple[str, ...] = ()
        try:
            filled = fill(text)
        except SecretError as error:
            unresolved = error.sentences
        placed.append(
            Placed(
                source=source,
                below=below,
                target=target,
                digest=digest,
                text=text,
                filled=filled,
                unresolved=unresolved,
            )
        )
    return tuple(placed)


def _faults(name: str, settings: Configuration, paths: Mapping[str, str], files: Sequence[Placed]) -> Iterator[Fault]:
    """What the fleet's file says of a configuration, and is not so."""
    for below in sorted(settings.files.keys() - set(paths.values())) if paths else ():
        path = ("configurations", name, "files", below)
        yield unknown("file", below, paths.values(), owner="", path=path)
    shown = [one.source for one in files if one.holds_secrets] if int(settings.mode, 8) & _FOR_EVERYBODY else []
    if shown:
        yield Fault(
            owner="",
            path=("configurations", name, "mode"),
            what="files with secrets that every user of the host may read",
            expected="permission bits that give others nothing",
            got=f"'{settings.mode}' for {', '.join(shown)}",
            fix="write mode: '640'",
        )


def _lacks(host: Host, name: str, format_: Format, paths: Mapping[str, str], offer: ApprovedFiles) -> Iterator[str]:
    """What the ledger does not have of a configuration."""
    if not paths:
        where = f"at site {host.site}" if host.site else "without a site"
        yield f"configuration {name}: the ledger has no deployed files of {format_.id} for {host.name} {where}"
        return
    for source in paths:
        if offer.files[source] not in offer.texts:
            yield f"{source}: the ledger has its digest but not its content"


def _unapproved(name: str, paths: Mapping[str, str], offer: ApprovedFiles) -> Iterator[str]:
    """Files that may not be installed, in one sentence for all that lack the same."""
    refused: dict[str, list[str]] = {}
    for source in paths:
        if source not in offer.plans:
            refused.setdefault(offer.missing.get(source, "the ledger gives no reason"), []).append(source)
    for why, sources in refused.items():
        more = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
        which = f"{sources[0]} (sha256 {offer.files[sources[0]][7:19]}){more}"
        yield f"configuration {name}: {which} is in no approved change; {why}"


def twice(found: Sequence[Wanted], tell: Tell) -> Iterator[str]:
    """Two configurations may not write one file.

    Args:
        found: configurations of one host.
        tell: makes sentences of faults.
    """
    owner: dict[str, str] = {}
    for one in found:
        for file in one.placed:
            first = owner.setdefault(file.target, one.name)
            if first != one.name or sum(other.target == file.target for other in one.placed) > 1:
                yield tell(
                    Fault(
                        owner="",
                        path=("configurations", one.name),
                        what=f"a file that configuration {first} writes too" if first != one.name else "one file twice",
                        expected="one configuration for each file of a host",
                        got=file.target,
                        fix="give it another folder or files, or other hosts",
                    )
                )
