"""The rule about where the two feeds of a rack come from."""

from collections import Counter
from collections.abc import Iterator

from zonewright.rules.finding import Participant
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View
from zonewright.rules.words import count_of


def feed_diversity(view: View) -> Iterator[Breach]:
    """The two feeds of a rack in a data centre come from two panels and two substations."""
    if view.zone is None:
        return
    pairs = Counter(
        (rack.site, rack.feeds["A"].power_panel, rack.feeds["B"].power_panel)
        for rack in view.racks.values()
        if len(rack.feeds) > 1
    )
    for (site_id, on_a, on_b), racks in sorted(pairs.items()):
        facts = view.zone.sites.get(site_id)
        if facts is None or facts.site.kind != "data-centre":
            continue
        panels = facts.site.power_panels
        substations = {panels[panel].substation for panel in (on_a, on_b) if panel in panels}
        if on_a == on_b:
            shared, fix = f"panel {on_a}", f"connect feed B of these racks to a panel other than {on_a}"
        elif len(substations) == 1:
            shared = f"substation {substations.pop()} (panels {on_a} and {on_b})"
            fix = f"supply {on_b} from another substation or bus section"
        else:
            continue
        yield Breach(
            subject=site_id,
            where=f"sites.{site_id}.power_panels.{on_b}",
            message=(
                f"feeds A and B of {count_of(racks, 'rack')} at {site_id} both come from {shared}: one failure "
                "takes both"
            ),
            value=1,
            limit=2,
            unit="sources",
            excess=1,
            participants=(Participant(party=facts.owner, name=site_id),),
            fix=fix,
        )


FEED_DIVERSITY = Rule(
    id="feed-diversity",
    title="The two feeds of a rack come from different panels and substations.",
    level="mandatory",
    description=(
        "The rule judges data centres, for each pair of panels that supply racks. Feeds of one panel, or of "
        "two panels of one substation, fail together."
    ),
    unit="sources",
    reference="GB 50174-2017, grade A: two supplies from different substations or bus sections",
    function=feed_diversity,
    reach="zone",
)
