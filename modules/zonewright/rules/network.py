"""Rules about ducts and the links in them: routes that join their ends, and free bores."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from zonewright.model.world import LinkFacts, ZoneFacts
from zonewright.rules.carriers import within
from zonewright.rules.finding import Participant
from zonewright.rules.link_breach import UNTIL_LINK, not_routed, unknown_part
from zonewright.rules.routes import joint_limit_m, joints_of
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View
from zonewright.rules.words import count_of, listed

_SHOWN = 3
"""Gaps of one link that are told."""


def _bores_by_links(facts: ZoneFacts) -> Counter[str]:
    return Counter(duct for _, held in facts.all_links if not held.link.cores_of for duct in held.link.ducts)


def free_bores(facts: ZoneFacts, duct_id: str) -> int:
    """Bores of a duct that neither a link of the zone nor anybody else has."""
    duct = facts.ducts[duct_id].duct
    return duct.bores - duct.bores_in_use - _bores_by_links(facts)[duct_id]


def link_route(view: View) -> Iterator[Breach]:
    """A link runs between sites that exist, through ducts that exist, that its operator may use, and that join them."""
    if view.zone is None:
        return
    for link_id, held in sorted(view.zone.links.items()):
        for site_id in (held.link.a, held.link.b):
            site, was = view.zone.sites.get(site_id), view.before.sites.get(site_id) if view.before else None
            if site is None and (was is None or view.acts(held.owner)):
                yield unknown_part(link_id, held, f"site {site_id}", "facility operator")
            elif site is None or site.is_leaving:
                fix = "end it at another site" if view.acts(held.owner) else f"keep {site_id} {UNTIL_LINK}"
                yield not_routed(link_id, held, f"needs site {site_id}, which is being removed", fix)
        for duct_id in held.link.ducts:
            yield from _through(link_id, held, duct_id, view)
        yield from within(link_id, held, view)
        yield from _joined(link_id, held, view)


def _through(link_id: str, held: LinkFacts, duct_id: str, view: View) -> Iterator[Breach]:
    """Who changes the link is told how to change it, who changes the duct how to keep it."""
    duct, is_ours = view.zone.ducts.get(duct_id) if view.zone else None, view.acts(held.owner)
    was = view.before.ducts.get(duct_id) if view.before else None
    if duct is None and (was is None or is_ours):
        yield unknown_part(link_id, held, f"duct {duct_id}", "network operator")
    elif duct is None or duct.is_leaving:
        what = f"runs through duct {duct_id}, which is being removed"
        yield not_routed(
            link_id, held, what, "route it through other ducts" if is_ours else f"keep {duct_id} {UNTIL_LINK}"
        )
    elif duct.owner != held.owner and not duct.duct.is_shared and not held.link.cores_of:
        what = f"runs through duct {duct_id}, which its operator does not share"
        fix = f"ask for a shared bore of {duct_id}, or use other ducts"
        yield not_routed(link_id, held, what, fix if is_ours else f"keep {duct_id} shared {UNTIL_LINK}")
    elif duct.duct.status == "planned" and held.link.status == "active":
        what = f"is active and runs through duct {duct_id}, which is only planned"
        fix = "keep the link planned until its ducts are built"
        yield not_routed(link_id, held, what, fix if is_ours else f"keep {duct_id} active {UNTIL_LINK}")


def _joined(link_id: str, held: LinkFacts, view: View) -> Iterator[Breach]:
    """Where the ducts of a link touch neither its ends nor each other, or where nobody can say so."""
    joints = joints_of(held.link, view.zone) if view.zone is not None else ()
    gaps = [one for one in joints if one.meets is False]
    if gaps:
        limit_m = joint_limit_m(view.zone) if view.zone is not None else 0.0
        what = f"does not join its ends: {'; '.join(one.text() for one in gaps[:_SHOWN])}"
        more = f" and at {len(gaps) - _SHOWN} more places" if len(gaps) > _SHOWN else ""
        fix = "name its ducts in a chain between its ends, correct their points, or write 'route: unknown'"
        if not view.acts(held.owner):
            fix = f"keep its ends and the ends of its ducts where they are {UNTIL_LINK}"
        found = not_routed(link_id, held, f"{what}{more} (what meets is at most {limit_m:g} m apart)", fix)
        # An estate may have it from a time when nobody asked.
        yield replace(found, where=f"links.{link_id}.ducts", level="no-worse")
    elif any(one.meets is None for one in joints):
        sites = [end.name or "" for one in joints if one.meets is None for end in (one.one, one.two) if end.is_site]
        what = f"whether link {link_id} reaches {listed(sites)}, for nobody has declared where that is"
        yield Breach(
            subject=link_id,
            where=f"links.{link_id}.ducts",
            message=f"not decided: {what}",
            participants=(Participant(party=held.owner, name=link_id),),
            fix=f"ask for the location of {listed(sites)}, or name the site at the end of the duct (`a` or `b`)",
            level="advisory",
        )


LINK_ROUTE = Rule(
    id="link-route",
    title="A link runs between sites that exist, through ducts that may be used and that join them.",
    level="mandatory",
    description=(
        "The duct is shared or belongs to the link's operator. It is built before the link is active, and it "
        "is not being removed. The ducts make a chain from one end of the link to the other, in the order in which "
        "the link names them: the ends of two neighbours, and the outer ends and the sites, are at most the pack's "
        "`route-joint-distance-m` apart (100 m by default). Two ends that name different sites or manholes "
        "(`a` and `b` of the duct) do not meet, however near they are. A gap in the chain is `no-worse`: a present "
        "one may stay. If nobody has declared where a site is, a duct that names it reaches it; for other ducts the "
        "finding says `not decided` and is advisory. The chain of a link with `route: unknown` is not judged. A link "
        "in the cores of others names their ducts; they are there, and not in the cores of others themselves."
    ),
    unit="links",
    reference="NetBox, terminations and path of a cable",
    function=link_route,
    reach="zone",
)


def duct_bores(view: View) -> Iterator[Breach]:
    """A duct has one bore for each link that runs through it."""
    if view.zone is None:
        return
    by_links = _bores_by_links(view.zone)
    for duct_id, held in sorted(view.zone.ducts.items()):
        value, limit = held.duct.bores_in_use + by_links[duct_id], held.duct.bores
        if value > limit:
            through = sorted(
                (link, one.owner)
                for link, one in view.zone.all_links
                if duct_id in one.link.ducts and not one.link.cores_of
            )
            last, owner = through[-1] if through else (None, "")
            yield Breach(
                subject=duct_id,
                where=f"links.{last}.ducts" if last else f"ducts.{duct_id}.bores_in_use",
                message=(
                    f"duct {duct_id} has {count_of(limit, 'bore')}, and {value:,} are wanted: "
                    f"{held.duct.bores_in_use:,} "
                    f"by others, {by_links[duct_id]:,} by links"
                ),
                value=value,
                limit=limit,
                unit="bores",
                excess=value - limit,
                participants=(
                    *((Participant(party=owner, name=last),) if last else ()),
                    Participant(party=held.owner, name=duct_id),
                    *(Participant(party=party, name=link) for link, party in through[:-1]),
                ),
                fix=(
                    f"route {count_of(value - limit, 'link')} through other ducts"
                    if not through or any(view.acts(party) for _, party in through)
                    else f"keep {count_of(by_links[duct_id], 'bore')} of {duct_id} for links {UNTIL_LINK}"
                ),
            )


DUCT_BORES = Rule(
    id="duct-bores",
    title="A duct has one bore for each link that runs through it.",
    level="mandatory",
    description=(
        "Value is the number of bores that others use, plus one bore for each link of the zone, including "
        "planned links and those that are reserved for days. A link in the cores of another takes none."
    ),
    unit="bores",
    reference="duct survey of the network operator",
    function=duct_bores,
    reach="zone",
)
