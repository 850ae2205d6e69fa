"""Cross checks of what a network operator declares: ends, ducts, bores, lengths, users and panels of links."""

from collections import Counter
from collections.abc import Iterator

from zonewright.declare.checks.known import Known
from zonewright.declare.problem import Fault, Path, shown, unknown
from zonewright.model import Duct, Link, OwnerFile
from zonewright.model.asset import DUCTS, LINKS
from zonewright.model.geodesy import route_m

RESERVED_SITES = (DUCTS, LINKS)


def network_faults(known: Known, owner: str, file: OwnerFile) -> Iterator[Fault]:
    """Faults of the ducts and links of one owner, and of site ids that network assets need."""
    for site_id in file.sites:
        if site_id in RESERVED_SITES:
            yield Fault(
                owner=owner,
                path=("sites", site_id),
                what="a reserved site id",
                expected="another id",
                got=f"'{site_id}', which names of network assets begin with",
                fix="rename the site",
            )
    for duct_id, duct in file.ducts.items():
        yield from _duct(known, owner, ("ducts", duct_id), duct_id, duct)
    for link_id, link in file.links.items():
        yield from _ends(known, owner, ("links", link_id), link)
        yield from _through(known, owner, ("links", link_id, "ducts"), link)
        yield from _cores(known, owner, ("links", link_id, "cores_of"), link)
        yield from _users(known, owner, ("links", link_id, "users"), link)
        yield from _panels(known, owner, ("links", link_id, "power_panels"), link)


def _duct(known: Known, owner: str, path: Path, duct_id: str, duct: Duct) -> Iterator[Fault]:
    shortest = int(route_m(duct.route.points))
    if duct.length_m < shortest:
        yield Fault(
            owner=owner,
            path=(*path, "length_m"),
            what="a duct that is shorter than its route",
            expected=f"at least {shortest:,} m, the length of its route",
            got=f"{duct.length_m:,} m",
            fix="correct the length, or the points of the route",
        )
    links = sorted(
        link_id
        for file in known.owners.values()
        for link_id, link in file.links.items()
        if duct_id in link.ducts and not link.cores_of
    )
    if len(links) + duct.bores_in_use > duct.bores:
        yield Fault(
            owner=owner,
            path=(*path, "bores"),
            what="a duct with fewer bores than links",
            expected=f"at least {len(links) + duct.bores_in_use} bores",
            got=f"{duct.bores}, with {duct.bores_in_use} in use by others and {len(links)} for links"
            + (f" ({', '.join(links[:6])}{' and more' if len(links) > 6 else ''})" if links else ""),  # noqa: PLR2004
            fix="route a link through another duct, or correct the bores",
        )


def _ends(known: Known, owner: str, path: Path, link: Link) -> Iterator[Fault]:
    for end in ("a", "b"):
        site_id = getattr(link, end)
        if known.site(site_id) is None and not known.site_may_exist(site_id):
            yield unknown("site", site_id, known.site_ids(), owner=owner, path=(*path, end))
    if link.a == link.b:
        yield Fault(
            owner=owner,
            path=(*path, "b"),
            what="a link from a site to itself",
            expected="two different sites",
            got=f"'{link.b}' at both ends",
            fix="correct one of the ends",
        )


def _through(known: Known, owner: str, path: Path, link: Link) -> Iterator[Fault]:
    declared = {duct_id for file in known.owners.values() for duct_id in file.ducts}
    faulty = any(known.unsure(one, ("ducts",)) for one in known.left_out if one)
    counts = Counter(link.ducts)
    for index, duct_id in enumerate(link.ducts):
        if duct_id not in declared and known.whole and not faulty:
            yield unknown("duct", duct_id, declared, owner=owner, path=(*path, str(index)))
        if counts[duct_id] > 1 and link.ducts.index(duct_id) != index:
            yield Fault(
                owner=owner,
                path=(*path, str(index)),
                what="a duct that a link runs through twice",
                expected="each duct once",
                got=shown(duct_id),
                fix="delete one of them",
            )


def _cores(known: Known, owner: str, path: Path, link: Link) -> Iterator[Fault]:
    declared = {link_id for file in known.owners.values() for link_id in file.links}
    faulty = any(known.unsure(one, ("links",)) for one in known.left_out if one)
    for index, link_id in enumerate(link.cores_of):
        if link_id not in declared and known.whole and not faulty:
            yield unknown("link", link_id, declared, owner=owner, path=(*path, str(index)))


def _users(known: Known, owner: str, path: Path, link: Link) -> Iterator[Fault]:
    parties = known.zone.parties if known.zone is not None else {}
    for index, party in enumerate(link.users):
        if known.zone is not None and party not in parties and not known.unsure("", ("parties", party)):
            yield unknown("party", party, parties, owner=owner, path=(*path, str(index)))


def _panels(known: Known, owner: str, path: Path, link: Link) -> Iterator[Fault]:
    for index, name in enumerate(link.power_panels):
        site_id, panel_id = name.split("/")
        found = known.site(site_id)
        if found is None:
            if not known.site_may_exist(site_id):
                yield unknown("site", site_id, known.site_ids(), owner=owner, path=(*path, str(index)))
        elif panel_id not in found[1].power_panels and not known.unsure(
            found[0], ("sites", site_id, "power_panels", panel_id)
        ):
            panels = found[1].power_panels
            yield unknown(f"power panel of {site_id}", panel_id, panels, owner=owner, path=(*path, str(index)))
        if site_id not in (link.a, link.b):
            yield Fault(
                owner=owner,
                path=(*path, str(index)),
                what="a power panel of another site",
                expected=f"a panel of {link.a} or {link.b}",
                got=shown(name),
                fix="name the panel that feeds the link's own equipment",
            )
