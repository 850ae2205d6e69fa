"""Signed statements: what counts as an approval, what does not, and that others verify our envelopes."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as OtherEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer._key import SSlibKey

from support.signing import key_of, policy, zone_with
from zonewright.model import Zone
from zonewright.seal import SealError
from zonewright.seal.decide import ApprovalState, Decision, approved
from zonewright.seal.dsse import PAYLOAD_TYPE, Envelope, Signature, pae, read_envelope, sign
from zonewright.seal.keys import ed25519_key, key_id
from zonewright.seal.statement import EXPORT_TYPE, PLAN_TYPE, VERDICT_TYPE, Statement, read_statement
from zonewright.seal.votes import Planned, ReceivedEnvelope, exporter_of

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
CHANGE, PLAN = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
PLANNED = Planned(
    zone="small",
    stack_id="stack-of-a",
    party="tenant-a",
    change=CHANGE,
    plan=PLAN,
    risk="normal",
    emergency=False,
    planned_at=AT.isoformat(),
    follows=4,
)


def zone(**policies: Any) -> Zone:
    """The small zone; one policy of two operators unless others are given."""
    return Zone.model_validate(zone_with(**(policies or {"two": policy({"operators": 2})})))


def statement(kind: str, signer: str, when: datetime, planned: Planned = PLANNED, **more: Any) -> Statement:
    """A statement about the plan."""
    said: dict[str, Any] = {
        "zone": planned.zone,
        "stack_id": planned.stack_id,
        "signer": signer,
        "at": when.isoformat(),
    }
    said |= {"follows": planned.follows, **more}
    return Statement(change=planned.change, plan=planned.plan, kind=kind, predicate=said)


def author(signer: str = "anna", planned: Planned = PLANNED) -> str:
    """The author's envelope."""
    return sign(statement(PLAN_TYPE, signer, AT, planned).text(), key_of(signer)).text()


def verdict(signer: str, word: str = "approve", *, hours: float = 1, key: str = "", **more: Any) -> str:
    """A verdict's envelope."""
    said = statement(VERDICT_TYPE, signer, AT + timedelta(hours=hours), verdict=word, **{"comment": "", **more})
    return sign(said.text(), key_of(key or signer)).text()


def received(text: str, now: datetime) -> ReceivedEnvelope:
    """An envelope that the ledger received when it was signed, but not after now."""
    try:
        payload = json.loads(base64.b64decode(json.loads(text)["payload"]))
        return ReceivedEnvelope(text, min(now, datetime.fromisoformat(payload["predicate"]["at"])))
    except (ValueError, KeyError, TypeError, RecursionError):
        return ReceivedEnvelope(text, now)


def decide(
    *verdicts: str | ReceivedEnvelope, by: str | None = "", of: Zone | None = None, hours: float = 2, **more: Any
) -> Decision:
    """The decision two hours after the plan."""
    planned = replace(PLANNED, **{key: more.pop(key) for key in ("emergency", "risk", "stack_id") if key in more})
    signed = author(planned=planned) if by == "" else by
    now = AT + timedelta(hours=hours)
    by_author = None if signed is None else received(signed, now)
    came = [one if isinstance(one, ReceivedEnvelope) else received(one, now) for one in verdicts]
    return approved(of or zone(), planned, author=by_author, verdicts=came, now=now, **more)


def test_two_of_two_approve() -> None:
    """As many approvals as the policy says of the named group let a change pass, and one less does not."""
    assert decide(verdict("ben"), verdict("bea")).state == "approved"
    short = decide(verdict("ben"))
    assert (short.state, short.sentences) == ("missing", ("policy two: 1 of 2 approvals from operators",))


def test_no_policy_means_no_approval_is_needed_unless_a_rule_asks_for_one() -> None:
    """A zone without a policy for the risk lets a change pass, but never one that a rule wants approved."""
    only_high = zone(one=policy({"safety": 1}, risks=["high"]))
    assert decide(by=None, of=only_high).state == "not-needed"
    assert decide(by=None, of=only_high).reviewed is False
    asked = decide(by=None, of=only_high, required=True)
    assert asked.state == "missing"
    assert "zone.yaml has no approval policy for changes of risk normal by tenant-a" in asked.sentences[0]


def test_one_person_counts_once() -> None:
    """A person counts in one group only, and once, however often she signs; the assignment is the best there is."""
    two_groups = zone(both=policy({"operators": 1, "safety": 1}))
    assert decide(verdict("bea"), verdict("bea", hours=1.5), of=two_groups).state == "missing"
    assert decide(verdict("bea"), verdict("ben"), of=two_groups).state == "approved"
    assert decide(verdict("bea"), verdict("carl"), of=two_groups).state == "approved"
    assert decide(verdict("carl"), verdict("bea"), of=zone(two=policy({"operators": 2}))).state == "missing"


@pytest.mark.parametrize("word", ["approve", "reject"])
def test_of_two_equal_verdicts_the_later_one_received_is_held(word: str) -> None:
    """Where a person says the same twice at one moment, what is told is what came last."""
    one, two = (verdict("ben", word, comment=comment) for comment in ("first", "second"))
    for order, comment in (((one, two), "second"), ((two, one), "first")):
        assert [vote.comment for vote in decide(*order).votes] == [comment]


def test_every_policy_that_matches_must_be_met() -> None:
    """A second policy can only tighten."""
    both = zone(one=policy({"operators": 1}), two=policy({"safety": 1}, parties=["tenant-a"]))
    assert decide(verdict("ben"), of=both).state == "missing"
    assert decide(verdict("ben"), verdict("carl"), of=both).state == "approved"
    elsewhere = zone(one=policy({"operators": 1}), two=policy({"safety": 1}, parties=["tenant-b"]))
    assert decide(verdict("ben"), of=elsewhere).state == "approved"


def test_a_rejection_stops_it_until_it_is_taken_back() -> None:
    """One rejection outweighs approvals; the last word of a person counts, and at one moment the rejection."""
    refused = decide(verdict("ben"), verdict("bea"), verdict("ben", "reject", hours=1.5))
    assert (refused.state, refused.sentences) == ("rejected", ("rejected by ben: no reason given",))
    assert (refused.author, [one.verdict for one in refused.votes]) == ("anna", ["approve", "reject"])
    assert decide(verdict("bea"), verdict("ben", "reject"), verdict("ben", hours=1.5)).state == "approved"
    for order in ((verdict("ben"), verdict("ben", "reject")), (verdict("ben", "reject"), verdict("ben"))):
        assert decide(verdict("bea"), *order).state == "rejected"


VOID: dict[str, tuple[Callable[[], str], str]] = {
    "another change": (
        lambda: sign(
            replace(
                statement(VERDICT_TYPE, "ben", AT, verdict="approve", comment=""), change=f"sha256:{'c' * 64}"
            ).text(),
            key_of("ben"),
        ).text(),
        "it is for another change",
    ),
    "another plan of the same change": (
        lambda: sign(
            replace(
                statement(VERDICT_TYPE, "ben", AT, verdict="approve", comment=""), plan=f"sha256:{'c' * 64}"
            ).text(),
            key_of("ben"),
        ).text(),
        "it is for another change",
    ),
    "another stack": (lambda: verdict("ben", stack_id="stack-of-b"), "it is for stack_id 'stack-of-b'"),
    "another zone": (lambda: verdict("ben", zone="large"), "it is for zone 'large'"),
    "the author": (lambda: verdict("anna"), "anna is the author of the plan"),
    "a removed key": (lambda: verdict("ben", key="somebody-else"), "no signer of this zone has that key now"),
    "a borrowed name": (lambda: verdict("bea", key="ben"), "it names 'bea' as the signer, but the key belongs to ben"),
    "the future": (lambda: verdict("ben", hours=9), "in the future"),
    "before the plan": (lambda: verdict("ben", hours=-1), "before the plan was made"),
    "no moment": (lambda: verdict("ben", at="2026-11-24T13:00:00"), "expected a time as ISO 8601"),
    "another word": (lambda: verdict("ben", "applaud"), "expected approve or reject"),
    "an author's statement": (
        lambda: sign(statement(PLAN_TYPE, "ben", AT, verdict="approve").text(), key_of("ben")).text(),
        "got 'urn:zonewright:change-plan:v1'",
    ),
    "an unknown predicate": (
        lambda: sign(statement("urn:somebody:else", "ben", AT, verdict="approve").text(), key_of("ben")).text(),
        f"its predicate is 'urn:somebody:else', expected one of {PLAN_TYPE}, {VERDICT_TYPE}, {EXPORT_TYPE}",
    ),
    "a weaker digest": (lambda: weaker("sha1"), "is named by sha1, expected sha256 alone"),
    "a weaker digest beside": (lambda: weaker("sha256", "md5"), "is named by md5, sha256, expected sha256 alone"),
    "another payload type": (lambda: retyped("ben"), "the payload is of type 'text/plain'"),
    "two signatures": (lambda: twice("ben", "bea"), "it has 2 signatures"),
    "no envelope": (lambda: "{}", "it is not a DSSE envelope"),
    "no JSON": (lambda: "approved", "it is not JSON"),
    "deep JSON": (lambda: "[" * 100_000, "it is not JSON"),
}


def weaker(*algorithms: str) -> str:
    """A verdict whose subjects have other digests."""
    data = json.loads(statement(VERDICT_TYPE, "ben", AT, verdict="approve", comment="").text())
    for subject in data["subject"]:
        subject["digest"] = dict.fromkeys(algorithms, subject["digest"]["sha256"])
    return sign(json.dumps(data), key_of("ben")).text()


def retyped(signer: str) -> str:
    """A verdict that is rightly signed under another payload type."""
    payload = statement(VERDICT_TYPE, signer, AT, verdict="approve", comment="").text().encode()
    key = key_of(signer)
    one = Signature(keyid=key_id(key.public), sig=key.sign(pae("text/plain", payload)))
    return Envelope(payload=payload, payload_type="text/plain", signatures=(one,)).text()


def twice(*people: str) -> str:
    """One envelope with several signatures."""
    payload = statement(VERDICT_TYPE, people[0], AT, verdict="approve", comment="").text()
    signed = [sign(payload, key_of(person)) for person in people]
    return replace(signed[0], signatures=tuple(one.signatures[0] for one in signed)).text()


@pytest.mark.parametrize("name", VOID)
def test_what_is_no_approval(name: str) -> None:
    """A void envelope is as good as none, and the decision says why."""
    make, sentence = VOID[name]
    found = decide(verdict("bea"), make())
    assert found.state == "missing"
    assert "policy two: 1 of 2 approvals from operators" in found.sentences
    assert any(sentence in one for one in found.sentences), found.sentences


def test_approvals_grow_old() -> None:
    """An approval counts for the hours that the policy says, and its end is told."""
    found = decide(verdict("ben"), verdict("bea", hours=2), hours=73)
    assert (found.state, found.valid_until) == ("approved", AT + timedelta(hours=73))
    late = decide(verdict("ben"), verdict("bea", hours=2), hours=73.01)
    assert late.state == "missing"
    assert "the approval of ben of 2026-11-24T13:00 is older than 72 h" in late.sentences


@pytest.mark.parametrize(
    ("by", "sentence"),
    [
        (None, "nobody has signed the plan"),
        (author("ben"), "ben acts for operator, but the change belongs to tenant-a"),
        (author(planned=replace(PLANNED, plan=f"sha256:{'c' * 64}")), "it is for another change"),
        (verdict("anna"), "expected a signature of type 'urn:zonewright:change-plan:v1'"),
    ],
)
def test_without_an_author_there_is_no_approval(by: str | None, sentence: str) -> None:
    """The plan must be signed by a person of the acting party."""
    found = decide(verdict("ben"), verdict("bea"), by=by)
    assert found.state == "missing"
    assert sentence in found.sentences[0]


def test_signatures_count_while_a_signer_is_in_service() -> None:
    """Outside a signer's days her signature is void."""
    data = zone_with(two=policy({"operators": 2}))
    data["signers"]["ben"]["valid_until"] = "2026-11-23"
    found = decide(verdict("ben"), verdict("bea"), of=Zone.model_validate(data))
    assert any("signatures of ben are valid from ever until 2026-11-23" in one for one in found.sentences)


def served(person: str, **dates: str) -> Zone:
    """The small zone where two operators approve, or one in an emergency, with the dates of one signer."""
    data = zone_with(two=policy({"operators": 2}, emergency={"needs": {"operators": 1}, "review_hours": 24}))
    data["signers"][person] |= dates
    return Zone.model_validate(data)


def test_a_signature_dated_back_does_not_count_after_its_signers_last_day() -> None:
    """When a verdict was received decides on its signer's dates, whatever moment the signer wrote into it."""
    of = served("ben", valid_until="2026-11-24")
    in_time = ReceivedEnvelope(verdict("ben"), AT + timedelta(hours=1))
    late = ReceivedEnvelope(verdict("ben"), AT + timedelta(hours=13))
    assert decide(in_time, verdict("bea"), of=of).state == "approved"
    told = decide(late, verdict("bea"), of=of, hours=13).sentences
    assert any("are valid from ever until 2026-11-24, not on 2026-11-25" in one for one in told)


def test_a_signer_who_left_before_the_admission_does_not_count_for_it() -> None:
    """A verdict that was received in time is void at an admission after its signer's last day."""
    of = served("ben", valid_until="2026-11-24")
    assert decide(verdict("ben"), verdict("bea"), of=of, hours=11).state == "approved"
    assert decide(verdict("ben"), verdict("bea"), of=of, hours=12).state == "missing"
    told = decide(verdict("ben"), verdict("bea"), of=served("anna", valid_until="2026-11-24"), hours=12)
    assert told.sentences[0].startswith("author's signature: signatures of anna are valid from ever until 2026-11-24")


def test_a_review_stays_done_when_its_reviewer_leaves() -> None:
    """A review after an emergency's admission is judged when it was received, and by no later moment."""
    review = verdict("bea", hours=20)
    for of in (served("bea", valid_until="2026-11-25"), served("bea", valid_from="2026-11-25")):
        found = decide(verdict("ben"), review, of=of, emergency=True, hours=500, admitted_at=AT + timedelta(hours=2))
        assert found.reviewed


def test_days_of_a_signer_are_days_in_utc() -> None:
    """The day of a moment is the one in UTC, also where the ledger's time is written with another offset."""
    east = timezone(timedelta(hours=14))
    of = served("ben", valid_until="2026-11-24")
    at = (AT + timedelta(hours=11)).astimezone(east)
    assert at.date().isoformat() == "2026-11-25"
    assert decide(ReceivedEnvelope(verdict("ben"), at), verdict("bea"), of=of, hours=11).state == "approved"


@pytest.mark.parametrize("follows", [3, None, True, "4"])
def test_a_signature_names_the_step_of_its_plan(follows: object) -> None:
    """A plan's or a verdict's signature that names another step, or none, does not count."""
    other = verdict("ben", follows=follows)
    told = decide(other, verdict("bea")).sentences
    assert any(f"it is for what follows step {follows}, but the plan follows step 4" in one for one in told)
    by = sign(statement(PLAN_TYPE, "anna", AT, follows=follows).text(), key_of("anna")).text()
    assert "the plan follows step 4" in decide(verdict("ben"), verdict("bea"), by=by).sentences[0]


@pytest.mark.parametrize(
    ("now", "open_"),
    [
        ("2026-11-24T21:59:00+08:00", False),
        ("2026-11-24T22:00:00+08:00", True),
        ("2026-11-25T05:59:00+08:00", True),
        ("2026-11-25T06:00:00+08:00", False),
        ("2026-11-25T23:00:00+08:00", False),
    ],
)
def test_the_window_across_midnight(now: str, *, open_: bool) -> None:
    """A window from 22:00 to 06:00 on Tuesdays is open on Wednesday morning in its own time zone."""
    window = {"days": ["tue"], "opens": "22:00", "closes": "06:00", "time_zone": "Asia/Shanghai"}
    of = zone(two=policy({"operators": 2}, window=window))
    hours = (datetime.fromisoformat(now) - AT) / timedelta(hours=1)
    found = decide(verdict("ben"), verdict("bea"), of=of, hours=hours)
    assert found.state == ("approved" if open_ else "missing")


def test_the_emergency_lane() -> None:
    """An emergency passes with what its lane asks for, and says until when the full policy must have reviewed it."""
    lane = zone(two=policy({"operators": 2}, emergency={"needs": {"operators": 1}, "review_hours": 24}))
    assert decide(of=lane, emergency=True).state == "missing"
    urgent = decide(verdict("ben"), of=lane, emergency=True)
    assert (urgent.state, urgent.reviewed, urgent.review_by) == ("emergency", False, AT + timedelta(hours=26))
    assert decide(verdict("ben"), verdict("bea"), of=lane, emergency=True, hours=500).reviewed
    assert decide(verdict("ben"), emergency=True).sentences == ("policy two has no emergency lane",)
    both = zone(a=policy({"operators": 2}), b=policy({"operators": 2}, emergency={"needs": {"safety": 1}}))
    told = decide(of=both, emergency=True).sentences
    assert told == ("policy a has no emergency lane", "policy b: 0 of 1 approvals from safety")
    alone = zone(b=policy({"operators": 2}, emergency={"needs": {"safety": 1}}))
    assert decide(verdict("carl", "reject"), of=alone, emergency=True).state == "missing"
    assert decide(verdict("carl"), of=alone, emergency=True).state == "emergency"


def test_one_person_never_fills_two_seats() -> None:
    """Whoever gives a seat up for another person leaves it: three people of whom two fit one seat are not three."""
    data = zone_with(all=policy({"operators": 1, "safety": 2}))
    data["signers"]["carl"]["groups"] = ["operators"]
    found = decide(verdict("bea"), verdict("ben"), verdict("carl"), of=Zone.model_validate(data))
    assert (found.state, found.sentences) == ("missing", ("policy all: 1 of 2 approvals from safety",))


def test_who_is_asked_for_nothing_rejects_nothing() -> None:
    """A rejection counts from members of a group that a policy of this change asks for, and no other."""
    found = decide(verdict("ben"), verdict("bea"), verdict("carl", "reject", hours=0.5))
    assert found.state == "approved"
    assert found.valid_until == AT + timedelta(hours=1 + valid_hours())
    assert (found.author, [one.signer for one in found.votes]) == ("anna", ["bea", "ben", "carl"])
    assert found.sentences == ()


def valid_hours() -> int:
    """How long approvals of the small zone's policy count."""
    return Zone.model_validate(zone_with(two=policy({"operators": 2}))).approvals["two"].valid_hours


def test_what_is_void_is_told_without_stopping() -> None:
    """A verdict that does not count is told, and those that do count still decide."""
    found = decide(verdict("ben", key="carl"), verdict("ben"), verdict("bea"))
    assert found.state == "approved"
    assert len(found.sentences) == 1
    assert found.sentences[0].startswith("a verdict is not valid: ")


def test_a_policy_of_a_stack_is_for_that_stack() -> None:
    """A policy that names stacks asks for approvals of their changes, and of no other's."""
    ours = zone(one=policy({"operators": 1}, stacks=["stack-of-a"]))
    assert decide(of=ours).state == "missing"
    assert decide(of=ours, stack_id="stack-of-b").state == "not-needed"


def test_old_approvals_are_told_only_where_others_are_missing() -> None:
    """Where enough fresh approvals are there, nobody hears of the old ones."""
    one = zone(one=policy({"operators": 1}))
    later = 1 + valid_hours() + 0.5
    assert decide(verdict("ben"), verdict("bea", hours=later - 1), of=one, hours=later).sentences == ()
    told = decide(verdict("ben"), of=one, hours=later).sentences
    assert [text[:23] for text in told] == ["policy one: 0 of 1 appr", "the approval of ben of "]


@pytest.mark.parametrize("who", ["author", "verdict"])
def test_service_counts_at_the_moment_of_signing(who: str) -> None:
    """A signature from before its signer's days stays void when these have begun, of an author and of a verdict."""
    data = zone_with(one=policy({"operators": 1}))
    data["signers"]["anna" if who == "author" else "ben"]["valid_from"] = "2026-11-25"
    found = decide(verdict("ben"), of=Zone.model_validate(data), hours=24)
    assert found.state == "missing"
    assert any("are valid from 2026-11-25 until further notice, not on 2026-11-24" in one for one in found.sentences)


def test_a_verdict_needs_no_comment() -> None:
    """A verdict without any comment counts like one with an empty one."""
    said = statement(VERDICT_TYPE, "ben", AT + timedelta(hours=1), verdict="approve")
    assert decide(sign(said.text(), key_of("ben")).text(), of=zone(one=policy({"operators": 1}))).state == "approved"


@pytest.mark.parametrize(("minute", "open_"), [("13:59", False), ("14:00", True), ("15:59", True), ("16:00", False)])
def test_the_window_within_a_day(minute: str, *, open_: bool) -> None:
    """A window is open from its first minute, and closed from the minute on that it names as its end."""
    window = {"days": ["tue"], "opens": "14:00", "closes": "16:00", "time_zone": "UTC"}
    of = zone(one=policy({"operators": 1}, window=window))
    hours = (datetime.fromisoformat(f"2026-11-24T{minute}:00+00:00") - AT) / timedelta(hours=1)
    assert decide(verdict("ben"), of=of, hours=hours).state == ("approved" if open_ else "missing")


def test_a_decision_names_who_decided() -> None:
    """Those who approved are named; where an emergency needs nobody it is the author; without a policy nobody is."""
    assert decide(verdict("ben"), verdict("bea")).by == "bea and ben"
    states = {"approved": True, "emergency": True, "not-needed": True, "missing": False, "rejected": False}
    assert {one: Decision(state=one).passes for one in get_args(ApprovalState)} == states
    assert decide(verdict("ben"), verdict("carl", "reject")).by == "ben"
    lane = zone(two=policy({"operators": 2}, emergency={"needs": {}, "review_hours": 24}))
    assert decide(of=lane, emergency=True).by == "anna (author, emergency)"
    none = decide(by=None, of=zone(one=policy({"safety": 1}, risks=["high"])))
    assert (none.sentences, none.votes, none.author, none.review_by, none.valid_until) == ((), (), None, None, None)


@pytest.mark.parametrize(("first", "second"), [(24, 48), (48, 24)])
def test_the_earliest_review_counts(first: int, second: int) -> None:
    """Of several emergency lanes the one that must be reviewed first says until when, whatever their order."""
    lanes = {
        name: policy({"operators": 2}, emergency={"needs": {"operators": 1}, "review_hours": hours})
        for name, hours in (("a", first), ("b", second))
    }
    assert decide(verdict("ben"), of=zone(**lanes), emergency=True).review_by == AT + timedelta(hours=26)


UNTIL = (AT + timedelta(hours=3)).isoformat()
SHEET = f"sha256:{'c' * 64}"


def export(
    signer: str = "ben", kind: str = EXPORT_TYPE, *, at_h: float = 3, party: str | None = SHEET, **more: Any
) -> str:
    """The signature of a party's export."""
    planned = replace(PLANNED, **{key: more.pop(key) for key in ("change", "plan", "zone", "stack_id") if key in more})
    said = replace(statement(kind, signer, AT + timedelta(hours=at_h), planned, **more), party=party)
    return sign(said.text(), key_of("ben")).text()


def test_an_export_is_signed_by_a_person_of_the_zone() -> None:
    """What was signed for this plan, this file and this moment names its signer."""
    assert exporter_of(export(), PLANNED, SHEET, UNTIL, zone().signers) == "ben"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (export(kind=PLAN_TYPE, party=None), "expected a signature of type "),
        (export(change=f"sha256:{'d' * 64}"), "it is for another change"),
        (export(zone="other"), "it is for zone 'other', but this is 'small'"),
        (export(stack_id="stack-of-b"), "it is for stack_id 'stack-of-b', but this is 'stack-of-a'"),
        (export("bea"), "it names 'bea' as the signer, but the key belongs to ben"),
        (export(party=f"sha256:{'e' * 64}"), f"ben signed another party.json: {'e' * 12}, but this one is {'c' * 12}"),
        (
            export(at_h=4),
            "ben signed it as exported at 2026-11-24T16:00:00+00:00, but party.json says 2026-11-24T15:00",
        ),
    ],
)
def test_what_is_no_signature_of_an_export(text: str, sentence: str) -> None:
    """Another kind, plan, zone, stack, signer, file or moment is refused in its own sentence."""
    with pytest.raises(SealError) as caught:
        exporter_of(text, PLANNED, SHEET, UNTIL, zone().signers)
    assert str(caught.value).startswith(sentence)


def test_an_export_counts_while_its_signer_is_in_service() -> None:
    """Outside a signer's days her signature of an export is void."""
    data = zone_with(two=policy({"operators": 2}))
    data["signers"]["ben"]["valid_until"] = "2026-11-23"
    with pytest.raises(SealError, match="signatures of ben are valid from ever until 2026-11-23, not on 2026-11-24"):
        exporter_of(export(), PLANNED, SHEET, UNTIL, Zone.model_validate(data).signers)


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_any_changed_byte_of_an_envelope_voids_it(position: int, other: int) -> None:
    """There is no byte of an approval that can be changed without losing it."""
    raw = bytearray(verdict("ben").encode())
    raw[position % len(raw)] ^= other
    changed = raw.decode("utf-8", "replace")
    assert decide(verdict("bea"), changed).state == "missing"


def test_an_envelope_has_one_form() -> None:
    """Another spelling of the same envelope is refused."""
    data = json.loads(verdict("ben"))
    with pytest.raises(SealError, match="canonical form"):
        read_envelope(json.dumps(data))


def test_another_library_verifies_our_envelopes() -> None:
    """securesystemslib, which in-toto uses, accepts an envelope with the signer's key, and no other key."""
    for signer, good in (("ben", True), ("bea", False)):
        other = OtherEnvelope.from_dict(json.loads(verdict("ben")))
        public = {"public": ed25519_key(key_of(signer).public).public_bytes_raw().hex()}
        key = SSlibKey(key_id(key_of("ben").public), "ed25519", "ed25519", public)
        if good:
            assert other.verify([key], 1) == {key.keyid: key}
            assert read_statement(other.payload.decode()).change == CHANGE
        else:
            with pytest.raises(VerificationError):
                other.verify([key], 1)


def test_thirty_lines_written_from_the_format_verify_it() -> None:
    """What docs/reference/bundle.md says is enough: the signed bytes by its words, the key from the .pub line."""
    data = json.loads(verdict("ben"))
    payload = base64.b64decode(data["payload"])
    kind = data["payloadType"].encode()
    message = b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])
    key = base64.b64decode(key_of("ben").public.split()[1])[-32:]
    Ed25519PublicKey.from_public_bytes(key).verify(base64.b64decode(data["signatures"][0]["sig"]), message)
    assert data["payloadType"] == PAYLOAD_TYPE
    assert json.loads(payload)["subject"][0] == {"name": "change", "digest": {"sha256": "a" * 64}}
