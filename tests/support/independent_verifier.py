"""A second verifier of change bundles, written from ``docs/reference/bundle.md`` alone.

It needs the standard library and ``cryptography``, and shares no code with the product or with other tests: two
programs that were written apart agree on a bundle only if the page says what a bundle is. It judges digests,
signatures, the journal's chain, steps, days, policies and who names what. It does not render, and it judges no rule and
no energy ratio again: these checks are ``not-checked``, because the page says that they need the program.
"""

import base64
import binascii
import csv
import hashlib
import hmac
import io
import json
import re
import sys
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

GOOD, WRONG, NOT_CHECKED = "good", "wrong", "not-checked"
NEEDS_THE_PROGRAM = ("declaration", "rendering", "rules", "risk", "energy ratio", "gated formats")
TYPE = "application/vnd.in-toto+json"
SKEW = timedelta(minutes=5)
STEPS = ("admitted", "destroy-begun", "settled", "taken-over")
PARTY_FIELDS = {"format", "party", "at", "until", "opened", "items", "before", "entries"}
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+=-]*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, binascii.Error)


@dataclass(frozen=True)
class Result:
    """The answer of one check."""

    name: str
    answer: str
    why: str = ""


class NotCheckedError(Exception):
    """What a check lacks."""


def overall(results: list[Result]) -> str:
    """``wrong`` if one check is, else ``not-checked`` if one is, else ``good``."""
    answers = {result.answer for result in results}
    return next((answer for answer in (WRONG, NOT_CHECKED) if answer in answers), GOOD)


def digest(data: bytes) -> str:
    """The digest of bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def canonical(value: Any) -> bytes:
    """Canonical JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def moment(text: str) -> datetime:
    """A time with its offset."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return at


# The archive and the manifest.


def read(path: Path) -> tuple[dict[str, bytes], list[str]]:
    """The files of a folder or an archive, and what is wrong with how they are packed."""
    if path.is_dir():
        return {str(one.relative_to(path)): one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file()}, []
    data = path.read_bytes()
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is None or member.name in files:
                    return {}, [f"{member.name} is no plain file, or is there twice"]
                files[member.name] = content.read()
    except (tarfile.TarError, EOFError, *_MALFORMED) as error:
        return {}, [f"the archive cannot be read: {error}"]
    return files, [] if packed(files) == data else ["packing its files again gives other bytes"]


def packed(files: Mapping[str, bytes]) -> bytes:
    """The archive of these files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(files):
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(files[path]), 0o644
            archive.addfile(info, io.BytesIO(files[path]))
    return out.getvalue()


def manifest(files: Mapping[str, bytes]) -> Iterator[str]:
    """Paths, sizes, and what the manifest names."""
    if len(files) > 100_000 or sum(map(len, files.values())) > 512 * 2**20:
        yield "there is more than a bundle may have"
    for path, content in files.items():
        if not all(_PART.fullmatch(part) for part in path.split("/")) or len(content) > 64 * 2**20:
            yield f"{path} is no path of a bundle, or too large"
    named = json.loads(files["manifest.json"])
    if (
        files["manifest.json"] != canonical(named) + b"\n"
        or named.keys() != {"files", "format"}
        or named["format"] != 1
    ):
        yield "manifest.json has another form"
    present = {path: digest(content) for path, content in files.items() if path != "manifest.json"}
    for path in sorted(present.keys() | named["files"].keys()):
        if present.get(path) != named["files"].get(path):
            yield f"{path} is not the file that the manifest names"


# What a bundle holds.


@dataclass(frozen=True)
class Verdict:
    """A verdict that is signed by whom it names."""

    path: str
    signer: str
    word: str
    at: datetime


@dataclass
class Bundle:
    """The files of a bundle, the auditor's keys, and what checks find on their way."""

    files: dict[str, bytes]
    keys: Mapping[str, tuple[str, ...]] | None
    plan: dict[str, Any] = field(init=False)
    verdicts: list[Verdict] = field(default_factory=list)
    vouched: bool = True

    def __post_init__(self) -> None:
        self.plan = self.json("plan.json")

    def json(self, path: str) -> Any:
        """A file's JSON, which must be canonical."""
        value = json.loads(self.files[path])
        if self.files[path] != canonical(value):
            raise ValueError(f"{path} is not canonical JSON")
        return value

    def under(self, folder: str) -> list[str]:
        """The paths in a folder."""
        return sorted(path for path in self.files if path.startswith(f"{folder}/"))

    def object(self, name: str) -> bytes:
        """The content that has a digest."""
        return self.files[f"objects/{name.removeprefix('sha256:')}"]

    @property
    def is_for_party(self) -> bool:
        """Whether it is the export for a party."""
        return "party.json" in self.files

    @property
    def plan_digest(self) -> str:
        """The digest of the plan."""
        return digest(self.files["plan.json"])

    def zone(self) -> dict[str, Any]:
        """The zone that the plan names; nothing is judged by another one."""
        text = self.object(self.plan["zone_digest"])
        if digest(text) != self.plan["zone_digest"]:
            raise ValueError("zone.json is not the zone that the plan names")
        zone: dict[str, Any] = json.loads(text)
        return zone

    def journal(self) -> list[dict[str, Any]]:
        """The entries of the journal, or those on the plan that a party has."""
        if self.is_for_party:
            return list(self.json("party.json")["entries"])
        if "journal.jsonl" not in self.files:
            raise NotCheckedError("the bundle has no journal")
        lines = self.files["journal.jsonl"].split(b"\n")
        if lines.pop() or not lines:
            raise ValueError("journal.jsonl does not end with an entry's line")
        entries = [json.loads(line) for line in lines]
        if [canonical(entry) for entry in entries] != lines:
            raise ValueError("journal.jsonl has an entry that is not canonical JSON")
        return entries

    def of_plan(self, *kinds: str) -> list[dict[str, Any]]:
        """The journal's entries of these kinds on the plan."""
        ours = self.plan_digest
        return [one for one in self.journal() if one["kind"] in kinds and one["payload"].get("plan") == ours]

    def received(self, path: str) -> dict[str, Any] | None:
        """The entry of the moment when the ledger received an envelope."""
        of = digest(self.files[path])
        entries = self.of_plan("planned", "approved", "rejected")
        return next((one for one in entries if one["payload"].get("envelope") == of), None)

    def admission(self) -> dict[str, Any]:
        """The entry of the plan's first admission."""
        entries = self.of_plan("admitted")
        if not entries:
            raise NotCheckedError("the plan was not admitted (yet)")
        return entries[0]

    def signed(self, path: str, kind: str, subjects: Mapping[str, str] | None) -> tuple[dict[str, Any], Any, bytes]:
        """The predicate of an envelope, its subjects, and the key that signed it, which somebody must have."""
        envelope = self.json(path)
        (signature,) = envelope["signatures"]
        if envelope.keys() != {"payload", "payloadType", "signatures"} or envelope["payloadType"] != TYPE:
            raise ValueError("it is no envelope of this format")
        payload = base64.b64decode(envelope["payload"], validate=True)
        statement = json.loads(payload)
        if statement["_type"] != "https://in-toto.io/Statement/v1" or statement["predicateType"] != kind:
            raise ValueError(f"it is no statement of type {kind}")
        signer = statement["predicate"].get("signer")
        known = {person: one["keys"] for person, one in self.zone()["signers"].items()}
        known = known if self.keys is None else dict(self.keys)
        names = known if signer is None else [signer]
        raw = [
            base64.b64decode(text.split()[1])[-32:]
            for person in names
            for text in known.get(person, ())
            if fingerprint(text) == signature["keyid"]
        ]
        if not raw:
            raise ValueError(f"it is signed by a key that {signer or 'no signer'} does not have")
        covered = b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE.encode(), len(payload), payload)
        Ed25519PublicKey.from_public_bytes(raw[0]).verify(base64.b64decode(signature["sig"], validate=True), covered)
        found = [(one["name"], one["digest"]) for one in statement["subject"]]
        wanted = [(name, {"sha256": of.removeprefix("sha256:")}) for name, of in (subjects or {}).items()]
        if subjects is not None and found != wanted:
            raise ValueError("it is for another change")
        return statement["predicate"], statement["subject"], raw[0]

    def subjects(self) -> dict[str, str]:
        """The two subjects of signatures of the plan."""
        return {"change": self.plan["change_digest"], "plan.json": self.plan_digest}

    def binds(self, predicate: Mapping[str, Any], *more: str) -> None:
        """A predicate has exactly these fields, and those of the plan that it repeats."""
        follows = {"follows"} if self.plan["format"] != 1 and "until" not in more else set()
        if predicate.keys() != {"zone", "stack_id", "signer", "at", *follows, *(set(more) - {"until"})}:
            raise ValueError("its predicate has other fields")
        for name in ("zone", "stack_id", *follows):
            if predicate[name] != self.plan[name]:
                raise ValueError(f"its {name} is not that of the plan")


def fingerprint(key: str) -> str:
    """The fingerprint of a public key as OpenSSH writes it."""
    raw = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return f"SHA256:{base64.b64encode(raw).decode().rstrip('=')}"


# Digests: what names what.


def plan_names(bundle: Bundle) -> Iterator[str]:
    """The plan binds the demand, the files and the snapshot by their digests."""
    plan, files = bundle.plan, bundle.files
    if plan["format"] not in {1, 2} or ("follows" in plan) != (plan["format"] == 2):
        yield "it has another format"
    demand = {"demand": plan["demand_digest"], "places": plan["places"], "rendered": plan["rendered_digest"]}
    if plan["change_digest"] != digest(canonical(demand)):
        yield "the change's digest is another one"
    wanted = {"demand.json", "proposal.json", "rendered.json", "before.json", "snapshot.json", "facts.json"}
    wanted |= {"validators.json", *bundle.under("validators"), *bundle.under("inputs")}
    if plan["files"].keys() != wanted:
        yield "it does not name each of its files"
    if (plan["demand_digest"], plan["rendered_digest"], plan["snapshot"]) != tuple(
        plan["files"][f"{name}.json"] for name in ("demand", "rendered", "snapshot")
    ):
        yield "it names two digests for one file"
    for path, of in plan["files"].items():
        if path not in files:
            if path != "snapshot.json" or not bundle.is_for_party:
                yield f"{path} is missing"
        elif digest(files[path]) != of:
            yield f"{path} is not the file that the plan names"
    if bundle.zone()["zone"] != plan["zone"]:
        yield "the plan is of another zone"


def all_named(bundle: Bundle) -> Iterator[str]:
    """Each file has its place in the format, each object is named by somebody, and none is missing."""
    of_format = {"manifest.json", "plan.json", "author.dsse.json", *bundle.plan["files"]}
    of_format |= {"party.json", "party.dsse.json"} if bundle.is_for_party else {"journal.jsonl", "checkpoint.json"}
    of_format |= {path for path in bundle.under("verdicts") if re.fullmatch(r"verdicts/\d{3,}\.dsse\.json", path)}
    of_format |= set(bundle.under("rollouts")) | set(bundle.under("objects"))
    for path in sorted(bundle.files.keys() - of_format):
        yield f"nothing names {path}"
    named = set(objects(bundle))
    present = {f"sha256:{path.removeprefix('objects/')}" for path in bundle.under("objects")}
    for name in sorted(present ^ named):
        yield f"object {name} is {'named by nothing' if name in present else 'missing'}"
    for name in sorted(present & named):
        if not _DIGEST.fullmatch(name) or digest(bundle.object(name)) != name:
            yield f"object {name} has another digest"


def objects(bundle: Bundle) -> Iterator[str]:
    """The digest of each object that a bundle must have."""
    before, rendered = bundle.json("before.json"), bundle.json("rendered.json")
    for path in before.keys() | rendered.keys():
        if before.get(path) != rendered.get(path):
            yield from (side[path] for side in (before, rendered) if path in side)
    if bundle.is_for_party:
        yield from (one["digest"] for one in bundle.json("party.json")["opened"].values())
        return
    yield from bundle.json("snapshot.json")["files"].values()
    if "journal.jsonl" in bundle.files:
        for entry in bundle.of_plan("refused", "admitted"):
            name = entry["payload"]["snapshot"]
            yield name
            yield from json.loads(bundle.object(name))["files"].values()


def salted(salt: str, name: str, of: str) -> tuple[str, str]:
    """The salt of a fact, and its salted digest."""
    own = hmac.new(salt.encode(), name.encode(), hashlib.sha256).hexdigest()
    return own, digest(canonical({"content": of, "name": name, "salt": own}))


def facts(bundle: Bundle) -> Iterator[str]:
    """The salted digests are those of the snapshot's facts."""
    items = bundle.json("facts.json")
    if items.keys() != {"format", "items"} or items["format"] != 1 or items["items"] != sorted(items["items"]):
        yield "facts.json has another form"
    if bundle.is_for_party:
        party = bundle.json("party.json")
        for name, one in party["opened"].items():
            if digest(canonical({"content": one["digest"], "name": name, "salt": one["salt"]})) not in items["items"]:
                yield f"{name} is not a fact of the plan"
        return
    snapshot = bundle.json("snapshot.json")
    if snapshot["format"] != 2 or snapshot["stack_id"] != bundle.plan["stack_id"]:
        yield "the snapshot has another format or stack"
    if snapshot["files"]["zone.json"] != bundle.plan["zone_digest"]:
        yield "the snapshot has another zone"
    salt = bundle.object(snapshot["files"]["salt.txt"]).decode()
    if not re.fullmatch("[0-9a-f]{64}", salt):
        yield "salt.txt has another form"
    if items["items"] != sorted(salted(salt, n, of)[1] for n, of in snapshot["files"].items() if n != "salt.txt"):
        yield "facts.json does not have the facts of the snapshot"


def validators(bundle: Bundle) -> Iterator[str]:
    """Verdicts of validators are on the rendered files; those of others are signed, and a signed failure counts."""
    rendered, listed = bundle.json("rendered.json"), bundle.json("validators.json")
    trusted = bundle.zone().get("verdict_signers", [])
    keys = {person: bundle.zone()["signers"][person]["keys"] for person in trusted}
    statements = []
    for path in bundle.under("validators"):
        predicate, subjects, key = bundle.signed(path, "urn:zonewright:validator-verdicts:v1", None)
        names = {n for n, texts in keys.items() for t in texts if base64.b64decode(t.split()[1])[-32:] == key}
        if not names:
            yield f"{path} is signed by nobody of verdict_signers"
        statements.append((names, {f"sha256:{one['digest']['sha256']}" for one in subjects}, predicate))
    fields = ("status", "program", "version", "arguments", "output")
    for verdict in listed["verdicts"]:
        root = f"{verdict['root']}/" if verdict["root"] else ""
        of = {path: rendered.get(f"{root}{path}") for path in verdict["paths"]}
        if digest(canonical({"files": of, "format": verdict["format"]})) != verdict["digest"]:
            yield f"a verdict on {verdict['root']} is on other files"
        if verdict["signer"] and not any(
            verdict["signer"] in names and verdict["digest"] in digests and all(said[f] == verdict[f] for f in fields)
            for names, digests, said in statements
        ):
            yield f"a verdict on {verdict['root']} is not in an envelope of {verdict['signer']}"


# Signatures.


def author(bundle: Bundle) -> Iterator[str]:
    """The author signed the plan, and belongs to the acting party."""
    if "author.dsse.json" not in bundle.files:
        if bundle.under("verdicts"):
            yield "there are verdicts, but nobody signed the plan"
        raise NotCheckedError("nobody has signed the plan")
    predicate, _, _ = bundle.signed("author.dsse.json", "urn:zonewright:change-plan:v1", bundle.subjects())
    bundle.binds(predicate)
    if predicate["at"] != bundle.plan["planned_at"]:
        yield "it was signed at another moment than the plan says"
    if bundle.zone()["signers"][predicate["signer"]]["party"] != bundle.plan["party"]:
        yield f"{predicate['signer']} does not belong to {bundle.plan['party']}"


def author_of(bundle: Bundle) -> str:
    """Whoever the author's envelope names."""
    payload = json.loads(base64.b64decode(bundle.json("author.dsse.json")["payload"]))
    return str(payload["predicate"]["signer"])


def verdict_signatures(bundle: Bundle) -> Iterator[str]:
    """Each verdict is signed by somebody else than the author; what is not does not count."""
    for path in bundle.under("verdicts"):
        try:
            predicate, _, _ = bundle.signed(path, "urn:zonewright:change-verdict:v1", bundle.subjects())
            bundle.binds(predicate, "verdict", "comment")
            if predicate["verdict"] not in {"approve", "reject"} or predicate["signer"] == author_of(bundle):
                raise ValueError("it is no verdict of somebody else than the author")
            bundle.zone()["signers"][predicate["signer"]]
        except (InvalidSignature, *_MALFORMED) as error:
            yield f"{path}: {error!r}"
            continue
        verdict = Verdict(path, predicate["signer"], predicate["verdict"], moment(predicate["at"]))
        bundle.verdicts.append(verdict)


def counts_on(signer: Mapping[str, Any], at: datetime) -> bool:
    """Whether a signer's signatures count on the day of a moment, in UTC."""
    day = at.astimezone(UTC).date()
    first, last = signer.get("valid_from") or "0001-01-01", signer.get("valid_until") or "9999-12-31"
    return date.fromisoformat(first) <= day <= date.fromisoformat(last)


def days(bundle: Bundle) -> Iterator[str]:
    """Each signature counts when the ledger received it, and at the admission; no verdict is from the future."""
    paths = [("author.dsse.json", author_of(bundle), moment(bundle.plan["planned_at"]))]
    paths += [(one.path, one.signer, one.at) for one in bundle.verdicts]
    signers = bundle.zone()["signers"]
    admitted = bundle.of_plan("admitted")
    for path, person, at in paths:
        entry = bundle.received(path)
        if entry is None:
            yield f"no entry of the journal received {path}"
            continue
        if at > moment(entry["at"]) + SKEW and path != "author.dsse.json":
            yield f"{path} is of a later moment than the ledger received it"
        later = [one for one in admitted if one["sequence"] > entry["sequence"]][:1]
        if not all(counts_on(signers[person], moment(one["at"])) for one in (entry, *later)):
            yield f"{path} is of a day on which signatures of {person} do not count"


# The journal.


def chain(bundle: Bundle) -> Iterator[str]:  # noqa: C901 - split next
    """Each entry follows the one before it, and the signed head names the last one."""
    if bundle.is_for_party:
        raise NotCheckedError("the journal is not in a party's bundle")
    entries = bundle.journal()
    for before, entry in zip([None, *entries], entries, strict=False):
        if digest(canonical({name: of for name, of in entry.items() if name != "hash"})) != entry["hash"]:
            yield f"entry {entry['sequence']} was altered"
        if before is None:
            continue
        if (entry["previous"], entry["sequence"]) != (before["hash"], before["sequence"] + 1):
            yield f"entry {entry['sequence']} does not follow the one before it"
        if moment(entry["at"]) < moment(before["at"]):
            yield f"entry {entry['sequence']} is earlier than the one before it"
    if entries[0]["kind"] not in {"planned", "pruned"}:
        yield "it begins with something else than the plan or a removal"
    if "checkpoint.json" not in bundle.files:
        raise NotCheckedError("the bundle has no head of the journal")
    head = bundle.json("checkpoint.json")
    yield from head_faults(head)
    if (head["sequence"], head["hash"]) != (entries[-1]["sequence"], entries[-1]["hash"]):
        yield "the head does not name the last entry"
    if head["zone"] != bundle.plan["zone"]:
        yield "the head is of another zone"


def head_faults(head: Mapping[str, Any]) -> Iterator[str]:
    """The signature of a checkpoint."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(head["public_key"], validate=True))
    text = canonical({name: of for name, of in head.items() if name != "signature"})
    try:
        key.verify(base64.b64decode(head["signature"], validate=True), text)
    except InvalidSignature:
        yield "the signature of the head is not valid"


def kept(bundle: Bundle, checkpoint: Mapping[str, Any] | None) -> Iterator[str]:
    """The head that the auditor kept is of this journal."""
    if checkpoint is None:
        raise NotCheckedError("no checkpoint was given")
    yield from head_faults(checkpoint)
    if bundle.is_for_party or not {"journal.jsonl", "checkpoint.json"} <= bundle.files.keys():
        raise NotCheckedError("the bundle has no journal to compare it with")
    entries = bundle.journal()
    if checkpoint["public_key"] != bundle.json("checkpoint.json")["public_key"]:
        yield "it is signed by another key than that of this journal"
    hashes = {entry["sequence"]: entry["hash"] for entry in entries}
    hashes[entries[0]["sequence"] - 1] = entries[0]["previous"]
    if checkpoint["sequence"] not in hashes:
        raise NotCheckedError("it names an entry that is not in this bundle")
    if hashes[checkpoint["sequence"]] != checkpoint["hash"]:
        yield f"its entry {checkpoint['sequence']} is another one"


def record(bundle: Bundle) -> Iterator[str]:
    """The journal received what the bundle has, in the same order, and admitted this change."""
    planned = bundle.of_plan("planned")
    if [one["payload"]["envelope"] for one in planned] != [digest(bundle.files["author.dsse.json"])]:
        yield "the journal did not receive this plan of this author, once"
    received = [one["payload"]["envelope"] for one in bundle.of_plan("approved", "rejected")]
    if received != [digest(bundle.files[path]) for path in bundle.under("verdicts")]:
        yield "the journal received other verdicts, or in another order"
    words = [one["kind"] for one in bundle.of_plan("approved", "rejected")]
    if len(bundle.verdicts) == len(words):
        said = [{"approve": "approved", "reject": "rejected"}[one.word] for one in bundle.verdicts]
        if said != words:
            yield "the journal has another word for a verdict"


def steps(bundle: Bundle) -> Iterator[str]:
    """The plan is admitted once, as the step after the one that it names, with no other step between."""
    admitted = bundle.of_plan("admitted")
    if len(admitted) > 1:
        yield f"the plan was admitted {len(admitted)} times"
    if bundle.plan["format"] == 1:
        raise NotCheckedError("the plan names no step")
    follows = bundle.plan["follows"]
    planned = bundle.of_plan("planned")
    if any(one["payload"].get("follows") != follows for one in planned):
        yield "the journal says that it follows another step"
    if not admitted:
        raise NotCheckedError("the plan was not admitted (yet)")
    if admitted[0]["payload"].get("step") != follows + 1:
        yield "it was admitted as another step than the next"
    if bundle.is_for_party:
        return
    first, last = planned[0]["sequence"], admitted[0]["sequence"]
    for entry in bundle.journal():
        is_between = first < entry["sequence"] < last and entry["stack_id"] == bundle.plan["stack_id"]
        is_step = entry["kind"] in STEPS and (entry["kind"] != "settled" or "step" in entry["payload"])
        if is_between and is_step:
            yield f"entry {entry['sequence']} is a step between the plan and its admission"


# Policies.


def approval(bundle: Bundle) -> Iterator[str]:
    """All policies that match are met at the moment of the admission, and an emergency is reviewed in time."""
    admission = bundle.admission()
    at, plan = moment(admission["at"]), bundle.plan
    before = last_words(bundle, lambda entry: entry["sequence"] < admission["sequence"])
    pending = ""
    for name, policy in bundle.zone().get("approvals", {}).items():
        if not matches(policy, plan):
            continue
        lane = policy.get("emergency") if plan["emergency"] else None
        needs = policy["needs"] if lane is None else lane.get("needs", {})
        yield from (f"policy {name}: {why}" for why in unmet(bundle, before, needs, policy, at))
        if not in_window(policy.get("window"), at) and lane is None:
            yield f"policy {name}: the window is closed"
        if lane is None:
            continue
        end = at + timedelta(hours=lane.get("review_hours", 48))
        after = last_words(bundle, lambda entry, until=end: moment(entry["at"]) <= until)
        short = list(unmet(bundle, after, policy["needs"], policy, at))
        if short and moment(bundle.journal()[-1]["at"]) > end:
            yield f"policy {name}: nobody reviewed it in time: {short[0]}"
        elif short:
            pending = f"policy {name} is reviewed until {end}"
    if pending:
        raise NotCheckedError(pending)


def matches(policy: Mapping[str, Any], plan: Mapping[str, Any]) -> bool:
    """Whether a policy covers a plan; a list that is empty covers all."""
    pairs = (("risks", plan["risk"]), ("parties", plan["party"]), ("stacks", plan["stack_id"]))
    return all(not policy.get(name) or value in policy[name] for name, value in pairs)


def last_words(bundle: Bundle, is_in_time: Callable[[dict[str, Any]], bool]) -> dict[str, Verdict]:
    """The verdict of each person that counts: the last one; at the same moment, the rejection."""
    words: dict[str, Verdict] = {}
    signers, admission = bundle.zone()["signers"], bundle.admission()
    for one in sorted(bundle.verdicts, key=lambda verdict: (verdict.at, verdict.word)):
        entry = bundle.received(one.path)
        if entry is None or not is_in_time(entry):
            continue
        moments = [entry["at"]] + [admission["at"]] * (entry["sequence"] < admission["sequence"])
        if all(counts_on(signers[one.signer], moment(at)) for at in moments):
            words[one.signer] = one
    return words


def unmet(
    bundle: Bundle, words: Mapping[str, Verdict], needs: Mapping[str, int], policy: Mapping[str, Any], at: datetime
) -> Iterator[str]:
    """What a policy lacks; a person fills one place of it."""
    groups = {person: set(signer.get("groups", ())) for person, signer in bundle.zone()["signers"].items()}
    lasts = timedelta(hours=policy.get("valid_hours", 72))
    for person, one in words.items():
        if one.word == "reject" and groups[person] & needs.keys():
            yield f"{person} rejected it"
    people = [person for person, one in words.items() if one.word == "approve" and one.at + lasts >= at]
    places = [group for group, number in needs.items() for _ in range(number)]
    filled: dict[int, str] = {}

    def sit(person: str, tried: set[int]) -> bool:
        for place, group in enumerate(places):
            if group in groups[person] and place not in tried:
                tried.add(place)
                if place not in filled or sit(filled[place], tried):
                    filled[place] = person
                    return True
        return False

    for person in people:
        sit(person, set())
    if len(filled) < len(places):
        yield f"{len(filled)} of {len(places)} approvals"


def in_window(window: Mapping[str, Any] | None, at: datetime) -> bool:
    """Whether a moment lies in a window; one that closes at or before it opens closes on the next day."""
    if not window:
        return True
    local = at.astimezone(ZoneInfo(window["time_zone"]))
    opens, closes = time.fromisoformat(window["opens"]), time.fromisoformat(window["closes"])
    today, yesterday = _DAYS[local.weekday()], _DAYS[local.weekday() - 1]
    clock = local.time()
    if opens < closes:
        return today in window["days"] and opens <= clock < closes
    return (today in window["days"] and clock >= opens) or (yesterday in window["days"] and clock < closes)


# Roll-outs, a party's export, removed readings.


def roll_outs(bundle: Bundle) -> Iterator[str]:
    """The record of each run is the one that the journal names, and each record is named."""
    entries = bundle.of_plan("rolled-out")
    rendered = bundle.json("rendered.json")
    paths = {f"rollouts/{entry['payload']['run']}.json": entry["payload"] for entry in entries}
    for path in sorted(set(bundle.under("rollouts")) ^ paths.keys()):
        yield f"{path} is {'missing' if path in paths else 'named by nothing'}"
    for path in sorted(set(bundle.under("rollouts")) & paths.keys()):
        said, kept_record = paths[path], bundle.json(path)
        if digest(bundle.files[path]) != said["record"]:
            yield f"{path} is another record"
        same = ("run", "fleet", "who", "what", "began", "ended")
        if any(said[name] != kept_record[name] for name in same) or kept_record["format"] != 1:
            yield f"{path} differs from the journal"
        if dict(Counter(host["state"] for host in kept_record["hosts"])) != said["counts"]:
            yield f"{path} counts other hosts"
        for files in kept_record["files"].values():
            if any(rendered.get(name) != of for name, of in files.items()):
                yield f"{path} has a file that the change does not have"
    if not entries:
        raise NotCheckedError("no run is recorded")


def export(bundle: Bundle) -> Iterator[str]:
    """Somebody of another party signed what the plan does not bind in a party's bundle."""
    if not bundle.is_for_party:
        if "party.dsse.json" in bundle.files:
            yield "party.dsse.json is without party.json"
        return
    bundle.vouched = False
    party = bundle.json("party.json")
    if party.keys() != PARTY_FIELDS or party["format"] != 1 or party["items"] != sorted(party["items"]):
        yield "party.json has another form"
    if party["party"] != bundle.plan["party"]:
        yield "it is for another party"
    if "party.dsse.json" not in bundle.files:
        raise NotCheckedError("nobody vouches for the export")
    subjects = {**bundle.subjects(), "party.json": digest(bundle.files["party.json"])}
    predicate, _, _ = bundle.signed("party.dsse.json", "urn:zonewright:party-export:v1", subjects)
    bundle.binds(predicate, "until")
    if predicate["at"] != party["until"]:
        yield "it was signed at another moment than the export"
    signer = bundle.zone()["signers"][predicate["signer"]]
    if not counts_on(signer, moment(party["until"])):
        yield f"signatures of {predicate['signer']} do not count on that day"
    if signer["party"] == bundle.plan["party"]:
        raise NotCheckedError(f"{predicate['signer']} vouches for the own party")
    bundle.vouched = True


def removed_readings(bundle: Bundle) -> Iterator[str]:
    """Each sum is in a removal that the journal has, with its digest."""
    if bundle.is_for_party:
        raise NotCheckedError("the facts are not in a party's bundle")
    files = bundle.json("snapshot.json")["files"]
    hours: dict[tuple[str, str], dict[int, str]] = {}
    for name in (one for one in files if one.startswith("sums/")):
        _, site, meter, _ = name.split("/")
        rows = list(csv.reader(io.StringIO(bundle.object(files[name]).decode())))
        hours.setdefault((site, meter), {}).update({int(row[1]): ",".join(row) for row in rows[1:]})
    covered: set[tuple[str, str, int]] = set()
    journal = {entry["sequence"]: entry for entry in bundle.journal()} if "journal.jsonl" in bundle.files else {}
    for name in (one for one in files if one.startswith("pruned/")):
        site = name.split("/")[1]
        for one in json.loads(bundle.object(files[name])):
            entry, removals = one["entry"], one["removed"]
            if journal and journal.get(entry["sequence"]) != entry:
                yield f"entry {entry['sequence']} on a removal is not in the journal"
            if entry["payload"]["sites"].get(site) != digest(canonical(removals)):
                yield f"entry {entry['sequence']} names other removals"
            for removal in removals:
                held = hours.get((site, removal["meter"]), {})
                lines = [held[at] for at in sorted(held) if removal["begin_us"] <= at < removal["end_us"]]
                text = "".join(f"{line}\n" for line in ("meter,begin_us,energy_mj", *lines))
                if lines and digest(text.encode()) != removal["sums"]:
                    yield f"the sums of {removal['meter']} are not those of a removal"
                covered |= {
                    (site, removal["meter"], at) for at in held if removal["begin_us"] <= at < removal["end_us"]
                }
    if covered != {(site, meter, at) for (site, meter), held in hours.items() for at in held}:
        yield "a sum is in no removal"


# All checks.


def verify(
    path: Path,
    *,
    keys: Path | Mapping[str, tuple[str, ...]] | None = None,
    checkpoint: Path | Mapping[str, Any] | None = None,
) -> list[Result]:
    """Each check of a bundle with its answer.

    Args:
        path: of the archive or folder.
        keys: that the auditor trusts, by signer, or a folder with ``SIGNER.pub``; else those of the bundle's zone.
        checkpoint: that the auditor kept, or its file.
    """
    files, faults = read(path)
    results = [Result("archive", WRONG if faults else GOOD, "; ".join(faults))]
    if not files:
        return results
    results.append(_judged("manifest", lambda: manifest(files)))
    if isinstance(keys, Path):
        keys = {one.stem: tuple(one.read_text("ascii").splitlines()) for one in sorted(keys.glob("*.pub"))}
    if isinstance(checkpoint, Path):
        checkpoint = json.loads(checkpoint.read_bytes())
    try:
        bundle = Bundle(files, keys)
    except _MALFORMED as error:
        return [*results, Result("plan", WRONG, repr(error))]
    checks = (
        plan_names,
        all_named,
        facts,
        validators,
        author,
        export,
        verdict_signatures,
        record,
        days,
        chain,
        steps,
        approval,
        roll_outs,
        removed_readings,
    )
    for check in checks:
        result = _judged(check.__name__.replace("_", " "), lambda judge=check: judge(bundle))
        is_told = check in (record, days, steps, approval, roll_outs) and not bundle.vouched
        if is_told and result.answer == GOOD:
            result = Result(result.name, NOT_CHECKED, "nobody vouches for the entries of this export")
        results.append(result)
    results.append(_judged("kept checkpoint", lambda: kept(bundle, checkpoint)))
    return results + [Result(name, NOT_CHECKED, "this needs the program") for name in NEEDS_THE_PROGRAM]


def _judged(name: str, check: Callable[[], Iterator[str]]) -> Result:
    """The answer of one check, whatever it stumbles over."""
    faults: list[str] = []
    try:
        for fault in check():
            faults.append(fault)  # noqa: PERF402 - what was found before a stumble counts
    except NotCheckedError as lack:
        return Result(name, WRONG, "; ".join(faults)) if faults else Result(name, NOT_CHECKED, str(lack))
    except InvalidSignature:
        faults.append("the signature is not valid")
    except _MALFORMED as error:
        faults.append(repr(error))
    return Result(name, WRONG if faults else GOOD, "; ".join(faults))


if __name__ == "__main__":
    found = verify(Path(sys.argv[1]), keys=Path(sys.argv[2]) if sys.argv[2:] else None)
    sys.stdout.writelines(f"{one.answer:12} {one.name}: {one.why}\n" for one in found)
