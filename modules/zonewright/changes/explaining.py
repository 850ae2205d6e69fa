"""Which template line and which declaration a line of a rendered file comes from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from zonewright.model import Declaration, OwnerFile
from zonewright.model.expand import nodes_of
from zonewright.render.errors import RenderError
from zonewright.render.formats.format import AnyContext, root_of
from zonewright.render.formats.format_set import FormatSet
from zonewright.render.origins import origins
from zonewright.render.sandbox.job import Job, jobs_of
from zonewright.render.sandbox.trace import TracedLine, trace

_ZONE = "zone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a value is declared.

    Attributes:
        value: path of the value that the template sees.
        text: what is printed of it, empty for a value that only decides that the line is there.
        declared: its path in the declaration.
        owner: whose file declares it, ``zone`` for zone.yaml; empty where that is not known here.
        source: file and line, empty where the file is not at hand.
    """

    value: str
    text: str
    declared: str
    owner: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One line with where it comes from."""

    path: str
    line: TracedLine
    origins: tuple[Origin, ...]


def explain_line(
    path: str, number: int, contexts: Sequence[AnyContext], formats: FormatSet, known: Declaration
) -> Explained:
    """Explain one line.

    Args:
        path: path of the file among all rendered files.
        number: its line, from 1.
        contexts: everything that is rendered.
        formats: the formats.
        known: the owner's declaration, with those of others as far as their files are at hand.

    Raises:
        RenderError: when there is no such file or line.
    """
    job = _job(path, contexts, formats)
    lines = trace(job)
    if not 1 <= number <= len(lines):
        raise RenderError(f"{path} has {len(lines)} lines, and no line {number}")
    line = lines[number - 1]
    index = _pools(known)
    found = [_origin(job.context, use.path, use.text, known, index) for use in line.uses]
    printed = {use.path for use in line.uses}
    found += [_origin(job.context, one, "", known, index) for one in line.because if one not in printed]
    return Explained(path=path, line=line, origins=tuple(dict.fromkeys(found)))


def _job(path: str, contexts: Sequence[AnyContext], formats: FormatSet) -> Job:
    for context in contexts:
        root = root_of(context)
        if path.startswith(f"{root}/"):
            for job in jobs_of(context, root, formats):
                if job.path == path:
                    return job
    raise RenderError(f"no file {path} is rendered; see: zonewright render --stack NAME")


def _pools(known: Declaration) -> Mapping[str, tuple[str, str]]:
    """Owner and path of each network of a site by its prefix."""
    return {
        prefix: (owner, path)
        for owner, file in known.owners.items()
        for site_id, site in file.sites.items()
        for prefix, path in (
            *(
                (str(one.prefix), f"sites.{site_id}.address_pools.{key}.prefix")
                for key, one in site.address_pools.items()
            ),
            *((str(one.prefix), f"sites.{site_id}.networks.{key}.prefix") for key, one in site.networks.items()),
            *((f"{one}/{one.max_prefixlen}", f"sites.{site_id}.{where}") for where, one in site.all_loopbacks.items()),
        )
    }


def _origin(
    context: AnyContext, path: str, text: str, known: Declaration, pools: Mapping[str, tuple[str, str]]
) -> Origin:
    candidates = origins(context, path)
    for owner, declared in _candidates(candidates, context, known, pools):
        source = known.sources.get(f"{owner}/{declared}")
        if source is not None:
            return Origin(value=path, text=text, declared=declared, owner=owner, source=str(source))
    return Origin(
        value=path, text=text, declared=candidates[0].removeprefix("zone:").removeprefix("node:"), owner="", source=""
    )


def _node_paths(file: OwnerFile, name: str, field: str) -> Iterator[str]:
    """Where a node of a file is declared, the closest path first; with a field, that of its cluster."""
    for cluster_id, cluster in file.clusters.items():
        for node in nodes_of(cluster_id, cluster):
            if node.name == name:
                whole = f"clusters.{cluster_id}"
                yield from (f"{whole}.{field}",) if field else (f"{whole}.places.{node.number}", whole)
                return


def _candidates(
    candidates: Sequence[str], context: AnyContext, known: Declaration, pools: Mapping[str, tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    party = getattr(context, "party", None) or context.name
    owners = sorted(known.owners, key=lambda owner: (owner != party, owner))
    for candidate in candidates:
        kind, _, rest = candidate.partition(":")
        if kind == "zone":
            yield _ZONE, rest
        elif kind == "node":
            name, _, field = rest.partition(":")
            yield from ((owner, path) for owner in owners for path in _node_paths(known.owners[owner], name, field))
        elif kind == "prefix":
            if rest in pools:
                yield pools[rest]
        else:
            yield from ((owner, candidate) for owner in owners)
