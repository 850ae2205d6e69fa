"""Rules about who stands beside whom: apart, together, exclusive, classes of protection."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from zonewright.model.cluster import WideScope
from zonewright.model.world import ClusterFacts, Occupant
from zonewright.rules.counted import COUNTED
from zonewright.rules.rule import Rule
from zonewright.rules.spread import domain_of
from zonewright.rules.view import Breach, View, movable, participants_of
from zonewright.rules.words import count_of, listed


def wide_domain(rack_id: str, scope: WideScope, view: View) -> str:
    """Id of the rack, row, room, site or district that a rack is in; of a site that is not known, the site."""
    site_id = rack_id.partition("/")[0]
    if scope == "site":
        return site_id
    if scope == "district":
        facts = view.zone.sites.get(site_id) if view.zone is not None else None
        return facts.site.district if facts is not None else site_id
    return domain_of(rack_id, scope)


def _nodes(view: View, cluster: ClusterFacts, name: str) -> list[Occupant]:
    everyone = view.in_cluster.get((cluster.party, cluster.stack, name), ())
    return sorted((item for item in everyone if item.standing in COUNTED), key=lambda item: item.name)


def apart(view: View) -> Iterator[Breach]:
    """No node of a cluster shares a domain with a node of a cluster that it must be apart from."""
    for cluster in view.clusters:
        for relation in cluster.apart_from:
            own, others = _nodes(view, cluster, cluster.name), _nodes(view, cluster, relation.cluster)
            taken = {wide_domain(item.rack, relation.scope, view) for item in others}
            inside = [item for item in own if wide_domain(item.rack, relation.scope, view) in taken]
            if inside:
                names = listed([item.name for item in inside])
                domains = sorted({wide_domain(item.rack, relation.scope, view) for item in inside})
                beside = [item for item in others if wide_domain(item.rack, relation.scope, view) in set(domains)]
                yield Breach(
                    subject=cluster.name,
                    where=inside[0].path or cluster.path,
                    message=(
                        f"{count_of(len(inside), 'node')} of {cluster.name} and {count_of(len(beside), 'node')} of "
                        f"{relation.cluster} share {relation.scope} {listed(domains)}; they must be apart"
                    ),
                    value=len(inside),
                    limit=0,
                    unit="nodes",
                    excess=len(inside),
                    participants=participants_of([*inside, *beside]),
                    fix=f"move {names} to a {relation.scope} without {relation.cluster}",
                )


APART = Rule(
    id="apart",
    title="Clusters that must be apart share no domain.",
    level="mandatory",
    description=(
        "Each entry of `apart_from` names another cluster of the same party and a scope: rack, row, room, "
        "site or district. Value is the number of the cluster's own nodes in a domain where the other "
        "cluster has a node."
    ),
    unit="nodes",
    reference="pod anti-affinity of Kubernetes with a topology key, taken to racks, rooms, sites and districts",
    function=apart,
)


def together(view: View) -> Iterator[Breach]:
    """All nodes of a cluster and of those it must be with stand in one domain."""
    for cluster in view.clusters:
        for relation in cluster.together_with:
            nodes = [*_nodes(view, cluster, cluster.name), *_nodes(view, cluster, relation.cluster)]
            counts = Counter(wide_domain(item.rack, relation.scope, view) for item in nodes)
            if len(counts) > 1:
                home = max(sorted(counts), key=counts.__getitem__)
                outside = [item for item in nodes if wide_domain(item.rack, relation.scope, view) != home]
                yield Breach(
                    subject=cluster.name,
                    where=outside[0].path or cluster.path,
                    message=(
                        f"{cluster.name} and {relation.cluster} stand in {count_of(len(counts), relation.scope)}; "
                        f"they must share one: {count_of(len(outside), 'node')} outside {home}"
                    ),
                    value=len(counts),
                    limit=1,
                    unit=f"{relation.scope}s",
                    excess=len(counts) - 1,
                    participants=participants_of(nodes),
                    fix=f"move {listed([item.name for item in outside])} to {relation.scope} {home}",
                )


TOGETHER = Rule(
    id="together",
    title="Clusters that belong together share one domain.",
    level="mandatory",
    description=(
        "Each entry of `together_with` names another cluster of the same party and a scope. All nodes of "
        "both clusters stand in one rack, row, room, site or district. Value is the number of domains that "
        "they use."
    ),
    unit="racks, rows, rooms, sites or districts",
    reference="pod affinity of Kubernetes with a topology key; ColocateGroups of Meta's Rebalancer",
    function=together,
)


def exclusive(view: View) -> Iterator[Breach]:
    """Nothing of another party stands in a domain that a cluster wants for its party alone."""
    holders: dict[tuple[str, str], list[Occupant]] = defaultdict(list)
    for item in (*view.world.bystanders.exclusive, *view.world.occupants):
        if item.exclusive is not None and item.blocks_units:
            holders[domain_of(item.rack, item.exclusive), item.party].append(item)
    if not holders:
        return
    scopes = {item.exclusive for group in holders.values() for item in group if item.exclusive is not None}
    inside: dict[str, list[Occupant]] = defaultdict(list)
    domains = {domain for domain, _ in holders}
    for item in view.world.everybody:
        for scope in scopes:
            domain = domain_of(item.rack, scope)
            if domain in domains and item.blocks_units:
                inside[domain].append(item)
    for (domain, party), group in sorted(holders.items()):
        intruders = [item for item in inside[domain] if item.party != party]
        if intruders:
            yield _not_alone(domain, group, intruders)


EXCLUSIVE = Rule(
    id="exclusive",
    title="If a cluster wants a domain for its party alone, nothing of another party stands in it.",
    level="mandatory",
    description=(
        "`exclusive` of a cluster names a scope: rack, row or room. The rule applies to nodes that come "
        "later and to everything that already stands there, including baseline."
    ),
    unit="nodes",
    reference="ExclusiveGroups of Meta's Rebalancer; cage and private-suite contracts",
    function=exclusive,
)


def _not_alone(domain: str, holders: Sequence[Occupant], intruders: Sequence[Occupant]) -> Breach:
    scope = holders[0].exclusive
    what = "thing" if any(item.standing == "baseline" for item in intruders) else "node"
    able = movable(intruders)
    if able and able[0].path:
        acting = able[0]
        message = (
            f"{scope} {domain} is exclusive to another party, and {listed([item.name for item in able])} "
            "would stand in it"
        )
        fix = f"choose another {scope} for {listed([item.name for item in able])}"
    else:
        acting = next((item for item in holders if item.path), holders[0])
        cluster = acting.cluster or acting.name
        message = (
            f"{cluster} wants {scope} {domain} for itself, and {count_of(len(intruders), what)} of another party "
            f"{'stands' if len(intruders) == 1 else 'stand'} in it"
        )
        fix = f"place {cluster} in a {scope} that is empty, or ask for a smaller domain"
    return Breach(
        subject=domain,
        where=acting.path,
        message=message,
        value=len(intruders),
        limit=0,
        unit="nodes",
        excess=len(intruders),
        participants=participants_of([*holders, *intruders]),
        fix=fix,
    )


def class_separation(view: View) -> Iterator[Breach]:
    """No rack mixes what must be protected from a level on with what is below it."""
    limit = view.zone.zone.limit("separated-protection-level") if view.zone is not None else None
    if limit is None:
        return
    level = int(limit.value)
    for rack_id, occupants in view.in_rack.items():
        levels = {item.protection_level for item in occupants}
        if max(levels, default=0) < level or min(levels) >= level:
            continue
        present = [item for item in occupants if item.blocks_units]
        below = [item for item in present if item.protection_level < level]
        if below and len(below) < len(present):
            yield _mixed(rack_id, below, [item for item in present if item.protection_level >= level], level)


CLASS_SEPARATION = Rule(
    id="class-separation",
    title="A rack does not mix protection levels across the limit.",
    level="mandatory",
    description=(
        "The rule pack's `separated-protection-level` names a level. Nodes and baseline of that level or "
        "above share no rack with any below it. Value is the number of nodes on the smaller side."
    ),
    unit="nodes",
    reference="MLPS 2.0, GB/T 22239-2019 (levels 1 to 5): zoned separation of level 3 systems",
    function=class_separation,
)


def _mixed(rack_id: str, below: Sequence[Occupant], above: Sequence[Occupant], level: int) -> Breach:
    smaller = min((below, above), key=lambda group: (not movable(group), len(group)))
    able = movable(smaller)  # the smaller of those that can be moved, where any can
    acting = next((item for item in able if item.path), None)
    is_below = acting is not None and acting.protection_level < level
    wanted = f"below level {level}" if is_below else f"of level {level} or above"
    return Breach(
        subject=rack_id,
        where=acting.path if acting is not None else next(item.path for item in (*below, *above)),
        message=(
            f"rack {rack_id} mixes protection levels: {_levels(above)} beside {_levels(below)}; from level {level} on "
            "a rack is not shared with lower ones"
        ),
        value=len(smaller),
        limit=0,
        unit="nodes",
        excess=len(smaller),
        participants=participants_of([*([acting] if acting else []), *below, *above]),
        fix=(
            f"move {listed([item.name for item in able if item.path])} to a rack that holds only what is {wanted}"
            if acting is not None
            else "ask the parties in this rack to move one of them"
        ),
    )


def _levels(items: Iterable[Occupant]) -> str:
    counts = Counter(item.protection_level for item in items)
    return " and ".join(f"{count_of(count, 'node')} of level {level}" for level, count in sorted(counts.items()))
