"""Sites, rows and ducts that only get another name: which assets a demand means, and what is said of the others.

A name is owned. So only what the stack itself has is followed, and only to a name that nobody else has. A name that
others still use for something is nobody's to take until they do so no more.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from zonewright.model.asset import AnyAsset, former_assets
from zonewright.model.demand import Demand
from zonewright.model.former_names import FormerNames
from zonewright.place.renames import REFERENCE, RULE
from zonewright.rules.finding import Finding, Participant
from zonewright.rules.words import listed

_ROWS = 2
"""How many slashes the name of a row has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRenames:
    """What of a stack's assets gets another name, and what cannot.

    Attributes:
        names: new name by old name, sites first; rows by the name that their site has then.
        unknown: former names that the stack has nothing of, by name of an asset that is new.
        contested: former names that the stack has, beside the asset itself or another one of them, by its name.
        leaving: former names that the stack has, by a name whose asset of before is not gone yet.
        held: what a name is called now that others use in their declarations as it was before, by that name.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    contested: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    leaving: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)


def asset_renames(
    demand: Demand,
    *,
    own: Collection[str],
    others: Collection[str],
    former: FormerNames,
    leaving: Collection[str] = (),
) -> AssetRenames:
    """Compare what a demand calls its assets with what its stack has.

    Args:
        demand: what the stack wants.
        own: names of the assets that the stack has now.
        others: names of everybody else's.
        former: names that others may still use for what is called otherwise now.
        leaving: names of assets of the stack that it does not want any more, and whose resources are not gone.
    """
    was = former_assets(demand.assets)
    present = set(own)
    names: dict[str, str] = {}
    unknown: dict[str, tuple[str, ...]] = {}
    waiting: dict[str, str] = {}
    contested: dict[str, tuple[str, ...]] = {}
    for name in sorted(was, key=lambda one: (one.count("/") == _ROWS, one)):
        held = [one for one in was[name] if one in present]
        if len(held) + (name in present) > 1:
            contested[name] = tuple(held)
        elif not held and name not in present:
            unknown[name] = was[name]
        elif held and name in leaving:
            waiting[name] = held[0]
        elif held and name not in others:
            names[held[0]] = name
            step = FormerNames({held[0]: name})
            present = {step.follow(one) for one in present}
    back = {new: old for old, new in names.items()}
    taken = {
        name: former.follow(name)
        for name in demand.assets
        if name in former.now and name not in own and former.follow(name) != back.get(name)
    }
    return AssetRenames(names=names, unknown=unknown, contested=contested, leaving=waiting, held=taken)


def asset_rename_findings(
    renames: AssetRenames, demand: Demand, *, used: Mapping[str, str] | None = None
) -> Iterator[Finding]:
    """What is said of names that cannot be followed or taken, and of those that the demand should not use any more.

    Args:
        renames: how the demand compares with what its stack has.
        demand: the demand.
        used: present names by former names that it uses for assets.
    """
    for name, was in renames.unknown.items():
        yield _finding(
            demand,
            name,
            refuses=False,
            message=f"{name} was {' or '.join(was)}, of which this stack has nothing in the ledger; it is new",
            fix="correct the former id if it is misspelt, or delete 'was' if it is new",
        )
    for name, was in renames.contested.items():
        both = listed([*was, *([name] if len(was) == 1 else [])])
        yield _finding(
            demand,
            name,
            refuses=True,
            message=f"{name} was {' and '.join(was)}, but the ledger has {both}: a rename would make them one",
            fix="remove one of them first, or delete 'was' to let the old one go",
        )
    for name, old in renames.leaving.items():
        yield _finding(
            demand,
            name,
            refuses=True,
            message=f"{name} was {old}, but the {name} that this stack had before is not gone yet",
            fix=f"call it {old} again and run: pulumi up; when the old {name} is gone, rename",
        )
    for name, now in renames.held.items():
        yield _finding(
            demand,
            name,
            refuses=True,
            message=f"declarations that are in force still use the name {name} for what is called {now} now",
            fix="choose another name, or ask their owners to write the new one and to run: pulumi up",
        )
    for name, now in sorted((used or {}).items()):
        yield _finding(
            demand,
            name,
            refuses=False,
            message=f"{name} is called {now} now; this declaration still uses the old name",
            fix=f"write {now.rpartition('/')[2]} instead of {name.rpartition('/')[2]}",
        )


def _finding(demand: Demand, name: str, *, refuses: bool, message: str, fix: str) -> Finding:
    return Finding(
        rule=RULE,
        level="mandatory" if refuses else "advisory",
        subject=name,
        where=_path(name, demand.assets),
        message=message,
        value=1,
        limit=0 if refuses else None,
        unit="names",
        excess=int(refuses),
        participants=(Participant(party=demand.party, name=name),),
        fix=fix,
        reference=REFERENCE,
    )


def _path(name: str, assets: Mapping[str, AnyAsset]) -> str:
    """Where the demand declares an asset; empty where it does not."""
    if name not in assets:
        return ""
    parts = name.split("/")
    if assets[name].kind == "row":
        return f"sites.{parts[0]}.rooms.{parts[1]}.rows.{parts[2]}"
    return f"sites.{name}" if assets[name].kind == "site" else ".".join(parts)
