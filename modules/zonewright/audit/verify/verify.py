"""Verify a bundle offline: everything that decided the change is decided again, and one line says what came out.

What is absent is never good: it is ``not-checked`` where the bundle is of a change that has not come so far, and wrong
where it should be there.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from zonewright.audit.evidence.bundle import manifest_faults
from zonewright.audit.evidence.checks import Check, all_or_wrong, good, open_, wrong
from zonewright.audit.evidence.contents import Contents, read_contents
from zonewright.audit.evidence.gaps import holes
from zonewright.audit.evidence.layout import INPUTS, PROPOSAL, RENDERED
from zonewright.audit.evidence.planning import versions
from zonewright.audit.evidence.pruned import pruned_checks
from zonewright.audit.evidence.ratios import ratio_text
from zonewright.audit.evidence.replay import Again, judge_again
from zonewright.audit.evidence.rollouts import rollout_checks
from zonewright.audit.evidence.scanning import scanned
from zonewright.audit.evidence.site_renames import own_renames
from zonewright.audit.evidence.trust import AuditTrust
from zonewright.audit.verify.facts import fact_checks, unseen
from zonewright.audit.verify.journal import journal_checks
from zonewright.audit.verify.signatures import export_checks, signature_checks
from zonewright.audit.verify.steps import step_checks
from zonewright.audit.verify.validators import validator_checks
from zonewright.audit.verify.witnesses import witness_checks
from zonewright.audit.verify.zones import zone_checks
from zonewright.changes.rendering import rendered_files
from zonewright.declare.device_types import OVERLAY
from zonewright.declare.load import ZONE_FILE, load_stack
from zonewright.ledger.deciding.party_facts import SNAPSHOT
from zonewright.ledger.protocol.change import change_digest, parse_place, place_text
from zonewright.ledger.protocol.change_messages import Snapshot
from zonewright.ledger.protocol.errors import LedgerError
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.demand import demand_of, zone_digest
from zonewright.model.format_file import TEMPLATES as FOLDER
from zonewright.render.errors import RenderError
from zonewright.rules.finding import Finding
from zonewright.rules.words import count_of


def verify_bundle(files: Mapping[str, bytes], *, trust: AuditTrust | None = None) -> tuple[Check, ...]:
    """All checks of a bundle, in the order in which an auditor reads them.

    Args:
        files: the bundle's files.
        trust: what the auditor knows from elsewhere.
    """
    faults = [f"{path} {sentence}" for path, sentence in manifest_faults(files)]
    checks = [all_or_wrong("manifest", faults, f"{len(files) - 1:,} files have the digests that it names")]
    try:
        contents = read_contents(files)
    except (ValueError, KeyError) as error:
        return (*checks, wrong("contents", str(error)))
    for name, check in (
        ("plan", _whole),
        ("change", _digests),
        ("declaration", _declaration),
        ("proposal", _proposal),
        ("facts", fact_checks),
        ("rendering", _rendering),
    ):
        checks += _safely(name, partial(check, contents))
    known = trust or AuditTrust()
    checks += _safely("validators", lambda: validator_checks(contents, known.keys))
    checks += _safely("secrets", lambda: _secrets(contents))
    checks += _safely("decisions", lambda: _decisions(contents))
    checks += _safely("signatures", lambda: signature_checks(contents, known.keys))
    checks += _safely("step", lambda: step_checks(contents))
    checks += _safely("zone file", lambda: zone_checks(contents))
    checks += _safely("export", lambda: export_checks(contents, known.keys))
    checks += _safely("roll-outs", lambda: rollout_checks(contents))
    checks += _safely("journal", lambda: journal_checks(contents, known.checkpoint, known.ledger_key))
    checks += _safely("witnesses", lambda: witness_checks(contents, known))
    return tuple(checks)


def _safely(name: str, run: Callable[[], Iterator[Check]]) -> list[Check]:
    """A check that stumbles over what it finds is wrong, never passed over."""
    try:
        return list(run())
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, LedgerError) as error:
        return [wrong(name, f"cannot be checked: {str(error).splitlines()[0] if str(error) else type(error).__name__}")]


def _whole(contents: Contents) -> Iterator[Check]:
    """The plan names every file by its digest, and nothing else is there."""
    faults = [
        f"{path} differs from the file that the plan names"
        for path, digest in contents.plan.files.items()
        if not (path == SNAPSHOT and contents.partial is not None)
        and (path not in contents.texts or digest_of(contents.texts[path]) != digest)
    ]
    faults += [f"nothing in the bundle refers to {path}" for path in contents.unnamed()]
    faults += [f"{path} is missing" for path in sorted(contents.named() - contents.texts.keys()) if "/" in path]
    yield all_or_wrong("plan", faults, f"names {len(contents.plan.files)} files by digest; every content is there")


def _digests(contents: Contents) -> Iterator[Check]:
    """Change, demand, zone and files are bound to each other by their digests."""
    plan, demand = contents.plan, contents.demand
    places = {name: parse_place(text) for name, text in plan.places.items()}
    seats = {name: seat for name, (seat, _) in places.items()}
    addresses = {name: pools for name, (_, pools) in places.items()}
    change = change_digest(demand.digest(), seats, addresses, digest_of(contents.texts[RENDERED]))
    zone = zone_digest(contents.zone)
    pairs = (
        ("the demand", plan.demand_digest, demand.digest()),
        ("the demand's file", plan.demand_digest, digest_of(contents.texts["demand.json"])),
        ("the rendered files", plan.rendered_digest, digest_of(contents.texts[RENDERED])),
        ("the snapshot", plan.snapshot, digest_of(contents.texts.get(SNAPSHOT, ""))),
        ("the zone's file", plan.zone_digest, zone),
        ("the zone that the demand is for", demand.zone_digest, zone),
        ("the change", plan.change_digest, change),
    )
    faults = [
        f"{what}: expected {said[7:19]}, as in the plan, got {found[7:19]}"
        for what, said, found in pairs
        if said != found and not (what == "the snapshot" and contents.partial is not None)
    ]
    for what, said, found in (("zone", plan.zone, demand.zone), ("party", plan.party, demand.party)):
        faults += [f"the {what} is {found} in the demand, {said} in the plan"] if said != found else []
    faults += ["the snapshot belongs to another stack"] if contents.snapshot.stack_id != plan.stack_id else []
    yield all_or_wrong("change", faults, f"{plan.change_digest[7:19]} is this demand at these places with these files")


def _declaration(contents: Contents) -> Iterator[Check]:
    """The declaration's texts give the demand."""
    names = [name for name in contents.inputs if "/" not in name and name not in (ZONE_FILE, OVERLAY)]
    if len(names) != 1 or ZONE_FILE not in contents.inputs:
        yield open_("declaration", "the bundle has no declaration files; it was built in Python")
        return
    with contents.input_folder() as folder:
        loaded = load_stack(folder / names[0])
    if loaded.declaration is None:
        yield wrong("declaration", f"{INPUTS}/{names[0]} has faults: {loaded.problems[0]}")
        return
    same = demand_of(loaded.declaration, contents.plan.party).digest() == contents.plan.demand_digest
    what = f"{', '.join(sorted(name for name in contents.inputs if not name.startswith(f'{FOLDER}/')))} give"
    yield good("declaration", f"{what} the demand") if same else wrong("declaration", f"{what} another demand")


def _proposal(contents: Contents) -> Iterator[Check]:
    """The plan keeps to the proposal that was rendered."""
    plan, offered = contents.plan, contents.proposal
    places = {name: place_text(seat, offered.addresses.get(name, {})) for name, seat in offered.seats.items()}
    faults = ["its places differ from those of the plan"] if places != plan.places else []
    faults += ["its read set differs from that of the plan"] if offered.premises != plan.premises else []
    faults += ["its impact differs from that of the plan"] if offered.impact != plan.impact else []
    faults += ["it is for another demand"] if offered.demand_digest != plan.demand_digest else []
    yield all_or_wrong(
        "proposal", faults, f"{len(places):,} places and {len(plan.premises):,} preconditions as planned"
    )


def _rendering(contents: Contents) -> Iterator[Check]:
    """Rendering again gives the same bytes; templates of the zone's own come with the bundle, and run contained."""
    recorded = contents.index(RENDERED)
    formats, problems = contents.formats
    if problems:
        yield wrong("rendering", f"{INPUTS}/{problems[0]}")
        return
    try:
        files = rendered_files(contents.demand, contents.proposal, formats)
    except RenderError as error:
        yield wrong("rendering", f"nothing can be rendered: {error}")
        return
    again = {path: digest_of(text) for path, text in files.items()}
    faults = [
        f"{path} gets other bytes when it is rendered again" for path in sorted(recorded.keys() | again.keys())
        if recorded.get(path) != again.get(path)
    ]  # fmt: skip
    here, there = versions(), contents.plan.versions
    other = [
        f"{name} {there.get(name, 'none')[:19]}, here {here[name][:19]}"
        for name in here
        if here[name] != there.get(name)
    ]
    if faults and any(here[name] != there.get(name) for name in ("templates", "zonewright")):
        # Templates get better from version to version, so other bytes prove nothing about a file of an older one.
        yield open_(
            "rendering",
            f"{len(faults):,} of {len(recorded):,} files get other bytes here, and the plan was made with "
            f"{', '.join(other)}; verify with these versions to compare the bytes",
        )
        return
    if faults and other:
        faults.append(f"planned with {', '.join(other)}")
    yield all_or_wrong("rendering", faults, f"{len(recorded):,} files have the same bytes when they are rendered again")


def _secrets(contents: Contents) -> Iterator[Check]:
    """Nothing in the bundle looks like a secret."""
    yield all_or_wrong("secrets", map(str, scanned(contents)), "nothing looks like one")


def _decisions(contents: Contents) -> Iterator[Check]:
    """Rules, figures, risk and premises on the facts of the plan, and on those of each decision."""
    if contents.partial is not None:
        yield from unseen()
        return
    again = _again(contents, contents.snapshot)
    yield from _judged(contents, contents.snapshot, again, "when it was planned")
    yield _sites(contents, again)
    for entry in contents.decisions():
        snapshot = Snapshot.model_validate_json(contents.object(str(entry.payload["snapshot"])))
        word = f"when it was {entry.kind}"
        if snapshot.at[:16] > entry.at[:16] or snapshot.stack_id != contents.plan.stack_id:
            yield wrong(f"snapshot {word}", f"the snapshot is of {snapshot.at}, but the decision is of {entry.at}")
        judged = _again(contents, snapshot)
        risk, held = str(entry.payload.get("risk")), entry.kind == "admitted"
        yield from _judged(contents, snapshot, judged, word, risk=risk, held=held)


def _sites(contents: Contents, again: Again) -> Check:
    """What was rendered for the sites is what the ledger had of them."""
    faults = []
    for site, data in contents.proposal.sites.items():
        held = again.facts.sites.get(site)
        known = held.model_dump(mode="json", exclude_defaults=True, exclude={"rooms"}) if held is not None else None
        if canonical_json(known) != canonical_json(data):
            faults.append(f"{site} in {PROPOSAL} differs from the site in the snapshot")
    return all_or_wrong(
        "sites",
        faults,
        f"{count_of(len(contents.proposal.sites), 'site')} with the data that the ledger had; declarations of sites "
        "are not in the bundle",
    )


def _again(contents: Contents, snapshot: Snapshot) -> Again:
    return judge_again(snapshot, contents.facts(snapshot), contents.plan, contents.texts["demand.json"])


def _judged(
    contents: Contents, snapshot: Snapshot, again: Again, word: str, *, risk: str | None = None, held: bool = False
) -> Iterator[Check]:
    plan = contents.plan
    pending = own_renames(contents.demand, contents.proposal.renamed)
    yield from pruned_checks(contents.facts(snapshot), snapshot.at, contents.journal, word, pending)
    yield _findings(f"rules {word}", again.findings, snapshot.findings)
    if again.figures != snapshot.figures:
        names = sorted(
            site
            for site in again.figures.keys() | snapshot.figures.keys()
            if again.figures.get(site) != snapshot.figures.get(site)
        )
        gone = [hole for site in names for hole in holes(contents.facts(snapshot), site, snapshot.at)]
        why = f"; {'; '.join(gone)}: readings that were removed earlier cannot be recomputed" if gone else ""
        yield wrong(f"energy ratio {word}", f"the recorded registers give other figures for {', '.join(names)}{why}")
    elif again.figures:
        sums = f" and {count_of(again.sums, 'hourly sum')}" if again.sums else ""
        yield good(f"energy ratio {word}", f"{_figures(again)}, from {again.readings:,} recorded readings{sums}")
    else:
        yield open_(f"energy ratio {word}", "no site of the change is measured; its load model is declared")
    said = plan.risk if risk is None else risk
    sentence = f"{said}" if again.risk == said else f"recorded as {said}, but it is {again.risk}"
    yield good(f"risk {word}", sentence) if again.risk == said else wrong(f"risk {word}", sentence)
    if risk is None:
        unknown = _undecided(again.findings, snapshot.findings)
        accepted = [
            (item.rule, item.subject, item.value, item.excess) for item in plan.accepts if item.rule not in unknown
        ]
        asked = [
            (item.rule, item.subject, item.value, item.excess)
            for item in again.findings
            if item.level == "approval" and item.waiver is None and item.rule not in unknown
        ]
        if accepted != asked:
            yield wrong("what is to be approved", "the findings of the plan differ from those of the rules")
    if held:
        detail = f"{len(plan.premises):,} hold"
        yield all_or_wrong(f"premises {word}", again.broken, detail)


def _findings(name: str, again: list[Finding], recorded: list[Finding]) -> Check:
    """What the rules find, against what was recorded; words alone may differ, because versions word them otherwise."""
    count = count_of(len(again), "finding")
    if again == recorded:
        return good(name, f"{count}, as recorded")
    unknown = _undecided(again, recorded)
    kept, known = ([one for one in found if one.rule not in unknown] for found in (again, recorded))
    if [*map(_wordless, kept)] != [*map(_wordless, known)]:
        return wrong(name, _other(kept, known))
    if unknown:
        why = next((one.message for one in again if one.is_undecided), "the ledger had no answer of it")
        return open_(name, f"{', '.join(sorted(unknown))} cannot be compared, all others are as recorded: {why}")
    others = [one for one, two in zip(again, recorded, strict=True) if one != two]
    words = f"the words at {others[0].rule} of {others[0].subject}" + (" and others" if others[1:] else "")
    return open_(
        name, f"{count} with the recorded figures; {words} differ from this version's, so only the signatures bind them"
    )


def _undecided(again: list[Finding], recorded: list[Finding]) -> frozenset[str]:
    """Rules of the zone's own that had no answer, here or then: that is no proof of another answer."""
    return frozenset(one.rule for one in (*again, *recorded) if one.is_undecided)


def _wordless(finding: Finding) -> Finding:
    return replace(finding, message="", fix="")


def _figures(again: Again) -> str:
    return ", ".join(
        f"{site} trailing {ratio_text(one['trailing_ratio'])} {one['trailing']}" for site, one in again.figures.items()
    )


def _other(again: list[Finding], recorded: list[Finding]) -> str:
    lost = [item for item in recorded if item not in again]
    new = [item for item in again if item not in recorded]
    parts = [f"recorded, but not found again: {item.rule} at {item.subject}" for item in lost[:2]]
    parts += [f"found, but not recorded: {item.rule} at {item.subject}" for item in new[:2]]
    return "; ".join(parts) or "the same findings in another order"
