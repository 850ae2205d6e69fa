"""Rules about ducts and the links in them: declared routes, free bores, no new duct beside one that has room."""

from collections import Counter
from collections.abc import Iterator

from zonewright.model.geodesy import beside
from zonewright.model.world import DuctFacts, LinkFacts, ZoneFacts
from zonewright.rules.finding import Participant
from zonewright.rules.rule import Rule
from zonewright.rules.view import Breach, View
from zonewright.rules.words import count_of

PARALLEL_SHARE = 0.5
"""A new duct repeats an old one when at least this part of it lies beside the old one."""
_UNTIL_LINK = "until the operator of the link has changed the link: ask for that first"
_UNTIL_CLUSTER = "until the tenant has changed the connection: ask for that first"


def _bores_by_links(facts: ZoneFacts) -> Counter[str]:
    return Counter(duct for _, held in facts.all_links for duct in held.link.ducts)


def free_bores(facts: ZoneFacts, duct_id: str) -> int:
    """Bores of a duct that neither a link of the zone nor anybody else has."""
    duct = facts.ducts[duct_id].duct
    return duct.bores - duct.bores_in_use - _bores_by_links(facts)[duct_id]


def link_route(view: View) -> Iterator[Breach]:
    """A link runs between sites that exist, through ducts that exist and that its operator may use."""
    if view.zone is None:
        return
    for link_id, held in sorted(view.zone.links.items()):
        for site_id in (held.link.a, held.link.b):
            site, was = view.zone.sites.get(site_id), view.before.sites.get(site_id) if view.before else None
            if site is None and (was is None or view.acts(held.owner)):
                yield _unknown(link_id, held, f"site {site_id}", "facility operator")
            elif site is None or site.is_leaving:
                fix = "end it at another site" if view.acts(held.owner) else f"keep {site_id} {_UNTIL_LINK}"
                yield _route(link_id, held, f"needs site {site_id}, which is being removed", fix)
        for duct_id in held.link.ducts:
            yield from _through(link_id, held, duct_id, view)


def _through(link_id: str, held: LinkFacts, duct_id: str, view: View) -> Iterator[Breach]:
    """Who changes the link is told how to change it, who changes the duct how to keep it."""
    duct, is_ours = view.zone.ducts.get(duct_id) if view.zone else None, view.acts(held.owner)
    was = view.before.ducts.get(duct_id) if view.before else None
    if duct is None and (was is None or is_ours):
        yield _unknown(link_id, held, f"duct {duct_id}", "network operator")
    elif duct is None or duct.is_leaving:
        what = f"runs through duct {duct_id}, which is being removed"
        yield _route(
            link_id, held, what, "route it through other ducts" if is_ours else f"keep {duct_id} {_UNTIL_LINK}"
        )
    elif duct.owner != held.owner and not duct.duct.is_shared:
        what = f"runs through duct {duct_id}, which its operator does not share"
        fix = f"ask for a shared bore of {duct_id}, or use other ducts"
        yield _route(link_id, held, what, fix if is_ours else f"keep {duct_id} shared {_UNTIL_LINK}")
    elif duct.duct.status == "planned" and held.link.status == "active":
        what = f"is active and runs through duct {duct_id}, which is only planned"
        fix = "keep the link planned until its ducts are built"
        yield _route(link_id, held, what, fix if is_ours else f"keep {duct_id} active {_UNTIL_LINK}")


LINK_ROUTE = Rule(
    id="link-route",
    title="A link runs between sites that exist, through ducts that exist and may be used.",
    level="mandatory",
    description=(
        "The duct is shared or belongs to the link's operator. It is built before the link is active, and it "
        "is not being removed."
    ),
    unit="links",
    reference="NetBox, terminations and path of a cable",
    function=link_route,
    reach="zone",
)


def _unknown(link_id: str, held: LinkFacts, what: str, who: str) -> Breach:
    return _route(
        link_id, held, f"needs {what}, which no {who} has declared", f"correct the id, or ask for {what} to be declared"
    )


def _route(link_id: str, held: LinkFacts, what: str, fix: str) -> Breach:
    return Breach(
        subject=link_id,
        where=f"links.{link_id}",
        message=f"link {link_id} {what}",
        value=1,
        limit=0,
        unit="links",
        excess=1,
        participants=(Participant(party=held.owner, name=link_id),),
        fix=fix,
    )


def duct_bores(view: View) -> Iterator[Breach]:
    """A duct has one bore for each link that runs through it."""
    if view.zone is None:
        return
    by_links = _bores_by_links(view.zone)
    for duct_id, held in sorted(view.zone.ducts.items()):
        value, limit = held.duct.bores_in_use + by_links[duct_id], held.duct.bores
        if value > limit:
            through = sorted((link, one.owner) for link, one in view.zone.all_links if duct_id in one.link.ducts)
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
                    else f"keep {count_of(by_links[duct_id], 'bore')} of {duct_id} for links {_UNTIL_LINK}"
                ),
            )


DUCT_BORES = Rule(
    id="duct-bores",
    title="A duct has one bore for each link that runs through it.",
    level="mandatory",
    description=(
        "Value is the number of bores that others use, plus one bore for each link of the zone, including "
        "planned links."
    ),
    unit="bores",
    reference="duct survey of the network operator",
    function=duct_bores,
    reach="zone",
)


def reuse_first(view: View) -> Iterator[Breach]:
    """No duct is built beside one that has a free bore."""
    limit = view.zone.zone.limit("duct-reuse-distance-m") if view.zone is not None else None
    if view.zone is None or limit is None:
        return
    for duct_id, held in sorted(view.zone.ducts.items()):
        if held.duct.status == "planned":
            for other_id, other in sorted(view.zone.ducts.items()):
                free = free_bores(view.zone, other_id)
                may_use = other.duct.is_shared or other.owner == held.owner
                if other.duct.status == "active" and may_use and free > 0:
                    yield from _repeats((duct_id, held), (other_id, other), free=free, within_m=limit.value)


REUSE_FIRST = Rule(
    id="reuse-first",
    title="No duct is built beside one that has a free bore.",
    level="mandatory",
    description=(
        "The rule judges planned ducts. It compares them with active ducts that have a free bore and are "
        "shared or belong to the operator. The new duct is refused if at least half of its route lies within "
        "the pack's `duct-reuse-distance-m` of such a duct: the operator uses the free bore instead. Value "
        "is the length of route beside that duct. The limit is half of the route."
    ),
    unit="m",
    reference=(
        "joint construction and sharing: what can be shared is not newly built (notice of 14 ministries, 2023; "
        "MIIT and SASAC opinions since 2008)"
    ),
    function=reuse_first,
    reach="zone",
)


def _repeats(
    planned: tuple[str, DuctFacts], present: tuple[str, DuctFacts], *, free: int, within_m: float
) -> Iterator[Breach]:
    (duct_id, held), (other_id, other) = planned, present
    near = beside(held.duct.route.points, other.duct.route.points, within_m)
    whole = beside(held.duct.route.points, held.duct.route.points, within_m).length_m
    limit = int(whole * PARALLEL_SHARE)
    if near.length_m < whole * PARALLEL_SHARE:
        return
    yield Breach(
        subject=duct_id,
        where=f"ducts.{duct_id}",
        message=(
            f"duct {duct_id} would lie {near.distance_m:,.0f} m beside {other_id} for {near.length_m:,.0f} m of its "
            f"{whole:,.0f} m (within {within_m:g} m); {other_id} has {free} of "
            f"{count_of(other.duct.bores, 'bore')} free"
        ),
        value=round(near.length_m),
        limit=limit,
        unit="m",
        excess=max(1, round(near.length_m) - limit),
        participants=(Participant(party=held.owner, name=duct_id), Participant(party=other.owner, name=other_id)),
        fix=f"use a free bore of {other_id} instead: declare a link through {other_id}, and no new duct",
    )
