"""Signatures and policy of a bundle: who signed, whether that was enough at the moment of the admission."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from zonewright.audit.evidence.checks import Check, good, open_, wrong
from zonewright.audit.evidence.contents import Contents
from zonewright.audit.evidence.grouped import groups_of
from zonewright.audit.evidence.layout import BEFORE, EXPORTER, PARTIAL, RENDERED
from zonewright.ledger.deciding.plans import planned_of
from zonewright.ledger.protocol.journal_messages import JournalEntry
from zonewright.model.canonical import digest_of
from zonewright.model.zone import Zone
from zonewright.seal import SealError
from zonewright.seal.decide import approved
from zonewright.seal.viewed import viewed_of
from zonewright.seal.votes import ReceivedEnvelope, author_of, exporter_of, moment, opened, vote_of

_SAYS = "what it says about the journal, about old places of nodes, and about later decisions"
_RECEIVING = ("planned", "approved", "rejected")
_ASK = "ask somebody of another party, who has the ledger, for an export with --key"


def signature_checks(contents: Contents, keys: Mapping[str, tuple[str, ...]] | None) -> Iterator[Check]:
    """The author's signature, each verdict, and the policy.

    Args:
        contents: the bundle.
        keys: public keys that the auditor knows, by signer; None takes those of the zone's file in the bundle.
    """
    zone = trusted_zone(contents, keys)
    source = "a key of the bundle's zone.yaml" if keys is None else "a key that you gave"
    planned = planned_of(contents.plan, contents.plan.risk)
    if contents.author is None:
        yield open_("author", "nobody has signed the plan, so nothing could be approved")
        if contents.verdicts:
            yield wrong("verdicts", "there are verdicts on a plan without an author")
        return
    try:
        author = author_of(_received(contents, contents.author), planned, zone.signers)
    except SealError as error:
        yield wrong("author", str(error))
        return
    yield good("author", f"{author} signed the plan with {source}")
    admitted = contents.admitted()
    for number, text in enumerate(contents.verdicts, 1):
        try:
            vote = vote_of(_received(contents, text), planned, zone.signers, author=author)
        except SealError as error:
            yield wrong(f"verdict {number}", str(error))
            continue
        seen = _viewed(contents, text, zone)
        if seen.verdict == "wrong":
            yield wrong(f"verdict {number}", f"{vote.signer}: {seen.detail}")
            continue
        at = vote.at.isoformat(sep=" ", timespec="seconds")
        yield good(f"verdict {number}", f"{vote.signer}: {vote.verdict} at {at}, with {source}{seen.detail}")
        if seen.verdict == "not-checked":
            yield open_(f"viewed {number}", f"{vote.signer} {seen.name}")
    if not contents.journal and any(one.valid_from or one.valid_until for one in zone.signers.values()):
        yield open_("dates", "no entry of the journal says when a signature was received, which is when dates count")
    yield from _policy(contents, zone, admitted)


def _viewed(contents: Contents, text: str, zone: Zone) -> Check:
    """What a signer says to have seen: whether it accounts for each file once, in groups that this version makes."""
    seen = viewed_of(opened(text, zone.signers)[2])
    if seen is None:
        return good("viewed", "")
    if fault := seen.fault(contents.index(BEFORE), contents.index(RENDERED)):
        return wrong("viewed", f"what it says to have seen is not right: {fault}")
    groups = {one.id for one in groups_of(contents)}
    told = f"; has seen {seen.files:,} of {seen.files + len(seen.left):,} files that change"
    if not seen.groups.keys() <= groups:
        return open_("names groups of differences that this version does not make of this change", told)
    return good("viewed", f"{told}, {len(seen.groups):,} of {len(groups):,} groups")


def _received(contents: Contents, text: str) -> ReceivedEnvelope:
    """An envelope with the moment of the journal's entry on it: neither its own word nor the time of the export."""
    plan, digest = contents.plan.digest(), digest_of(text)
    found = (
        moment(entry.at)
        for entry in contents.journal
        if entry.kind in _RECEIVING and (entry.payload.get("plan"), entry.payload.get("envelope")) == (plan, digest)
    )
    return ReceivedEnvelope(text, next(found, None))


def export_checks(contents: Contents, keys: Mapping[str, tuple[str, ...]] | None) -> Iterator[Check]:
    """Whose word it is what a party's bundle says of the journal, of where nodes stood, and of what was left out.

    Args:
        contents: the bundle.
        keys: public keys that the auditor knows, by signer; None takes those of the zone's file in the bundle.
    """
    if contents.partial is None:
        return
    party, text = contents.plan.party, contents.texts.get(EXPORTER)
    if contents.partial.party != party:
        yield wrong("export", f"{PARTIAL} is for {contents.partial.party}, but the plan belongs to {party}")
        return
    if text is None:
        yield open_("export", f"nobody has signed {PARTIAL}: {_SAYS} is only the statement of whoever made it; {_ASK}")
        return
    zone = trusted_zone(contents, keys)
    planned = planned_of(contents.plan, contents.plan.risk)
    try:
        digest = digest_of(contents.texts[PARTIAL])
        signer = exporter_of(text, planned, digest, contents.partial.until, zone.signers)
    except SealError as error:
        yield wrong("export", f"the signature of {PARTIAL} is not valid: {error}")
        return
    whose = zone.signers[signer].party
    if whose == party:
        yield open_("export", f"{signer} of {party} signed {PARTIAL}: {_SAYS} is the party's own statement; {_ASK}")
        return
    source = "a key of the bundle's zone.yaml" if keys is None else "a key that you gave"
    yield good("export", f"{signer} of {whose} vouches for {PARTIAL} with {source}: {_SAYS}")


def trusted_zone(contents: Contents, keys: Mapping[str, tuple[str, ...]] | None) -> Zone:
    """The administrator's file, with those keys only that the auditor knows.

    Args:
        contents: the bundle.
        keys: public keys by signer, or None for those of the file.
    """
    return contents.zone if keys is None else _with_keys(contents.zone, keys)


def _with_keys(zone: Zone, keys: Mapping[str, tuple[str, ...]]) -> Zone:
    known = {
        name: signer.model_copy(update={"keys": tuple(key for key in signer.keys if key in keys[name])})
        for name, signer in zone.signers.items()
        if name in keys
    }
    return zone.model_copy(update={"signers": known})


def _policy(contents: Contents, zone: Zone, admitted: JournalEntry | None) -> Iterator[Check]:
    """Whether the policies were met at the moment of the admission, by the verdicts that were there by then."""
    if admitted is None:
        yield open_("approval", "the change was not admitted (yet)")
        return
    at = moment(admitted.at)
    journaled = {
        str(entry.payload.get("envelope"))
        for entry in contents.journal
        if entry.sequence < admitted.sequence and entry.kind in ("approved", "rejected")
    }
    received = [_received(contents, text) for text in contents.verdicts]
    given = [one for one in received if digest_of(one.text) in journaled]
    author = None if contents.author is None else _received(contents, contents.author)
    planned = replace(planned_of(contents.plan, contents.plan.risk), risk=str(admitted.payload.get("risk")))
    decision = approved(zone, planned, author=author, verdicts=given, now=at, required=bool(contents.plan.accepts))
    if not decision.passes:
        yield wrong("approval", f"it was admitted without: {'; '.join(decision.sentences)}")
        return
    names = sorted(vote.signer for vote in decision.votes if vote.verdict == "approve")
    if decision.state == "not-needed":
        yield good("approval", f"no policy asks for one at risk {planned.risk}")
    elif names != sorted(map(str, admitted.payload.get("approved_by", ()))):
        yield wrong(
            "approval", f"the journal names {admitted.payload.get('approved_by')}, but the verdicts name {names}"
        )
    else:
        how = "emergency lane, " if decision.state == "emergency" else ""
        yield good("approval", f"{how}approved by {decision.by} when it was admitted")
    if decision.review_by is not None:
        in_time = [one for one in received if one.at is not None and one.at <= decision.review_by]
        later = approved(zone, planned, author=author, verdicts=in_time, now=at, admitted_at=at)
        yield _review(contents, decision.review_by, is_met=later.reviewed)


def _review(contents: Contents, until: datetime, *, is_met: bool) -> Check:
    """Whether the full policy was met in time; a bundle from before that time cannot say that it was not."""
    if is_met:
        return good("review", "the full policy was met afterwards")
    known = [entry.at for entry in contents.journal]
    known += [] if contents.checkpoint is None else [contents.checkpoint.at]
    known += [] if contents.partial is None else [contents.partial.until]
    due = until.isoformat()[:16]
    if max(map(moment, known)) > until:
        return wrong("review", f"the full policy was not met by {due}, as an emergency needs it")
    return open_("review", f"not reviewed in this bundle; due until {due}")
