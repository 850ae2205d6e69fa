"""What assets were called before: whoever still names them so means what has the new name. Data in, data out."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from zonewright.model.asset import DUCTS, AnyAsset, DuctAsset, LinkAsset, SiteAsset
from zonewright.model.cluster import Cluster
from zonewright.model.declaration import OwnerFile
from zonewright.model.demand import ClusterDemand, Demand
from zonewright.model.rule_pack import AsFound, Waiver
from zonewright.model.site import Site
from zonewright.model.zone import Zone

_Follow = Callable[[str], str]
_ROW = 3
"""How many ids the name of a row has."""


@dataclass(frozen=True, slots=True)
class FormerNames:
    """Names of sites, rows and ducts that are other names now.

    Attributes:
        now: name that an asset has by a name that it had, such as ``dc1/a/07`` or ``ducts/d-01``.
        readings: the id that readings of a site may still be stored under, by its id.

    Example:
        >>> former = FormerNames({"dc1": "hall", "hall/a/07": "hall/a/01"})
        >>> former.follow("dc1/a/07/12"), former.follow("dc1"), former.follow("ducts/d-01")
        ('hall/a/01/12', 'hall', 'ducts/d-01')
    """

    now: Mapping[str, str] = field(default_factory=dict)
    readings: Mapping[str, str] = field(default_factory=dict)

    def follow(self, path: str) -> str:
        """An asset, or a rack of one, as it is called now."""
        seen: set[str] = set()
        while (key := self._key(path)) and path not in seen:
            seen.add(path)
            path = self.now[key] + path[len(key) :]
        return path

    def _key(self, path: str) -> str:
        """The name in a path that is another one now; empty where none is. A row says more than its site."""
        if not self.now:
            return ""
        parts = path.split("/")
        lengths = (2,) if parts[0] == DUCTS else (_ROW, 1)
        found = ("/".join(parts[:length]) for length in lengths if len(parts) >= length)
        return next((name for name in found if name in self.now), "")

    def site_of_readings(self, stored: str) -> str:
        """The id that a site has now whose readings are stored under an id."""
        return next((site for site, before in self.readings.items() if before == stored), self.follow(stored))

    def demand(self, demand: Demand) -> Demand:
        """A demand with all that it names called as it is now; what it brings itself keeps its names."""
        if not self.now or not (used := self.used_in(demand)):
            return demand
        return demand.told_as(*_told(demand, self.follow), formerly=used)

    def asset(self, asset: AnyAsset) -> AnyAsset:
        """An asset, in the same way."""
        return _asset(asset, self.follow) if self.now else asset

    def file(self, file: OwnerFile) -> OwnerFile:
        """What an owner declares, in the same way."""
        if not self.now:
            return file
        ducts = {name: _asset(DuctAsset(duct=one), self.follow) for name, one in file.ducts.items()}
        links = {name: _asset(LinkAsset(link=one), self.follow) for name, one in file.links.items()}
        return file.model_copy(
            update={
                "sites": {name: _site(one, self.follow) for name, one in file.sites.items()},
                "ducts": {name: one.duct for name, one in ducts.items() if isinstance(one, DuctAsset)},
                "links": {name: one.link for name, one in links.items() if isinstance(one, LinkAsset)},
                "clusters": {name: _cluster(one, self.follow) for name, one in file.clusters.items()},
            }
        )

    def zone(self, zone: Zone) -> Zone:
        """The administrator's file, with what its waivers and breaches as found name called as it is now."""
        if not self.now or not (zone.waivers or zone.as_found):
            return zone
        waivers = {name: one.model_copy(update=self._subjects(one)) for name, one in zone.waivers.items()}
        found = {name: one.model_copy(update=self._subjects(one)) for name, one in zone.as_found.items()}
        return zone.model_copy(update={"waivers": waivers, "as_found": found})

    def used_by(self, zone: Zone) -> set[str]:
        """The former names that the administrator's file uses."""
        covers: list[Waiver | AsFound] = [*zone.waivers.values(), *zone.as_found.values()]
        named = (name for one in covers for name in one.subjects)
        keys = (self._key(f"{before}{name}") for name in named for before in ("", f"{DUCTS}/"))
        return {key for key in keys if key}

    def _subjects(self, one: Waiver | AsFound) -> dict[str, tuple[str, ...]]:
        """What a waiver is for; findings call a duct by its id alone."""
        ducts = (self.follow(f"{DUCTS}/{self.follow(name)}").removeprefix(f"{DUCTS}/") for name in one.subjects)
        return {"subjects": tuple(ducts)}

    def used_in(self, demand: Demand) -> dict[str, str]:
        """The former names that a demand uses, each with the name that the asset has now."""
        used: dict[str, str] = {}

        def note(path: str) -> str:
            seen: set[str] = set()
            while (key := self._key(path)) and path not in seen:
                seen.add(path)
                used[key] = self.follow(key)
                path = self.now[key] + path[len(key) :]
            return path

        _told(demand, note)
        return used

    def renamed(self, names: Mapping[str, str]) -> "FormerNames":
        """These, after assets got other names.

        Args:
            names: new name by old name; rows by the name that their site has then.
        """
        found = dict(self.now)
        for old, new in names.items():
            step = FormerNames({old: new})
            rows = {key: name for key, name in found.items() if key.startswith(f"{old}/")}
            found |= {step.follow(key): name for key, name in rows.items()}  # by who followed the site, and not the row
            found = {key: step.follow(name) for key, name in found.items() if key != new}
            found[old] = new
        readings = dict(self.readings)
        for old, new in names.items():
            if "/" not in new:
                readings[new] = readings.pop(old, old)
        return FormerNames(
            {key: name for key, name in found.items() if key != name},
            {site: before for site, before in readings.items() if site != before},
        )


def former_in_files(files: Iterable[OwnerFile]) -> FormerNames:
    """What files say of former names, of those that none of them declares.

    Args:
        files: what owners declare.
    """
    files = tuple(files)
    present = {name for file in files for name in (*file.sites, *(f"{DUCTS}/{one}" for one in file.ducts))}
    found: dict[str, str] = {}
    for file in files:
        found |= {f"{DUCTS}/{old}": f"{DUCTS}/{name}" for name, duct in file.ducts.items() for old in duct.was}
        for site_id, site in file.sites.items():
            found |= dict.fromkeys(site.was, site_id)
            for room_id, room in site.rooms.items():
                for name, row in room.rows.items():  # a range was nothing: its rows would have one former name
                    olds = (f"{site_id}/{one}" if "/" in one else f"{site_id}/{room_id}/{one}" for one in row.was)
                    found |= dict.fromkeys(olds, f"{site_id}/{room_id}/{name}")
    return FormerNames({old: name for old, name in found.items() if old not in present})


def _told(demand: Demand, follow: _Follow) -> tuple[dict[str, AnyAsset], dict[str, ClusterDemand]]:
    """The assets and clusters of a demand, with what they name called otherwise."""
    assets = {name: _asset(item, follow) for name, item in demand.assets.items()}
    clusters = {
        name: ClusterDemand(cluster=_cluster(one.cluster, follow), node_type=one.node_type)
        for name, one in demand.clusters.items()
    }
    return assets, clusters


def _cluster(cluster: Cluster, follow: _Follow) -> Cluster:
    places = {number: place.model_copy(update={"rack": follow(place.rack)}) for number, place in cluster.places.items()}
    connections = {name: one.model_copy(update={"to": follow(one.to)}) for name, one in cluster.connections.items()}
    return cluster.model_copy(update={"site": follow(cluster.site), "places": places, "connections": connections})


def _asset(asset: AnyAsset, follow: _Follow) -> AnyAsset:
    def duct(name: str) -> str:
        return follow(f"{DUCTS}/{name}").rpartition("/")[2]

    if isinstance(asset, LinkAsset):
        link = asset.link
        ends = {"a": follow(link.a), "b": follow(link.b)}
        panels = tuple(
            f"{follow(site)}/{panel}" for site, _, panel in (one.partition("/") for one in link.power_panels)
        )
        ducts = tuple(map(duct, link.ducts))
        return asset.model_copy(
            update={"link": link.model_copy(update={**ends, "ducts": ducts, "power_panels": panels})}
        )
    if isinstance(asset, DuctAsset):
        found = asset.duct
        near = {end: follow(name) for end in ("a", "b") if (name := getattr(found, end)) is not None}
        return asset.model_copy(update={"duct": found.model_copy(update=near)})
    if isinstance(asset, SiteAsset) and (site := _site(asset.site, follow)) is not asset.site:
        return asset.model_copy(update={"site": site})
    return asset


def _site(site: Site, follow: _Follow) -> Site:
    """A site whose VLANs name other sites; most name none, and are the same object."""
    if not any(vlan.sites for vlan in site.vlans.values()):
        return site
    vlans = {
        name: vlan.model_copy(update={"sites": tuple(map(follow, vlan.sites))}) for name, vlan in site.vlans.items()
    }
    return site.model_copy(update={"vlans": vlans})
