"""What stacks have brought into the zone: sites, rows of racks, ducts, links and their names.

Assets are read once for each state of a site, under a number that the database draws again whenever one of them is
written (:data:`zonewright.ledger.store.tables.asset_version`). What follows from them alone is worked out once too,
for most changes are of tenants, who bring in nothing.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, Row, bindparam, select

from zonewright.ledger.store.asking import Question, answers
from zonewright.ledger.store.claim_text import ROW
from zonewright.ledger.store.documents import parse_asset
from zonewright.ledger.store.tables import asset, asset_version
from zonewright.model import Zone
from zonewright.model.asset import DuctAsset, LinkAsset, RowAsset, SiteAsset, asset_text
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.demand import Demand
from zonewright.model.expand import expand_ids
from zonewright.model.names import holders, names_in
from zonewright.model.world import ClusterFacts, DuctFacts, LinkFacts, NameFacts, NameKind, SiteFacts, Usage

WANTED, RESERVED = sys.maxsize, sys.maxsize - 1
"""Since when a stack has a name: by the number of its row, after all of those what is reserved, then what is wanted."""
PartyAtSite = tuple[str, str]
"""Party and site."""
Owned = tuple[str, str]
"""Stack and id, so that what two stacks call by one id are two things."""
_Facts = TypeVar("_Facts")
NUMBERS = Question(select(asset_version.c.site, asset_version.c.number), stays=True)
_ASSETS = (
    select(*(asset.c[name] for name in ROW), asset.c.id)
    .where(asset.c.site.in_(bindparam("sites", expanding=True)))
    .order_by(asset.c.site, asset.c.name, asset.c.state.desc(), asset.c.generation)
)
_KEPT = 8
"""Stacks with assets of which the parts are kept."""


@dataclass(frozen=True, slots=True)
class RowSums:
    """What a row adds to its room, in watts and rack units; a planned one adds its design only once it is in use."""

    room: str
    design_w: int
    baseline_w: int
    is_planned: bool
    units: int
    baseline_units: int


@lru_cache(maxsize=16_384)
def _row_sums(name: str, text: str) -> RowSums:
    item = parse_asset(text)
    if not isinstance(item, RowAsset):
        raise TypeError(name)
    row = item.row
    per_rack = min((feed.design_w for feed in row.feeds.values()), default=0)
    return RowSums(
        room=name.rsplit("/", 1)[0],
        design_w=row.racks * per_rack,
        baseline_w=sum(len(expand_ids(one.racks)) * one.allocated_draw for one in row.baseline.values()),
        is_planned="planned" in (row.status, item.room.status),
        units=row.racks * row.u_height,
        baseline_units=sum(len(expand_ids(one.racks)) * one.u_height for one in row.baseline.values()),
    )


@lru_cache(maxsize=16_384)
def _names_in(name: str, text: str) -> tuple[tuple[NameKind, str, str], ...]:
    return names_in(name, parse_asset(text))


@dataclass(slots=True)
class Part:
    """What some stacks bring into the zone.

    Attributes:
        sites: sites by stack and id.
        rows: sums of rows by stack and name.
        ducts: ducts by stack and id.
        links: links by stack and id.
        names: the names of all of them.
        claimed_w: watts claimed by room.
        connected: clusters that need connections.
        usage: watts claimed by party and site, where a rule of the zone asks.
        units: rack units claimed by party and site, in the same way.
        standing: the stack's own claims that have a resource, by site and node name, in the same way.
        assets: names of sites, rows, ducts and links, each with whether it is leaving.
        source: what all its assets were read as; None where a demand brings them, or there are none.
    """

    sites: dict[Owned, SiteFacts] = field(default_factory=dict)
    rows: dict[Owned, RowSums] = field(default_factory=dict)
    ducts: dict[Owned, DuctFacts] = field(default_factory=dict)
    links: dict[Owned, LinkFacts] = field(default_factory=dict)
    names: list[NameFacts] = field(default_factory=list)
    claimed_w: Counter[str] = field(default_factory=Counter)
    connected: tuple[ClusterFacts, ...] = ()
    usage: Counter[PartyAtSite] = field(default_factory=Counter)
    units: Counter[PartyAtSite] = field(default_factory=Counter)
    standing: dict[tuple[str, str], Usage] = field(default_factory=dict)
    assets: dict[str, bool] = field(default_factory=dict)
    source: "BroughtIn | None" = field(default=None, compare=False)

    def again(self) -> "Part":
        """The same assets, with nothing claimed, connected or reserved yet."""
        return Part(
            sites=self.sites,
            rows=self.rows,
            ducts=self.ducts,
            links=self.links,
            names=list(self.names),
            assets=self.assets,
            source=self.source,
        )

    def add(self, name: str, text: str, owner: str, *, stack: str, since: int, is_leaving: bool = False) -> None:
        """Add an asset from its canonical JSON; one that is leaving takes no link any more, and keeps its names."""
        item = parse_asset(text)
        self.assets[name] = self.assets.get(name, True) and is_leaving
        id_ = name.rsplit("/", 1)[-1]
        if isinstance(item, SiteAsset):
            self.sites[stack, name] = SiteFacts(owner=owner, site=item.site, is_leaving=is_leaving)
        elif isinstance(item, DuctAsset):
            self.ducts[stack, id_] = DuctFacts(owner=owner, duct=item.duct, is_leaving=is_leaving, offers=item.offers)
        elif isinstance(item, LinkAsset):
            self.links[stack, id_] = LinkFacts(owner=owner, link=item.link, is_leaving=is_leaving, offers=item.offers)
        else:
            self.rows[stack, name] = _row_sums(name, text)
        self.names += [
            NameFacts(kind=kind, name=held, party=owner, stack=stack, since=since, path=path)
            for kind, held, path in _names_in(name, text)
        ]


def wanted_part(demand: Demand, stack_id: str) -> Part:
    """The assets of a demand of a stack."""
    wanted = Part()
    for name, item in demand.assets.items():
        wanted.add(name, asset_text(item), demand.party, stack=stack_id, since=WANTED)
    return wanted


@dataclass(frozen=True, eq=False)
class SiteAssets:
    """All assets of a site, or all ducts or links, under the number that they were read under."""

    number: int
    rows: tuple[Row[Any], ...]

    @cached_property
    def text(self) -> tuple[str, str]:
        """Digest and text of them in canonical form, as a snapshot keeps them: as who had a name first."""
        rows = sorted(self.rows, key=lambda row: int(row.id))
        text = canonical_json([row_data(row) for row in rows])
        return digest_of(text), text


def row_data(row: Row[Any]) -> dict[str, Any]:
    """A claim or an asset as plain data, with the columns that a decision may look at."""
    return {**{name: getattr(row, name) for name in ROW if name != "data"}, "data": json.loads(row.data)}


@dataclass(frozen=True, eq=False)
class BroughtIn:
    """All assets of the zone, by site; those of ducts and links are sites of their own."""

    sites: Mapping[str, SiteAssets] = field(default_factory=dict)
    _parts: dict[str, tuple[Part, Part]] = field(default_factory=dict)

    def parts(self, stack_id: str) -> dict[bool, Part]:
        """What others have, under False, and what a stack has, under True."""
        key = stack_id if stack_id in self._owners else ""
        if (found := self._parts.get(key)) is None:
            if len(self._parts) >= _KEPT:
                self._parts.clear()
            found = self._parts[key] = self._split(key)
        others, own = found  # not what is kept now: another thread may have let go of it
        return {False: others.again(), True: own.again()}

    @cached_property
    def _owners(self) -> frozenset[str]:
        return frozenset(row.stack_id for one in self.sites.values() for row in one.rows)

    def _split(self, stack_id: str) -> tuple[Part, Part]:
        others, own = Part(source=self), Part(source=self if stack_id else None)
        for one in self.sites.values():
            for row in one.rows:
                part, is_leaving = own if row.stack_id == stack_id else others, row.state == "releasing"
                part.add(row.name, row.data, row.party, stack=row.stack_id, since=row.id, is_leaving=is_leaving)
        return others, own


_MEMORIES: WeakKeyDictionary[Engine, BroughtIn] = WeakKeyDictionary()


def brought_in(connection: Connection) -> BroughtIn:
    """All assets, as a transaction sees them; read again for sites that were written to.

    Args:
        connection: the transaction.
    """
    numbers = {row.site: row.number for row in answers(connection, NUMBERS)}
    known = _MEMORIES.get(connection.engine, BroughtIn())
    if numbers == {site: one.number for site, one in known.sites.items()}:
        return known
    found = {site: one for site, one in known.sites.items() if numbers.get(site) == one.number}
    rows: dict[str, list[Any]] = {site: [] for site in numbers.keys() - found.keys()}
    for row in connection.execute(_ASSETS, {"sites": sorted(rows)}):
        rows[row.site].append(row)
    found |= {site: SiteAssets(numbers[site], tuple(some)) for site, some in rows.items()}
    made = _MEMORIES[connection.engine] = BroughtIn(dict(sorted(found.items())))
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What follows from what some stacks bring in, whatever is claimed of it; fields as in ``ZoneFacts``.

    Attributes:
        names: all names.
        sites: sites by id.
        rows: sums of rows by name.
        ducts: ducts by id.
        links: links by id.
        contested: links whose id belongs to another stack.
        all_links: all links, by stack and id.
    """

    names: tuple[NameFacts, ...]
    sites: Mapping[str, SiteFacts]
    rows: Mapping[str, RowSums]
    ducts: Mapping[str, DuctFacts]
    links: Mapping[str, LinkFacts]
    contested: tuple[tuple[str, LinkFacts], ...]
    all_links: Mapping[Owned, LinkFacts]


_LAST: list[tuple[Zone, BroughtIn, list[NameFacts], Frame]] = []
"""The last frame of somebody who brings in nothing."""


def frame_of(zone_file: Zone, parts: Sequence[Part]) -> Frame:
    """The frame of some parts; the same object where only others bring in something, and nothing of it changed.

    Args:
        zone_file: the administrator's file.
        parts: of everybody else, and of the stack whose change it is.
    """
    others, *own = parts
    is_kept = others.source is not None and not any(part.assets or part.names for part in own)
    for zone, source, names, frame in _LAST[:1] if is_kept else ():
        if zone is zone_file and source is others.source and names == others.names:
            return frame
    made = _framed(zone_file, parts)
    if is_kept and others.source is not None:
        _LAST[:] = [(zone_file, others.source, others.names, made)]
    return made


def _framed(zone_file: Zone, parts: Iterable[Part]) -> Frame:
    names = tuple(one for part in parts for one in part.names)
    stacks = holders(zone_file, names)

    def owned(kind: NameKind, found: Iterable[tuple[Owned, _Facts]]) -> dict[str, _Facts]:
        return {id_: facts for (stack, id_), facts in found if stacks[kind, id_] == stack}

    links = {key: facts for part in parts for key, facts in part.links.items()}
    return Frame(
        names=names,
        sites=owned("site", ((key, facts) for part in parts for key, facts in part.sites.items())),
        rows=owned("row", ((key, sums) for part in parts for key, sums in part.rows.items())),
        ducts=owned("duct", ((key, facts) for part in parts for key, facts in part.ducts.items())),
        links=owned("link", links.items()),
        contested=tuple((id_, facts) for (stack, id_), facts in links.items() if stacks["link", id_] != stack),
        all_links=links,
    )
