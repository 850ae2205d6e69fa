"""What a host has of a configuration now, what follows from that, and how it drifted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from zonewright.audit.diff.differences import FileDiff, file_diffs, unified
from zonewright.fleet.configs.desired import Placed, Wanted
from zonewright.fleet.configs.fill import shown
from zonewright.fleet.configs.scripts import PROBE, READ
from zonewright.fleet.scripting import text_of
from zonewright.fleet.ssh.accounts import runs_nothing
from zonewright.fleet.ssh.transport import Session

_EXTRA_VERSION = "extra version"
_UNSHOWN = "[not shown: the ledger no longer has this file, and it may hold secrets]\n"
_READ_BY_ALL = 0o004
OVER = frozenset({"", "kept", "rolled-back", "failed"})
"""Words of a trial that leaves nothing to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFacts:
    """One configuration on one host, as it was found.

    Attributes:
        current: the version that was kept last, or empty.
        previous: the version before it, or empty.
        versions: all versions in its folder.
        trial: state of the last trial, or empty.
        is_on_trial: whether a trial is going on now.
        hashes: hash by target of what should be there; ``-`` where there is none, a word where it is no file.
        placed: the same of what the current version has placed.
        access: mode, owner and group of each target that is there, such as ``640 frr:frr``.
    """

    current: str
    previous: str
    versions: tuple[str, ...]
    trial: str
    is_on_trial: bool
    hashes: Mapping[str, str]
    placed: Mapping[str, str]
    access: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigPlan:
    """What is to be done with one configuration of one host.

    Attributes:
        wanted: what it should be.
        facts: what was found.
        reasons: why it is changed; none where it is as it should be.
        differences: how its files change, where that was asked for.
    """

    wanted: Wanted
    facts: ConfigFacts
    reasons: tuple[str, ...]
    differences: tuple[FileDiff, ...] = field(default=(), repr=False)


def observe_configuration(session: Session, wanted: Wanted) -> ConfigFacts:
    """Look at one configuration of a host.

    Raises:
        LostError: when the connection broke.
        PrivilegeError: when the host does not let the user act as root.
        CommandError: when it does not run programs for this user.
    """
    command = PROBE.command(wanted.keep, *(one.target for one in wanted.placed))
    done = session.run(command, as_root=wanted.settings.as_root)
    found: dict[str, list[str]] = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        name, _, value = line.partition("=")
        found.setdefault(name, []).append(value)
    if "end" not in found:
        raise runs_nothing(done)
    return ConfigFacts(
        current=found["current"][0],
        previous=found.get("previous", [""])[0],
        versions=tuple(one for one in found.get("version", ()) if one != "current"),
        trial=found.get("trial", [""])[0],
        is_on_trial="alive" in found,
        hashes=_by_target(found.get("file", ())),
        placed=_by_target(found.get("placed", ())),
        access=_by_target(found.get("access", ())),
    )


def _by_target(lines: Sequence[str]) -> dict[str, str]:
    pairs = (line.partition("\t") for line in lines)
    return {target: word for word, _, target in pairs}


def plan_configuration(wanted: Wanted, facts: ConfigFacts) -> ConfigPlan:
    """Whether it is changed, and why."""
    # A version too many is no reason to reload anything; the next change takes it away.
    reasons = [why for why in drift_of(wanted, facts) if not why.startswith(_EXTRA_VERSION)]
    if not reasons and facts.current != wanted.id:
        reasons.append("no trial has confirmed it yet")
    return ConfigPlan(wanted=wanted, facts=facts, reasons=tuple(reasons))


def drift_of(wanted: Wanted, facts: ConfigFacts) -> Iterator[str]:
    """How a host differs from the ledger's files, one sentence each."""
    for one in wanted.placed:
        mode = facts.access.get(one.target, "").partition(" ")[0]
        is_open = mode.isdigit() and int(mode, 8) & _READ_BY_ALL == _READ_BY_ALL
        yield from _content_drift(one, facts.hashes.get(one.target, "-"), is_open=is_open)
    yield from _access_drift(wanted, facts)
    for target, found in facts.placed.items():
        if found != "-" and target not in facts.hashes:
            yield f"extra: {target} of version {facts.current}, which the ledger no longer has"
    if facts.trial not in OVER:
        yield f"on trial: its last trial is {facts.trial}" + ("" if facts.is_on_trial else ", and was cut off")
    for version in facts.versions:
        if version not in (facts.current, facts.previous, wanted.id):
            yield f"{_EXTRA_VERSION}: {wanted.keep}/{version}"


def _content_drift(one: Placed, found: str, *, is_open: bool) -> Iterator[str]:
    """A file that is not there, or has other bytes; one whose secrets cannot be had here is not compared.

    A file that not everybody may read may hold secrets of a version that had some, so it has no hash here.
    """
    if found == "-":
        yield f"missing: {one.target}"
    elif found == "other":
        yield f"changed: {one.target} (it is not a file)"
    elif one.unresolved or found == one.sha256:
        return
    elif one.holds_secrets:
        yield f"changed: {one.target} (it holds secrets, so no hash is shown)"
    elif len(found) == len(one.sha256) and not is_open:
        yield f"changed: {one.target} (not everybody may read it, so no hash is shown)"
    else:
        word = f"sha256 {found[:12]}" if len(found) == len(one.sha256) else found
        yield f"changed: {one.target} ({word}, but the ledger has {one.sha256[:12]})"


def _access_drift(wanted: Wanted, facts: ConfigFacts) -> Iterator[str]:
    """Files that others may read or write than the fleet's file says."""
    mode, owner = f"{int(wanted.settings.mode, 8):o}", wanted.settings.owner
    for one in wanted.placed:
        if facts.hashes.get(one.target, "-") in ("-", "other"):
            continue
        found, _, has = facts.access.get(one.target, "").partition(" ")
        if found != mode:
            yield f"mode: {one.target} ({found or 'not readable'}, but the fleet's file has {mode})"
        if owner not in ("", has, has.partition(":")[0]):
            yield f"owner: {one.target} ({has or 'unknown'}, but the fleet's file has {owner})"


def closer(session: Session, plan: ConfigPlan) -> ConfigPlan:
    """The plan with the differences of its files, which are read from the host; not what the ledger no longer has."""
    if not plan.reasons:
        return plan
    wanted = plan.wanted
    targets = {one.target: one.text for one in wanted.placed}
    gone = [target for target, found in plan.facts.placed.items() if target not in targets and found != "-"]
    done = session.run(READ.command(*targets), as_root=wanted.settings.as_root)
    lines = (line.partition("=") for line in done.stdout.decode("utf-8", "replace").splitlines())
    before = {target: text_of(value) for target, _, value in lines}
    before |= {
        one.target: shown(before[one.target], one.text, one.filled) for one in wanted.placed if one.target in before
    }
    before |= dict.fromkeys(gone, _UNSHOWN)
    return ConfigPlan(
        wanted=wanted, facts=plan.facts, reasons=plan.reasons, differences=file_diffs(_named(before), _named(targets))
    )


def _named(texts: Mapping[str, str]) -> dict[str, str]:
    return {target.removeprefix("/"): text for target, text in texts.items()}


def config_plan_text(host: str, plans: Sequence[ConfigPlan], against: Sequence[str]) -> str:
    """The plans of a host for people: reasons, then the differences of files."""
    if against:
        return "\n".join([f"{host}: cannot be changed", *(f"  {sentence}" for sentence in against)])
    lines = [] if plans else [f"{host}: no configuration is for it"]
    for plan in plans:
        now = plan.facts.current or "nothing"
        if not plan.reasons:
            lines.append(f"{host}: {plan.wanted.name} unchanged, {now}")
            continue
        lines.append(f"{host}: {plan.wanted.name} {now} -> {plan.wanted.id}")
        lines += [f"  {reason}" for reason in plan.reasons]
        for difference in plan.differences:
            lines += [f"    {line}" for line in unified(difference).rstrip("\n").split("\n")]
    return "\n".join(lines)


def config_plan_data(host: str, plans: Sequence[ConfigPlan], against: Sequence[str]) -> dict[str, object]:
    """The plans of a host as plain data."""
    return {
        "host": host,
        "obstacles": list(against),
        "configurations": [
            {
                "name": plan.wanted.name,
                "from": plan.facts.current,
                "to": plan.wanted.id,
                "reasons": list(plan.reasons),
                "differences": {one.path: unified(one) for one in plan.differences},
            }
            for plan in plans
        ],
    }
