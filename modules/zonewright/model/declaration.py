"""A whole declaration: the zone's file and the files of its owners."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import Field

from zonewright.model.base import Declared, Identifier
from zonewright.model.cluster import Cluster
from zonewright.model.network import Duct, Link
from zonewright.model.offer import Offer
from zonewright.model.site import Site
from zonewright.model.zone import Zone


class OwnerFile(Declared):
    """What one party declares: an operator its sites, or its ducts and links; a tenant its clusters."""

    owner: Identifier
    """Id of the party."""
    sites: dict[Identifier, Site] = Field(default_factory=dict)
    """Sites by id."""
    ducts: dict[Identifier, Duct] = Field(default_factory=dict)
    """Ducts by id."""
    links: dict[Identifier, Link] = Field(default_factory=dict)
    """Links by id."""
    clusters: dict[Identifier, Cluster] = Field(default_factory=dict)
    """Clusters by id."""
    offers: dict[Identifier, Offer] = Field(default_factory=dict)
    """What an operator offers of its sites or ducts, by id. The first offer of a site or duct closes the rest of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a declared value stands: a file name (relative to the zone's folder) and a line counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        """``file:line``, as editors and compilers print it."""
        return f"{self.file}:{self.line}"


class SourcesByOwner(Mapping[str, Source]):
    """Sources of many owners, of which those of one are found without going through all."""

    @abstractmethod
    def of_owner(self, owner: str) -> Iterator[tuple[str, Source]]:
        """Path, without the owner, and source of each value of one owner's file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One zone file with one or more owner files.

    A stack's declaration has exactly one owner; a whole world (``zonewright check ZONE``) has all of them.

    Attributes:
        zone: the administrator's file.
        owners: owner files by party id, in order of party id.
        sources: where values stand, by ``owner/path`` (``tenant-fin/clusters.core.places.003``); empty for a
            declaration that was built in Python.
    """

    zone: Zone
    owners: Mapping[str, OwnerFile]
    sources: Mapping[str, Source] = field(default_factory=dict)

    def file_of(self, owner: str) -> str:
        """Name of an owner's file; empty for a declaration that was built in Python."""
        found = self.sources.get(f"{owner}/owner")
        return found.file if found is not None else ""

    def sources_of(self, owner: str) -> dict[str, str]:
        """``file:line`` by path within one owner's file, as findings name paths."""
        if isinstance(self.sources, SourcesByOwner):
            return {path: str(source) for path, source in self.sources.of_owner(owner)}
        prefix = f"{owner}/"
        mine = (path for path in self.sources if path.startswith(prefix))  # looking each of them up costs more
        return {path.removeprefix(prefix): str(self.sources[path]) for path in mine}
