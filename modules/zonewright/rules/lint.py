"""What is wrong with the rules of a zone themselves: what selects nothing, contradicts or changes nothing. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from zonewright.model.cluster import Cluster, WideScope
from zonewright.model.declaration import Declaration
from zonewright.model.own_rule import OWN
from zonewright.model.rule_pack import RulePack, chain_of
from zonewright.rules.catalogue import NEEDS, judges
from zonewright.rules.finding import Finding, Participant

LINT = "rules-lint"
_REFERENCE = "zonewright, how-to: check the rules of a zone"
_WIDTH: Sequence[WideScope] = ("rack", "row", "room", "site", "district")


def lint_rules(declaration: Declaration, findings: Iterable[Finding], *, on: str) -> tuple[Finding, ...]:
    """All that is wrong with the rules of a zone, in the order of its file.

    Args:
        declaration: the zone and its owners' files.
        findings: what the rules say of them, with their waivers.
        on: the day, as ``2026-07-01``.
    """
    found = [*_packs(declaration, on), *_waivers(declaration, findings, on), *_quotas(declaration)]
    for owner, file in sorted(declaration.owners.items()):
        found += _clusters(owner, file.clusters)
    return tuple(found)


def _note(where: str, message: str, fix: str, *, owner: str = "zone", subject: str = "") -> Finding:
    return Finding(
        rule=LINT,
        level="advisory",
        subject=subject or where.rpartition(".")[2],
        where=where,
        message=message,
        participants=(Participant(party=owner, name=where),),
        fix=fix,
        reference=_REFERENCE,
    )


def _packs(declaration: Declaration, on: str) -> Iterator[Finding]:
    zone = declaration.zone
    chain = chain_of(zone.rule_packs, zone.rule_pack)
    days = [site.commissioned or "" for file in declaration.owners.values() for site in file.sites.values()]
    for pack_id, pack in zone.rule_packs.items():
        path = f"rule_packs.{pack_id}"
        is_in_force = any(one is pack for one in chain)
        if not is_in_force and pack.valid_until < on and not _is_extended(zone.rule_packs, pack_id):
            yield _note(path, f"pack {pack_id} is over since {pack.valid_until} and not in force", "delete it")
        yield from _idle_limits(path, pack, chain_of(zone.rule_packs, pack.extends), days)
        if is_in_force:
            yield from _idle_levels(declaration, path, pack)
        yield from _same_code(path, pack)


def _is_extended(packs: Mapping[str, RulePack], pack_id: str) -> bool:
    return any(one.extends == pack_id for one in packs.values())


def _idle_limits(path: str, pack: RulePack, above: Sequence[RulePack], days: Sequence[str]) -> Iterator[Finding]:
    """Limits that are for no site, or say what the pack above says already."""
    for name, limit in pack.limits.items():
        where = f"{path}.limits.{name}"
        if limit.applies_from and days and not any(day >= limit.applies_from for day in days):
            message = f"limit {name} is for sites commissioned on {limit.applies_from} or later, and no site was"
            yield _note(where, message, "correct applies_from, or delete the limit")
        parent = next((one.limits[name] for one in above if name in one.limits), None)
        if parent is not None and (parent.value, parent.applies_from) == (limit.value, limit.applies_from):
            message = f"limit {name} is {limit.value:g} in the pack that this one extends already"
            yield _note(where, message, "delete it, or tighten it")


def _idle_levels(declaration: Declaration, path: str, pack: RulePack) -> Iterator[Finding]:
    """Levels of rules that judge nothing here."""
    zone = declaration.zone
    for rule in pack.levels:
        if not judges(rule, zone):
            needed = " or ".join(NEEDS[rule])
            message = f"rule {rule} judges nothing, because no pack in force has the limit {needed}"
            yield _note(f"{path}.levels.{rule}", message, f"add the limit {needed}, or delete the level")
        elif rule == "ring-closed" and not zone.rings:
            message = "rule ring-closed judges nothing, because the zone has no rings"
            yield _note(f"{path}.levels.{rule}", message, "add the rings, or delete the level")


def _same_code(path: str, pack: RulePack) -> Iterator[Finding]:
    """Two own rules with the same code and the same subject: one of their limits never decides."""
    first: dict[tuple[str, str, str], str] = {}
    for rule_id, rule in pack.rules.items():
        other = first.setdefault((rule.text, rule.of, rule.stricter), rule_id)
        if other != rule_id and rule.text:
            limits = f"{rule.limit:,} and {pack.rules[other].limit:,}"
            message = (
                f"rules {other} and {rule_id} have the same code with the limits {limits}; the stricter one decides"
            )
            yield _note(f"{path}.rules.{rule_id}", message, "delete one of them")


def _waivers(declaration: Declaration, findings: Iterable[Finding], on: str) -> Iterator[Finding]:
    covered: dict[str, set[str]] = {}
    undecided = set[str]()
    for finding in findings:
        undecided |= {finding.rule} if finding.subject == finding.rule else set()  # of it nobody can tell
        if finding.waiver is not None:
            covered.setdefault(finding.waiver, set()).add(finding.subject)
    zone = declaration.zone
    for name, waiver in zone.waivers.items():
        path = f"waivers.{name}"
        if waiver.rule.startswith(OWN) and waiver.rule.removeprefix(OWN) not in zone.own_rules:
            message = f"waiver {name} is for {waiver.rule}, which no pack in force has"
            yield _note(path, message, "delete it, or name the pack in force")
        elif not waiver.valid_from <= on <= waiver.valid_until:
            message = f"waiver {name} is valid from {waiver.valid_from} to {waiver.valid_until}, not on {on}"
            yield _note(path, message, "delete it, or ask for another one")
        elif waiver.rule not in undecided and (
            idle := [one for one in waiver.subjects if one not in covered.get(name, ())]
        ):
            message = f"waiver {name} covers nothing at {', '.join(idle)}: no finding of {waiver.rule} is within it"
            yield _note(f"{path}.subjects", message, "delete these subjects", subject=name)


def _quotas(declaration: Declaration) -> Iterator[Finding]:
    """Quotas of districts without sites, and of parties that may claim nothing."""
    zone = declaration.zone
    districts = {site.district for file in declaration.owners.values() for site in file.sites.values()}
    for name, quota in zone.quotas.items():
        if quota.district is not None and quota.district not in districts:
            message = f"quota {name} is for district {quota.district}, which has no site"
            yield _note(f"quotas.{name}", message, "correct the district, or delete the quota")
        party = zone.parties.get(quota.party or "")
        if party is not None and "tenant" not in party.roles:
            message = f"quota {name} is for {quota.party}, which is no tenant and claims nothing"
            yield _note(f"quotas.{name}", message, "correct the party, or delete the quota")


def _clusters(owner: str, clusters: Mapping[str, Cluster]) -> Iterator[Finding]:
    """Clusters whose wishes contradict each other: nothing can be admitted with both."""
    for name, cluster in clusters.items():
        for index, wanted in enumerate(cluster.together_with):
            where = f"clusters.{name}.together_with.{index}"
            other = clusters.get(wanted.cluster)
            width = _WIDTH.index(wanted.scope)
            for refused in other.apart_from if other is not None else ():
                if refused.cluster == name and _WIDTH.index(refused.scope) >= width:
                    message = (
                        f"cluster {name} is to share one {wanted.scope} with {wanted.cluster}, which is to be apart "
                        f"from it by {refused.scope}"
                    )
                    yield _note(where, message, "delete one of the two", owner=owner, subject=name)
            for one_name, one in ((name, cluster), (wanted.cluster, other)):
                least = min(one.spread.at_least, one.count) if one is not None and one.spread is not None else 1
                if one is not None and one.spread is not None and least > 1 and _WIDTH.index(one.spread.scope) >= width:
                    message = (
                        f"cluster {name} is to share one {wanted.scope} with {wanted.cluster}, and {one_name} is to be "
                        f"spread over {least:,} {one.spread.scope}s"
                    )
                    yield _note(where, message, "widen the shared domain, or spread less", owner=owner, subject=name)
