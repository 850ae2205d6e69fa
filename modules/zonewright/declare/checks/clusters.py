"""Cross checks of what a tenant declares: the site, rooms, racks and node type of each cluster, and node numbers."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from zonewright.declare.checks.known import Known
from zonewright.declare.checks.sites import RowIndex
from zonewright.declare.problem import Fault, Path, one_of, shown, unknown
from zonewright.model import Cluster, OwnerFile, Row, Site
from zonewright.model.expand import nodes_of, rack_number
from zonewright.model.limits import NODES

_WIDTH = ("rack", "row", "room", "site", "district")


def cluster_faults(known: Known, owner: str, file: OwnerFile, indexes: Mapping[str, RowIndex]) -> Iterator[Fault]:
    """Faults of the clusters of one owner.

    Args:
        known: what there is.
        owner: the tenant.
        file: what it declares.
        indexes: rows by owner.
    """
    total = sum(cluster.count for cluster in file.clusters.values())
    if total > NODES.most:
        expected = f"at most {NODES.most:,} nodes in the file of one owner"
        yield Fault(
            owner=owner,
            path=("clusters",),
            what="too many nodes",
            expected=expected,
            got=f"{total:,}",
            fix="reduce them",
        )
    yield from _former_ids(known, owner, file)
    if total <= NODES.most:
        yield from _host_names(known, owner, file)
    for cluster_id, cluster in file.clusters.items():
        path: Path = ("clusters", cluster_id)
        yield from _node_type(known, owner, path, cluster)
        yield from _ports(known, owner, path, cluster)
        yield from _numbers(known, owner, path, cluster)
        yield from _relations(known, owner, path, cluster, file)
        yield from _connections(known, owner, path, cluster)
        found = known.site(cluster.site)
        if found is None and not known.site_may_exist(cluster.site):
            yield unknown("site", cluster.site, known.site_ids(), owner=owner, path=(*path, "site"))
            continue
        yield from _within(owner, path, cluster)
        if found is not None:
            site_owner, site = found
            yield from _rooms(known, owner, path, cluster, site_owner=site_owner, site=site)
            yield from _racks(known, owner, path, cluster, site=site, site_owner=site_owner, index=indexes[site_owner])


def _node_type(known: Known, owner: str, path: Path, cluster: Cluster) -> Iterator[Fault]:
    name = cluster.node_type
    if known.zone is not None and name not in known.zone.node_types and not known.unsure("", ("node_types", name)):
        fix = "add the node type to zone.yaml"
        names = known.zone.node_types
        yield unknown("node type", name, names, owner=owner, path=(*path, "node_type"), otherwise=fix)


def _ports(known: Known, owner: str, path: Path, cluster: Cluster) -> Iterator[Fault]:
    """Ports whose MAC addresses are told are ports of the node type."""
    node_type = known.zone.node_types.get(cluster.node_type) if known.zone is not None else None
    if node_type is None:
        return
    names = [one.name for one in node_type.interfaces]
    for number, place in cluster.places.items():
        for index, port in enumerate(one.name for one in place.interfaces):
            if port not in names:
                where = (*path, "places", number, "interfaces", str(index), "name")
                fix = f"name it in 'interfaces' of node type {cluster.node_type}"
                yield unknown("port", port, names, owner=owner, path=where, otherwise=fix)


def _numbers(known: Known, owner: str, path: Path, cluster: Cluster) -> Iterator[Fault]:
    """Node numbers that are chosen or left out are numbers of the cluster, each given once."""
    if known.unsure(owner, (*path, "count")):
        return
    seen: set[str] = set()
    for index, number in enumerate(cluster.without):
        yield from _number(owner, (*path, "without", str(index)), number, cluster)
        if number in seen:
            yield Fault(
                owner=owner,
                path=(*path, "without", str(index)),
                what="a node number that is left out twice",
                expected="each number once",
                got=shown(number),
                fix="delete one of them",
            )
        seen.add(number)
    for number in cluster.places:
        yield from _number(owner, (*path, "places", number), number, cluster)
        if number in seen:
            yield Fault(
                owner=owner,
                path=(*path, "places", number),
                what="a place for a node that is left out",
                expected="a node that the cluster has",
                got=f"'{number}', which 'without' names",
                fix="delete the place, or remove the number from 'without'",
            )

    for section in ("names", "nodes_were"):
        for number in getattr(cluster, section):
            yield from _number(owner, (*path, section, number), number, cluster)


def _former_ids(known: Known, owner: str, file: OwnerFile) -> Iterator[Fault]:
    """What a cluster was is no cluster of the file any more, and no other one was it."""
    seen: dict[str, str] = {}
    for cluster_id, cluster in file.clusters.items():
        path: Path = ("clusters", cluster_id, "was")
        for former in cluster.was:
            if known.unsure(owner, ("clusters", former)):
                continue
            if former in file.clusters:
                yield Fault(
                    owner=owner,
                    path=path,
                    what="a former id that is declared too",
                    expected="the id of a cluster that is not in this file any more",
                    got=shown(former),
                    fix=f"delete the cluster '{former}', which '{cluster_id}' is now, or delete 'was'"
                    if former != cluster_id
                    else "delete 'was'",
                )
            if former in seen:
                yield Fault(
                    owner=owner,
                    path=path,
                    what="a former id of two clusters",
                    expected=f"an id that no other cluster was, because '{seen[former]}' was it",
                    got=shown(former),
                    fix="delete one of them",
                )
            seen.setdefault(former, cluster_id)
    yield from _former_nodes(known, owner, file)


def _former_nodes(known: Known, owner: str, file: OwnerFile) -> Iterator[Fault]:
    """What a node was is no node of the file any more, and no other one was it."""
    if not any(cluster.nodes_were for cluster in file.clusters.values()):
        return
    sure = {name: one for name, one in file.clusters.items() if not known.unsure(owner, ("clusters", name))}
    names = {node.name for name, one in sure.items() for node in nodes_of(name, one)}
    seen: dict[str, str] = {}
    for cluster_id, cluster in sure.items():
        for number, former in ((number, one) for number, each in cluster.former_nodes.items() for one in each):
            path: Path = ("clusters", cluster_id, "nodes_were", number)
            if former in names:
                yield Fault(
                    owner=owner,
                    path=path,
                    what="a former name that is declared too",
                    expected="the name of a node that is not in this file any more",
                    got=shown(former),
                    fix="leave its number out of its cluster with 'without', or delete this line",
                )
            if former in seen:
                yield Fault(
                    owner=owner,
                    path=path,
                    what="a former name of two nodes",
                    expected=f"a name that no other node was, because {seen[former]} was it",
                    got=shown(former),
                    fix="delete one of them",
                )
            seen.setdefault(former, f"node {number} of '{cluster_id}'")


def _host_names(known: Known, owner: str, file: OwnerFile) -> Iterator[Fault]:
    """Each host name is of one node; without names of one's own it cannot be otherwise."""
    if not any(cluster.names for cluster in file.clusters.values()):
        return
    seen: dict[str, str] = {}
    for cluster_id, cluster in file.clusters.items():
        if known.unsure(owner, ("clusters", cluster_id)):
            continue
        for node in nodes_of(cluster_id, cluster):
            other = seen.setdefault(node.name, f"{cluster_id} {node.number}")
            if other != f"{cluster_id} {node.number}":
                is_given = node.number in cluster.names
                yield Fault(
                    owner=owner,
                    path=("clusters", cluster_id, *(("names", node.number) if is_given else ())),
                    what="a host name of two nodes",
                    expected=f"another name than that of node {other.rpartition(' ')[2]} of '{other.split(' ')[0]}'",
                    got=shown(node.name),
                    fix="give one of them another name",
                )


def _relations(known: Known, owner: str, path: Path, cluster: Cluster, file: OwnerFile) -> Iterator[Fault]:
    """Clusters that it must be apart from or together with are others of the same file, and not both at once."""
    own = path[-1]
    for section in ("apart_from", "together_with", "distances"):
        for index, relation in enumerate(getattr(cluster, section)):
            relation_path = (*path, section, str(index), "cluster")
            others = [name for name in file.clusters if name != own]
            if relation.cluster not in others and not known.unsure(owner, ("clusters", relation.cluster)):
                yield unknown("cluster other than this one", relation.cluster, others, owner=owner, path=relation_path)
    for index, name in enumerate(cluster.survives.with_clusters if cluster.survives is not None else ()):
        others = [one for one in file.clusters if one != own]
        if name not in others and not known.unsure(owner, ("clusters", name)):
            where = (*path, "survives", "with_clusters", str(index))
            yield unknown("cluster other than this one", name, others, owner=owner, path=where)
    for index, wanted in enumerate(cluster.together_with):
        for refused in cluster.apart_from:
            if refused.cluster == wanted.cluster and _WIDTH.index(refused.scope) >= _WIDTH.index(wanted.scope):
                yield Fault(
                    owner=owner,
                    path=(*path, "together_with", str(index)),
                    what="clusters that must be together and apart at once",
                    expected=f"a scope wider than '{refused.scope}', in which they must be apart",
                    got=shown(wanted.scope),
                    fix="delete one of the two, or choose other scopes",
                )


def _connections(known: Known, owner: str, path: Path, cluster: Cluster) -> Iterator[Fault]:
    for name, connection in cluster.connections.items():
        to_path = (*path, "connections", name, "to")
        if known.site(connection.to) is None and not known.site_may_exist(connection.to):
            yield unknown("site", connection.to, known.site_ids(), owner=owner, path=to_path)
        if connection.to == cluster.site:
            yield Fault(
                owner=owner,
                path=to_path,
                what="a connection of a site to itself",
                expected=f"another site than {cluster.site}",
                got=shown(connection.to),
                fix="correct the site",
            )


def _number(owner: str, path: Path, number: str, cluster: Cluster) -> Iterator[Fault]:
    canonical = f"{int(number):03}"
    if canonical == number and 1 <= int(number) <= cluster.count:
        return
    in_range = 1 <= int(number) <= cluster.count
    yield Fault(
        owner=owner,
        path=path,
        what="a node number that the cluster does not have",
        expected=f"'001' to '{cluster.count:03}'",
        got=shown(number),
        fix=f"write '{canonical}'" if in_range else "correct the number, or raise 'count'",
    )


def _within(owner: str, path: Path, cluster: Cluster) -> Iterator[Fault]:
    """Chosen places are in the cluster's own site and rooms."""
    for number, place in cluster.places.items():
        site_id, room_id, _, _ = place.rack.split("/")
        if site_id != cluster.site:
            yield Fault(
                owner=owner,
                path=(*path, "places", number, "rack"),
                what="a rack of another site",
                expected=f"a rack of the cluster's site '{cluster.site}'",
                got=shown(place.rack),
                fix="choose a rack of that site, or make another cluster for the other site",
            )
        elif cluster.rooms and room_id not in cluster.rooms:
            yield Fault(
                owner=owner,
                path=(*path, "places", number, "rack"),
                what="a rack outside the cluster's rooms",
                expected=f"a rack of room {one_of(cluster.rooms)}",
                got=shown(place.rack),
                fix=f"choose another rack, or add '{room_id}' to 'rooms'",
            )


def _rooms(known: Known, owner: str, path: Path, cluster: Cluster, *, site_owner: str, site: Site) -> Iterator[Fault]:
    for index, room_id in enumerate(cluster.rooms):
        if room_id not in site.rooms and not known.unsure(site_owner, ("sites", cluster.site, "rooms", room_id)):
            room_path = (*path, "rooms", str(index))
            yield unknown(f"room of {cluster.site}", room_id, site.rooms, owner=owner, path=room_path)


def _racks(
    known: Known, owner: str, path: Path, cluster: Cluster, *, site: Site, site_owner: str, index: RowIndex
) -> Iterator[Fault]:
    """Racks of chosen places exist, as far as what they stand in is known."""
    for number, place in cluster.places.items():
        site_id, room_id, _, _ = place.rack.split("/")
        rack_path = (*path, "places", number, "rack")
        room_path = ("sites", site_id, "rooms", room_id)
        if site_id != cluster.site:
            continue
        room = site.rooms.get(room_id)
        if room is None:
            if not known.unsure(site_owner, room_path):
                yield unknown(f"room of {site_id}", room_id, site.rooms, owner=owner, path=rack_path)
        elif (site_id, room_id) not in index.unsure and not known.unsure(site_owner, (*room_path, "rows")):
            yield from _rack(owner, rack_path, place.rack, index.rows[site_id, room_id])


@lru_cache(maxsize=256)
def _rack_ids(racks: int) -> frozenset[str]:
    """The ids of so many racks of a row."""
    return frozenset(rack_number(number) for number in range(1, racks + 1))


def _rack(owner: str, path: Path, rack: str, rows: Mapping[str, Row]) -> Iterator[Fault]:
    site_id, room_id, row_id, rack_id = rack.split("/")
    row = rows.get(row_id)
    if row is None:
        yield unknown(f"row of {site_id}/{room_id}", row_id, rows, owner=owner, path=path)
    elif rack_id not in _rack_ids(row.racks):
        yield Fault(
            owner=owner,
            path=path,
            what="a rack that the row does not have",
            expected=f"{site_id}/{room_id}/{row_id}/01 to {rack_number(row.racks)}",
            got=shown(rack),
            fix="correct the number of the rack",
        )
