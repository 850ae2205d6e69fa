"""Cross checks of towers and key areas: parties that exist, days of the calendar, distances that a band can keep."""

from collections.abc import Iterator

from zonewright.declare.checks.known import Known
from zonewright.declare.checks.zone import date_faults
from zonewright.declare.problem import Fault, Path, unknown
from zonewright.model import OwnerFile, Zone
from zonewright.model.rule_pack import BANDS


def key_area_faults(zone: Zone) -> Iterator[Fault]:
    """Faults of the key areas of the zone's file, and of the distances that its packs ask of stations."""
    for name, area in zone.key_areas.items():
        if area.test is not None:
            yield from date_faults("", ("key_areas", name, "test", "tested_on"), area.test.tested_on)
    for pack_id, pack in zone.rule_packs.items():
        for least, most in BANDS.values():
            if least in pack.limits and most in pack.limits and pack.limits[least].value > pack.limits[most].value:
                yield Fault(
                    owner="",
                    path=("rule_packs", pack_id, "limits", least, "value"),
                    what="a distance of stations that nothing can keep",
                    expected=f"at most {pack.limits[most].value:g}, which is {most}",
                    got=f"{pack.limits[least].value:g}",
                    fix="correct one of them",
                )


def tower_faults(known: Known, owner: str, file: OwnerFile) -> Iterator[Fault]:
    """Users of stations that are no party.

    Args:
        known: what there is.
        owner: the operator.
        file: what it declares.
    """
    parties = known.zone.parties if known.zone is not None else None
    for site_id, site in file.sites.items():
        for name, one in site.tower.stations.items() if site.tower is not None and parties is not None else ():
            for index, party in enumerate(one.users):
                if parties is not None and party not in parties and not known.unsure("", ("parties", party)):
                    path: Path = ("sites", site_id, "tower", "stations", name, "users", str(index))
                    yield unknown("party", party, parties, owner=owner, path=path)
