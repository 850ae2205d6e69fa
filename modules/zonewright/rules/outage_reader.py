"""What a party is told of an outage: its own things, and what stands in racks that it operates."""

from collections import Counter

from zonewright.model.world import World
from zonewright.rules.outage import AffectedNode, OutageReport


def outage_for(report: OutageReport, world: World, party: str) -> OutageReport:
    """The report as a party may read it; of others it learns how many nodes there are, and nothing else.

    Args:
        report: the whole report.
        world: the facts that it was made from.
        party: the reader.
    """
    hidden: Counter[str] = Counter()

    def seen(word: str, items: tuple[AffectedNode, ...]) -> tuple[AffectedNode, ...]:
        found = tuple(one for one in items if party in (one.party, world.racks[one.rack].owner))
        hidden[word] += len(items) - len(found)
        return found

    down, stays = seen("down", report.down), seen("stays", report.stays)
    own = {one.rack for one in (*down, *stays)}
    overloaded = tuple(one for one in report.overloaded if one.owner == party or one.place in own)
    connections = tuple(one for one in report.connections if one.party == party)
    zone = world.zone
    used = {link for one in connections for link in one.path.split(", ")}
    links = tuple(
        one for one in report.links if zone is None or zone.links[one].owner == party or one in used or connections
    )
    return OutageReport(
        lost=report.lost,
        down=down,
        stays=stays,
        overloaded=overloaded,
        links=links,
        connections=connections,
        hidden=tuple(sorted((word, count) for word, count in hidden.items() if count)),
    )
