"""One answer at every door: what is said of a folder is said of the same files against a ledger, figure by figure.

Each case goes through check of the folder, check against a ledger, preview, the policy pack, `up` and `ledger load`,
owner by owner: a folder with the files that the ledger holds, and with the one that comes, is the same state. The
engine's part of preview, `up` and the policy pack is shown on a few of them in ``tests/engine``.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from support.case_zone import CaseZone, all_cases
from support.doors import Step, Told, folder, told, with_owner
from support.own_rule_code import COUNTS, own_pack
from support.rule_cases import FILES, documents
from support.soak import is_full
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Declaration
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.own_rule import OwnRuleSubject
from zonewright.rules import RULES
from zonewright.rules.finding import Finding

TOLD_BY_THE_LEDGER_ONLY = {
    "fill-before-open": "a folder does not say who stood first, so nothing in it opens a room",
    "feed-kept": "a folder does not say which feeds a row had before",
}
TOLD_OTHERWISE_BY_A_FOLDER = {
    "offered-power": "who stands in an offer of others is told for its place alone; a folder is read by all",
    "zone-utilization": "a ledger knows what was there before: a site that is new to it is no growth",
}
ADVISED_BY_A_LEDGER = {
    "dual-power": "a ledger knows which nodes stood there already, and a folder takes all of them as new",
}
"""Rules of which a ledger may advise what a folder refuses, with the same figures; never the other way."""
NOT_DECLARED = {"pue-gate", "name-owner"}
"""Rules whose cases are all about what a change was before, or about who had a name first."""
BY_THE_DAY = {"lease-term"}
"""Rules that find something only on days that no case can choose: test_ledger_leases.py moves the clock."""


def owners_of(case: CaseZone, *, backwards: bool) -> Iterator[tuple[Declaration, str]]:
    """Who comes to the ledger and with which file: operators, carriers, then tenants in one order or the other.

    Where it is the operator's file that changes, the operator comes a last time, with the later one.
    """
    if case.is_of_operator:
        earlier = replace(case.after, owners={**case.after.owners, "op": case.before.owners["op"]})
        yield from owners_of(CaseZone(before=case.before, after=earlier), backwards=backwards)
        yield case.after, "op"
        return
    files = case.after.owners
    names = sorted(files, reverse=backwards)
    for owner in sorted(names, key=lambda name: (not files[name].sites, not files[name].ducts, not files[name].links)):
        early = case.before.owners.get(owner)
        if early is not None and early != files[owner] and early.clusters:
            yield case.before, owner
        yield case.after, owner


def expect_same(step: Step, found: Sequence[Finding], door: str, findings: Sequence[Finding]) -> None:
    """A door tells nothing that the folder does not tell, and all of it in which the owner takes part."""
    if door in {"up", "ledger load"} and any(one.refuses for one in findings):
        found = [one for one in found if one.refuses]  # a refusal shows what refuses
    extra = {one for one in told(findings) - told(found) if one[0] not in TOLD_BY_THE_LEDGER_ONLY}
    mine = [
        one
        for one in found
        if any(item.party == step.owner for item in one.participants) and not is_share_of_another(one, step.owner)
    ]
    lacking = told(mine) - told(findings)
    by_figures = {(one[0], *one[2:]): one for one in lacking if one[0] in ADVISED_BY_A_LEDGER and one[1] != "advisory"}
    advised = {one for one in extra if one[1] == "advisory" and (one[0], *one[2:]) in by_figures}
    extra -= advised
    lacking -= {by_figures[one[0], *one[2:]] for one in advised}
    assert _compared(extra) == _compared(lacking) == set(), f"{door} of {step.owner}: {extra} beside, {lacking} not"


def is_share_of_another(finding: Finding, owner: str) -> bool:
    """Whether somebody else has more than an equal share of a quota: a ledger says so to whoever would take it."""
    _, is_share, whose = finding.subject.partition(" of ")
    return finding.rule == "quota" and bool(is_share) and whose != owner


def expect_part(found: Sequence[Finding], alone: Sequence[Finding]) -> None:
    """Without a ledger, a policy pack says nothing of a stack that folder and ledger do not say, and not more of it.

    What others have adds to the figures, and which of two nodes of a stack has to move may differ.
    """
    most: dict[tuple[str, str], int] = {}
    for one in found:
        most[one.rule, one.subject] = max(one.excess, most.get((one.rule, one.subject), -1))
    more = [one for one in alone if one.excess > most.get((one.rule, one.subject), -1)]
    assert more == []


def _compared(findings: set[Told] | frozenset[Told]) -> set[Told]:
    return {one for one in findings if one[0] not in TOLD_OTHERWISE_BY_A_FOLDER}


@pytest.fixture(name="kept", scope="module")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where ledgers are kept by what was loaded into them: many cases begin alike."""
    return tmp_path_factory.mktemp("kept")


def begun(kept: Path, at: Path, declaration: Declaration, loads: Sequence[tuple[Declaration, str]]) -> list[str]:
    """Put a ledger into a folder that owners were loaded into, once for all cases; gives those who were admitted."""
    files = [declaration.zone.model_dump(mode="json")]
    held: list[str] = []
    source = kept / f"{digest_of(canonical_json(files))[7:]}.db"
    if not source.exists():
        with LedgerClient(f"sqlite:///{source}", create=True) as client:
            client.call(verbs.INIT, InitRequest(zone=declaration.zone))
    for now, owner in loads:
        files += [now.owners[owner].model_dump(mode="json")]
        before, source = source, kept / f"{digest_of(canonical_json(files))[7:]}.db"
        if not source.exists():
            shutil.copy(before, source)
            with LedgerClient(f"sqlite:///{source}") as client:
                step = Step(client=client, declaration=with_owner(now, held, owner), owner=owner)
                expect_same(step, folder(step.declaration), "ledger load", step.load())
        held.append(owner)
    shutil.copy(source, at)
    return held


@pytest.mark.parametrize("rule", [rule.id for rule in RULES if rule.id not in NOT_DECLARED])
def test_a_rule_has_one_answer(rule: str, kept: Path, tmp_path: Path) -> None:
    """What of a rule's cases can be declared gets one answer at every door, in either order of owners.

    In a soak each case has both orders; else they take turns, and of each file one case is taken: the first that can be
    declared and finds something, if there is one; where the rule itself then says nothing, the next. It asks all doors.
    """
    said: set[str] = set()
    for first in (0, 1):
        for path in (path for path in FILES if path.parent.name == rule and (rule not in said or not first)):
            for number, case in chosen(path, first).items():
                turn = number + FILES.index(path)
                for backwards in (False, True) if is_full() else (bool(turn // 2 % 2),):
                    at = tmp_path / f"{path.stem}-{number}-{backwards}.db"
                    said |= through_all(case, kept, at, ("up", "ledger load"), backwards=backwards)
    assert rule in said or rule in BY_THE_DAY


@pytest.mark.parametrize("of", ["rack", "cluster", "zone"])
def test_a_rule_of_the_zones_own_has_one_answer(of: OwnRuleSubject, kept: Path, tmp_path: Path) -> None:
    """Its code runs in the ledger's transaction as in a folder, and refuses at every door by the same figures."""
    case = next(
        case
        for path, group in all_cases().items()
        if (path.parent.name, path.stem) == ("apart", "passing-other-rack")
        for case in group
        if isinstance(case, CaseZone)
    )
    pack = own_pack(of=of, code=COUNTS[of], limit=0)
    before, after = (
        replace(one, zone=one.zone.model_copy(update={"rule_packs": {"own": pack}, "rule_pack": "own"}))
        for one in (case.before, case.after)
    )
    own = CaseZone(before=before, after=after)
    assert "own/counted" in through_all(own, kept, tmp_path / "own.db", ("up", "ledger load"), backwards=False)


def chosen(path: Path, first: int) -> dict[int, CaseZone]:
    """The cases of a file that are taken through the doors in this run, by number; those after the first ones too."""
    cases = {number: case for number, case in enumerate(all_cases()[path]) if isinstance(case, CaseZone)}
    with_findings = [number for number in cases if documents(path)[number]["findings"]]
    if is_full():
        return {} if first else cases
    return {number: cases[number] for number in (with_findings or [*cases])[first : first + 1]}


def test_most_cases_can_be_declared() -> None:
    """Two thirds of all cases and more go through the doors; each other one says why no files make its state."""
    cases = [case for group in all_cases().values() for case in group]
    assert 3 * sum(isinstance(case, CaseZone) for case in cases) > 2 * len(cases)
    assert all(case for case in cases)
    rules = {path.parent.name for path, group in all_cases().items() if any(isinstance(one, CaseZone) for one in group)}
    assert {rule.id for rule in RULES} - rules == NOT_DECLARED


def through_all(case: CaseZone, kept: Path, at: Path, doors: Sequence[str], *, backwards: bool) -> set[str]:
    """Take a case through the doors, ``doors`` where it is refused; gives the rules that something was said of."""
    steps = list(owners_of(case, backwards=backwards))
    judged = Folders()
    first = next(number for number in range(len(steps)) if is_judged(steps, number, judged))
    held = begun(kept, at, case.after, steps[:first])
    rules: set[str] = set()
    with LedgerClient(f"sqlite:///{at}") as client:
        for now, owner in steps[first:]:
            step = Step(client=client, declaration=with_owner(now, held, owner), owner=owner)
            found, said = judged.findings(now, held, owner), step.asked()
            expect_same(step, found, "check --stack", said["check --stack"])
            assert said["preview"] == said["check --stack"] == said["policy pack"]
            expect_part([*found, *said["preview"]], said["policy pack alone"])
            rules |= {one.rule for one in said["preview"]}
            if any(one.refuses for one in said["preview"]):
                for door in doors:
                    expect_same(step, found, door, step.up() if door == "up" else step.load())
            elif (now, owner) != steps[-1]:
                expect_same(step, found, "ledger load", step.load())
                held.append(owner)
            elif is_full():
                expect_same(step, found, "up", step.up())
    return rules


@dataclass
class Folders:
    """What is said of folders of one case, each judged once: a declaration stays as long as its case."""

    found: dict[tuple[int, frozenset[str]], Sequence[Finding]] = field(default_factory=dict)

    def findings(self, declaration: Declaration, held: Sequence[str], owner: str) -> Sequence[Finding]:
        """What is said of a folder with the files of some owners, and of one more."""
        key = id(declaration), frozenset((*held, owner))
        if key not in self.found:
            self.found[key] = folder(with_owner(declaration, held, owner))
        return self.found[key]


def is_judged(steps: Sequence[tuple[Declaration, str]], number: int, judged: Folders) -> bool:
    """Whether an owner is asked about at each door: the last one, and whoever a folder has something against."""
    now, owner = steps[number]
    is_last = number + 1 == len(steps)
    before = [name for _, name in steps[:number]]
    return is_last or any(one.refuses for one in judged.findings(now, before, owner))
