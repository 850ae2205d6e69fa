"""Cross checks of signers and approval policies: parties, keys of two persons, groups that cannot meet a policy."""

from collections import Counter
from collections.abc import Iterator

from zonewright.declare.checks.known import Known
from zonewright.declare.checks.sites import time_zone_faults
from zonewright.declare.checks.zone import date_faults
from zonewright.declare.problem import Fault, Path, shown, unknown
from zonewright.model import Zone
from zonewright.model.approval import Needs


def approval_faults(known: Known) -> Iterator[Fault]:
    """Faults of the signers and policies of the zone's file."""
    zone = known.zone
    if zone is None:
        return
    yield from _signers(known, zone)
    for index, name in enumerate(zone.verdict_signers):
        if name not in zone.signers and not known.unsure("", ("signers", name)):
            yield unknown("signer", name, zone.signers, owner="", path=("verdict_signers", str(index)))
    for policy_id, policy in zone.approvals.items():
        path: Path = ("approvals", policy_id)
        for party in policy.parties:
            if party not in zone.parties and not known.unsure("", ("parties", party)):
                yield unknown("party", party, zone.parties, owner="", path=(*path, "parties"))
        yield from _needs(known, zone, (*path, "needs"), policy.needs)
        if policy.emergency is not None:
            yield from _needs(known, zone, (*path, "emergency", "needs"), policy.emergency.needs)
        if policy.window is not None:
            yield from time_zone_faults("", (*path, "window", "time_zone"), policy.window.time_zone)


def _signers(known: Known, zone: Zone) -> Iterator[Fault]:
    whose: dict[str, str] = {}
    for signer_id, signer in zone.signers.items():
        path: Path = ("signers", signer_id)
        if signer.party not in zone.parties and not known.unsure("", ("parties", signer.party)):
            yield unknown("party", signer.party, zone.parties, owner="", path=(*path, "party"))
        for name in ("valid_from", "valid_until"):
            yield from date_faults("", (*path, name), getattr(signer, name))
        for index, key in enumerate(signer.keys):
            first = whose.setdefault(key, signer_id)
            if first != signer_id or key in signer.keys[:index]:
                yield Fault(
                    owner="",
                    path=(*path, "keys", str(index)),
                    what="a key that two signers have",
                    expected="each key once, for one person",
                    got=f"the key of {shown(first)}",
                    fix="make a separate key for each person: ssh-keygen -t ed25519",
                )


def _needs(known: Known, zone: Zone, path: Path, needs: Needs) -> Iterator[Fault]:
    """A policy that asks for more signers than there are can never be met."""
    if known.unsure("", ("signers",)):
        return
    members = Counter(group for signer in zone.signers.values() for group in signer.groups)
    for group, number in needs.items():
        if group not in members:
            yield unknown("group of signers", group, members, owner="", path=(*path, group))
        elif members[group] < number:
            yield Fault(
                owner="",
                path=(*path, group),
                what="a policy that cannot be met",
                expected=f"at most {members[group]}, the signers in group {shown(group)}",
                got=str(number),
                fix="lower it, or add signers to the group",
            )
