"""A second verifier of change bundles, written from ``docs/reference/bundle.md`` alone.

It needs the standard library and ``cryptography``, and shares no code with the product or with other tests: two
programs that were written apart agree on a bundle only if the page says what a bundle is. What it had to guess at first
stands on the page now: whoever changes it reads the page again, not the product. It judges digests,
signatures, the journal's chain, steps, days, policies and who names what. It does not render, and it judges no rule and
no energy ratio again: these checks are ``not-checked``, because the page says that they need the program.
"""

import base64
import binascii
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
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

GOOD, WRONG, NOT_CHECKED = "good", "wrong", "not-checked"
NEEDS_THE_PROGRAM = ("declaration", "rendering", "rules", "risk", "premises", "energy ratio", "sites", "secrets")
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
        is_plain = all(_PART.fullmatch(part) for part in path.split("/")) and len(path) <= 240
        if not is_plain or len(content) > 64 * 2**20:
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
    ledger_key: str | None
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

    @cached_property
    def plan_digest(self) -> str:
        """The digest of the plan."""
        return digest(self.files["plan.json"])

    @cached_property
    def zone(self) -> dict[str, Any]:
        """The zone that the plan names; nothing is judged by another one."""
        text = self.object(self.plan["zone_digest"])
        if digest(text) != self.plan["zone_digest"]:
            raise ValueError("zone.json is not the zone that the plan names")
        zone: dict[str, Any] = json.loads(text)
        return zone

    @cached_property
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
        return [one for one in self.journal if one["kind"] in kinds and one["payload"].get("plan") == ours]

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
        known = self.known()
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

    def known(self) -> dict[str, list[str]]:
        """The keys of each signer of the zone; with the auditor's keys, those that both have."""
        found = {person: list(one["keys"]) for person, one in self.zone.get("signers", {}).items()}
        if self.keys is not None:
            found = {person: [key for key in own if key in self.keys.get(person, ())] for person, own in found.items()}
        return found

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
    change = {"demand": plan["demand_digest"], "places": plan["places"], "rendered": plan["rendered_digest"]}
    if plan["change_digest"] != digest(canonical(change)):
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


def plan_repeats(bundle: Bundle) -> Iterator[str]:
    """What the plan has of the demand and of the proposal is what they say."""
    plan, demand, proposal = bundle.plan, bundle.json("demand.json"), bundle.json("proposal.json")
    for name in ("zone", "party", "zone_digest"):
        if demand[name] != plan[name]:
            yield f"the {name} of the demand is not that of the plan"
    for name in ("premises", "impact"):
        if proposal[name] != plan[name]:
            yield f"the {name} of the proposal is not that of the plan"


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
    if snapshot["format"] not in {2, 3, 4} or snapshot["stack_id"] != bundle.plan["stack_id"]:
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
    rendered, trusted = bundle.json("rendered.json"), bundle.zone.get("verdict_signers", [])
    keys = {base64.b64decode(key.split()[1])[-32:]: name for name in trusted for key in bundle.known().get(name, ())}
    signed: dict[str, tuple[str, dict[str, Any]]] = {}
    for path in bundle.under("validators"):
        predicate, subjects, key = bundle.signed(path, "urn:zonewright:validator-verdicts:v1", None)
        if key not in keys:
            yield f"{path} is signed by nobody of verdict_signers"
            continue
        signed |= {f"sha256:{one['digest']['sha256']}": (keys[key], predicate) for one in subjects}
    verdicts = bundle.json("validators.json")["verdicts"]
    if len({(one["root"], one["format"]) for one in verdicts}) != len(verdicts):
        yield "there are two verdicts on the same files"
    for verdict in verdicts:
        root, of = verdict["root"], verdict["digest"]
        files = {path.removeprefix(f"{root}/"): rendered.get(path) for path in verdict["paths"]}
        if digest(canonical({"files": files, "format": verdict["format"]})) != of:
            yield f"a verdict on {root} is on other files"
        signer, said = signed.get(of, ("", {}))
        fields = ("status", "program", "version", "arguments", "output")
        if verdict["signer"] and (verdict["signer"] != signer or any(said[one] != verdict[one] for one in fields)):
            yield f"a verdict on {root} is not what {verdict['signer']} has signed"
        if said.get("status") == "fail" and verdict["status"] != "fail":
            yield f"{signer} has signed a failure of {root}"


def gated(bundle: Bundle) -> Iterator[str]:
    """Where the zone gates no format, no verdict is needed; which files a format has, only the program knows."""
    zone = bundle.zone
    packs, name = zone.get("rule_packs", {}), zone.get("rule_pack")
    while name in packs:
        if packs[name].get("gated_formats"):
            raise NotCheckedError("which files belong to a gated format needs the program")
        name = packs[name].get("extends")
    yield from ()


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
    if bundle.zone["signers"][predicate["signer"]]["party"] != bundle.plan["party"]:
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
            bundle.binds(predicate, "verdict", "comment", *({"viewed"} & predicate.keys()))
            viewed(bundle, predicate)
            if predicate["verdict"] not in {"approve", "reject"} or predicate["signer"] == author_of(bundle):
                raise ValueError("it is no verdict of somebody else than the author")
            bundle.zone["signers"][predicate["signer"]]
        except (InvalidSignature, *_MALFORMED) as error:
            yield f"{path}: {error!r}"
            continue
        verdict = Verdict(path, predicate["signer"], predicate["verdict"], moment(predicate["at"]))
        if verdict.at < moment(bundle.plan["planned_at"]):
            yield f"{path} is older than the plan"
            continue
        bundle.verdicts.append(verdict)


def viewed(bundle: Bundle, predicate: Mapping[str, Any]) -> None:
    """What a signer says to have seen, if anything, accounts for each file that changes once."""
    if "viewed" not in predicate:
        return
    said = predicate["viewed"]
    if said.keys() != {"groups", "left"} or said["left"] != sorted(set(said["left"])):
        raise ValueError("viewed has another form")
    before, after = bundle.json("before.json"), bundle.json("rendered.json")
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    named = list(said["left"])
    for name, paths in said["groups"].items():
        rows = [[path, before.get(path, ""), after.get(path, "")] for path in paths]
        if not paths or paths != sorted(set(paths)) or digest(canonical(rows)) != name:
            raise ValueError("viewed names something else than a group")
        named += paths
    if sorted(named) != sorted(changed):
        raise ValueError("viewed accounts for other files than those that change")


def counts_on(signer: Mapping[str, Any], at: datetime) -> bool:
    """Whether a signer's signatures count on the day of a moment, in UTC."""
    day = at.astimezone(UTC).date()
    first, last = signer.get("valid_from") or "0001-01-01", signer.get("valid_until") or "9999-12-31"
    return date.fromisoformat(first) <= day <= date.fromisoformat(last)


def days(bundle: Bundle) -> Iterator[str]:
    """Each signature counts on the day when the ledger received it, and no verdict is from the future."""
    signers = bundle.zone.get("signers", {})
    paths: list[tuple[str, str, datetime | None]] = [(one.path, one.signer, one.at) for one in bundle.verdicts]
    if "author.dsse.json" in bundle.files:
        paths.append(("author.dsse.json", author_of(bundle), None))
    for path, person, at in paths:
        entry = bundle.received(path)
        if entry is None:
            yield f"no entry of the journal received {path}"
            continue
        if at is not None and at > moment(entry["at"]) + SKEW:
            yield f"{path} is of a later moment than the ledger received it"
        if not counts_on(signers[person], moment(entry["at"])):
            yield f"{path} was received on a day on which signatures of {person} do not count"


# The journal.


def chain(bundle: Bundle) -> Iterator[str]:
    """Each entry follows the one before it."""
    if bundle.is_for_party:
        raise NotCheckedError("the journal is not in a party's bundle")
    previous = None
    for entry in bundle.journal:
        if digest(canonical({name: of for name, of in entry.items() if name != "hash"})) != entry["hash"]:
            yield f"entry {entry['sequence']} was altered"
        if previous and (entry["previous"], entry["sequence"]) != (previous["hash"], previous["sequence"] + 1):
            yield f"entry {entry['sequence']} does not follow the one before it"
        previous = entry


def head(bundle: Bundle) -> Iterator[str]:
    """The signed head names the last entry."""
    if "checkpoint.json" not in bundle.files:
        raise NotCheckedError("the bundle has no head of the journal")
    said, last = bundle.json("checkpoint.json"), bundle.journal[-1]
    yield from head_faults(said, bundle.ledger_key)
    if (said["sequence"], said["hash"]) != (last["sequence"], last["hash"]):
        yield "the head does not name the last entry"


def head_faults(head: Mapping[str, Any], ledger_key: str | None) -> Iterator[str]:
    """The signature of a checkpoint."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(head["public_key"], validate=True))
    text = canonical({name: of for name, of in head.items() if name != "signature"})
    try:
        key.verify(base64.b64decode(head["signature"], validate=True), text)
    except InvalidSignature:
        yield "the signature of the head is not valid"
    if ledger_key not in {None, head["public_key"]}:
        yield "the head is signed by another key than that of the ledger"


def kept(bundle: Bundle, checkpoint: Mapping[str, Any] | None) -> Iterator[str]:
    """The head that the auditor kept is of this journal."""
    if checkpoint is None:
        raise NotCheckedError("no checkpoint was given")
    if bundle.is_for_party:
        raise NotCheckedError("the journal is not in a party's bundle")
    yield from head_faults(checkpoint, bundle.ledger_key)
    entries, own = bundle.journal, checkpoint
    if "checkpoint.json" in bundle.files:
        own = bundle.json("checkpoint.json")
    same = ["public_key", "zone", *(["ledger"] if "ledger" in checkpoint and "ledger" in own else [])]
    if any(checkpoint[name] != own[name] for name in same):
        yield "it is of another ledger than this journal"
    hashes = {entries[0]["sequence"] - 1: entries[0]["previous"]}
    hashes |= {entry["sequence"]: entry["hash"] for entry in entries}
    if checkpoint["sequence"] not in hashes:
        raise NotCheckedError("it names an entry that is not in this bundle")
    if hashes[checkpoint["sequence"]] != checkpoint["hash"]:
        yield f"its entry {checkpoint['sequence']} is another one"


def record(bundle: Bundle) -> Iterator[str]:
    """The journal received what the bundle has, in the same order, and admitted this change of this stack."""
    plan, entries = bundle.plan, [one for one in bundle.journal if one["payload"].get("plan") == bundle.plan_digest]
    planned = [one["payload"]["envelope"] for one in entries if one["kind"] == "planned"]
    if not entries and not bundle.journal:
        raise NotCheckedError("the plan was not registered (yet)")
    if planned != [digest(bundle.files.get("author.dsse.json", b""))]:
        yield "the journal did not receive this plan of this author, once"
    received = [one["payload"]["envelope"] for one in entries if one["kind"] in {"approved", "rejected"}]
    if received != [digest(bundle.files[path]) for path in bundle.under("verdicts")]:
        yield "the journal received other verdicts, or in another order"
    for entry in entries:
        payload, number = entry["payload"], entry["sequence"]
        if entry.get("stack_id", plan["stack_id"]) != plan["stack_id"]:
            yield f"entry {number} is of another stack"
        if payload.get("change_digest", plan["change_digest"]) != plan["change_digest"]:
            yield f"entry {number} is on another change"
        if entry["kind"] == "admitted" and payload["rendered_digest"] != plan["rendered_digest"]:
            yield f"entry {number} admitted other files"


def decisions(bundle: Bundle) -> Iterator[str]:
    """The facts of a decision are of its stack, and not later than its minute."""
    if bundle.is_for_party:
        raise NotCheckedError("the facts are not in a party's bundle")
    for entry in bundle.of_plan("refused", "admitted"):
        snapshot = json.loads(bundle.object(entry["payload"]["snapshot"]))
        later = moment(snapshot["at"]) >= moment(entry["at"]).replace(second=0, microsecond=0) + timedelta(minutes=1)
        if later or snapshot["stack_id"] != bundle.plan["stack_id"]:
            yield f"entry {entry['sequence']} rests on facts of a later moment, or of another stack"


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
    for entry in bundle.journal:
        is_between = first < entry["sequence"] < last and entry["stack_id"] == bundle.plan["stack_id"]
        is_step = entry["kind"] in STEPS and (entry["kind"] != "settled" or "step" in entry["payload"])
        if is_between and is_step:
            yield f"entry {entry['sequence']} is a step between the plan and its admission"


def zone_files(bundle: Bundle) -> Iterator[str]:
    """Each decision names the zone file of the plan, and the last that the bundle's journal registered before it."""
    decided, registered = bundle.of_plan("refused", "admitted"), None
    for entry in decided:
        if entry["payload"].get("zone_digest", bundle.plan["zone_digest"]) != bundle.plan["zone_digest"]:
            yield f"entry {entry['sequence']} was decided by another zone file than the plan names"
    numbers = {entry["sequence"] for entry in decided}
    for entry in bundle.journal:
        if entry["kind"] == "zone-registered":
            registered = entry["payload"]["zone_digest"]
        elif entry["sequence"] in numbers and registered not in {None, entry["payload"].get("zone_digest", registered)}:
            yield f"entry {entry['sequence']} was decided by another zone file than the one that was registered"
    if not decided:
        raise NotCheckedError("nothing was decided (yet)")
    if any("zone_digest" not in entry["payload"] for entry in decided):
        raise NotCheckedError("a decision names no zone file")


# Policies.


def approval(bundle: Bundle) -> Iterator[str]:
    """All policies that match are met at the moment of the admission."""
    admission, plan = bundle.admission(), bundle.plan
    at, policies = moment(admission["at"]), matching(bundle)
    if not policies:
        if plan["accepts"]:
            yield "it accepts findings, and no policy covers that"
        return
    author, signers = bundle.received("author.dsse.json"), bundle.zone["signers"]
    if author is not None and not counts_on(signers[author_of(bundle)], max(at, moment(author["at"]))):
        yield "signatures of the author did not count when it was admitted"
    words = last_words(bundle, lambda entry: entry["sequence"] < admission["sequence"])
    for name, policy in policies.items():
        lane = policy.get("emergency")
        if plan["emergency"] and lane is None:
            yield f"policy {name} has no emergency lane"
        needs = lane.get("needs", {}) if plan["emergency"] and lane else policy["needs"]
        yield from (f"policy {name}: {why}" for why in unmet(bundle, words, policy, needs, at))
        if not plan["emergency"] and not in_window(policy.get("window"), at):
            yield f"policy {name}: the window is closed"
    if sorted(one.signer for one in words.values() if one.word == "approve") != sorted(
        admission["payload"]["approved_by"]
    ):
        yield "the journal names other approvers"


def review(bundle: Bundle) -> Iterator[str]:
    """An emergency that was admitted gets the full policy in time."""
    admission, policies = bundle.admission(), matching(bundle)
    if not bundle.plan["emergency"] or not policies:
        return
    at = moment(admission["at"])
    end = at + min(timedelta(hours=(one.get("emergency") or {}).get("review_hours", 48)) for one in policies.values())
    words = last_words(bundle, lambda entry: moment(entry["at"]) <= end)
    then = max((one.at for one in words.values()), default=at)
    short = [why for one in policies.values() for why in unmet(bundle, words, one, one["needs"], then)]
    known = [entry["at"] for entry in bundle.journal]
    known += [bundle.json("checkpoint.json")["at"]] if "checkpoint.json" in bundle.files else []
    known += [bundle.json("party.json")["until"]] if bundle.is_for_party else []
    if short and max(map(moment, known)) > end:
        yield f"nobody reviewed it in time: {short[0]}"
    elif short:
        raise NotCheckedError(f"it is reviewed until {end}")


def matching(bundle: Bundle) -> dict[str, Any]:
    """The policies that cover the plan, by the risk that it was admitted with."""
    risk = bundle.admission()["payload"]["risk"]
    policies: dict[str, Any] = bundle.zone.get("approvals", {})
    return {name: policy for name, policy in policies.items() if matches(policy, {**bundle.plan, "risk": risk})}


def matches(policy: Mapping[str, Any], plan: Mapping[str, Any]) -> bool:
    """Whether a policy covers a plan; a list that is empty covers all."""
    pairs = (("risks", plan["risk"]), ("parties", plan["party"]), ("stacks", plan["stack_id"]))
    return all(not policy.get(name) or value in policy[name] for name, value in pairs)


def last_words(bundle: Bundle, is_in_time: Callable[[dict[str, Any]], bool]) -> dict[str, Verdict]:
    """The verdict of each person that counts: the last one; at the same moment, the rejection."""
    words: dict[str, Verdict] = {}
    signers, admission = bundle.zone["signers"], bundle.admission()
    for one in sorted(bundle.verdicts, key=lambda verdict: (verdict.at, verdict.word)):
        entry = bundle.received(one.path)
        if entry is None or not is_in_time(entry):
            continue
        moments = [entry["at"], *([admission["at"]] if entry["sequence"] < admission["sequence"] else [])]
        if all(counts_on(signers[one.signer], moment(at)) for at in moments):
            words[one.signer] = one
    return words


def unmet(
    bundle: Bundle, words: Mapping[str, Verdict], policy: Mapping[str, Any], needs: Mapping[str, int], at: datetime
) -> Iterator[str]:
    """What a policy lacks; a person fills one place of it."""
    groups = {person: set(signer.get("groups", ())) for person, signer in bundle.zone["signers"].items()}
    lasts = timedelta(hours=policy.get("valid_hours", 72))
    for person, one in words.items():
        if one.word == "reject" and groups[person] & policy["needs"].keys():
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
    signer = bundle.zone["signers"][predicate["signer"]]
    if not counts_on(signer, moment(party["until"])):
        yield f"signatures of {predicate['signer']} do not count on that day"
    if signer["party"] == bundle.plan["party"]:
        raise NotCheckedError(f"{predicate['signer']} vouches for the own party")
    bundle.vouched = True


HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000


def removed_readings(bundle: Bundle) -> Iterator[str]:
    """Each sum is in a removal that the journal has with its digest, and no removal is left out."""
    if bundle.is_for_party:
        raise NotCheckedError("the facts are not in a party's bundle")
    journal = bundle.journal if "journal.jsonl" in bundle.files else []
    snapshots = [bundle.json("snapshot.json")]
    if journal:
        names = [one["payload"]["snapshot"] for one in bundle.of_plan("refused", "admitted")]
        snapshots += [json.loads(bundle.object(name)) for name in names]
    lacks = ""
    for snapshot in snapshots:
        removed = Removed.of(bundle, snapshot)
        yield from removed.faults(journal, own_renames(bundle, snapshot))
        lacks = lacks or removed.lacks(journal)
    if lacks:
        raise NotCheckedError(lacks)


def own_renames(bundle: Bundle, snapshot: Mapping[str, Any]) -> dict[str, str]:
    """New id by old id of each site that the change itself renames, as it was offered, and the demand says.

    An old id that a site of the snapshot still has is none.
    """
    assets, offered = bundle.json("demand.json").get("assets", {}), bundle.json("proposal.json").get("renamed", {})
    found = {}
    for new, asset in assets.items():
        was = asset.get("site", {}).get("was", ()) if asset["kind"] == "site" else ()
        old = offered.get(new)
        if old in ([was] if isinstance(was, str) else was) and f"assets/{old}.json" not in snapshot["files"]:
            found[old] = new
    return found


@dataclass(frozen=True)
class Removed:
    """What a snapshot has of removed readings: hourly sums by site and meter, and what the journal said of them."""

    at: datetime
    sums: dict[tuple[str, str], dict[int, str]]
    entries: list[tuple[str, dict[str, Any], list[dict[str, Any]]]]
    sites: set[str]

    @classmethod
    def of(cls, bundle: Bundle, snapshot: Mapping[str, Any]) -> "Removed":
        """The removals of a snapshot."""
        sums: dict[tuple[str, str], dict[int, str]] = {}
        entries = []
        for name, of in sorted(snapshot["files"].items()):
            kind, _, below = name.partition("/")
            site = below.split("/")[0]
            if kind == "sums":
                lines = bundle.object(of).decode().splitlines()
                if lines.pop(0) != "meter,begin_us,energy_mj":
                    raise ValueError(f"{name} has another head")
                sums.setdefault((site, name.split("/")[2]), {}).update(
                    {int(line.split(",")[1]): line for line in lines}
                )
            if kind == "pruned":
                entries += [(site, one["entry"], one["removed"]) for one in json.loads(bundle.object(of))]
        measured = ("readings/", "sums/", "pruned/", "trusts/")
        sites = {name.split("/")[1].removesuffix(".json") for name in snapshot["files"] if name.startswith(measured)}
        return cls(moment(snapshot["at"]), sums, entries, sites)

    @property
    def since_us(self) -> int:
        """Begin of the month 400 days before the snapshot: what is older is not compared."""
        then = (self.at.astimezone(UTC) - timedelta(days=400)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return int(then.timestamp()) * 1_000_000

    def compared(self) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """The removals that are compared, with their site and the entry's number."""
        for site, entry, removals in self.entries:
            yield from ((site, entry["sequence"], one) for one in removals if one["begin_us"] >= self.since_us)

    def called(self, journal: list[dict[str, Any]], own: Mapping[str, str], site: str, number: int) -> str:
        """The id in the snapshot of a site that the entry of that number calls so."""
        for entry in journal:
            if entry["kind"] == "admitted" and entry["sequence"] > number and moment(entry["at"]) <= self.at:
                site = entry["payload"].get("renamed", {}).get(site, site)
        return own.get(site, site)

    def faults(self, journal: list[dict[str, Any]], own: Mapping[str, str]) -> Iterator[str]:
        """What is wrong."""
        held, known = {entry["sequence"]: entry for entry in journal}, set()
        for site, entry, removals in self.entries:
            told = {
                self.called(journal, own, name, entry["sequence"]): of
                for name, of in entry["payload"].get("sites", {}).items()
            }
            said = told.get(site)
            if not journal and said is None and digest(canonical(removals)) in told.values():
                said = digest(canonical(removals))  # renames are not known, and nothing of this is
            known.add((site, said))
            if journal and held.get(entry["sequence"]) != entry:
                yield f"entry {entry['sequence']} on a removal is not in the journal"
            if digest(canonical({name: of for name, of in entry.items() if name != "hash"})) != entry["hash"]:
                yield f"entry {entry['sequence']} on a removal was altered"
            if said != digest(canonical(removals)):
                yield f"entry {entry['sequence']} names other removals"
        for entry in journal:
            if entry["kind"] == "pruned" and moment(entry["at"]) <= self.at:
                until, digests = entry["payload"].get("until_us", {}), entry["payload"].get("sites", {})
                for name, of in digests.items():
                    site = self.called(journal, own, name, entry["sequence"])
                    is_late = until.get(name, self.since_us + 1) > self.since_us
                    if site in self.sites and is_late and (site, of) not in known:
                        yield f"the snapshot lacks entry {entry['sequence']} on a removal at {name}"
        yield from self._sums()

    def _sums(self) -> Iterator[str]:
        left = {key: dict(hours) for key, hours in self.sums.items()}
        for site, number, removal in self.compared():
            hours = left.get((site, removal["meter"]), {})
            span = range(removal["begin_us"], removal["end_us"], HOUR_US)
            lines = [hours.pop(at) for at in span if at in hours]
            text = "".join(f"{line}\n" for line in ("meter,begin_us,energy_mj", *lines))
            if digest(text.encode()) != removal["sums"]:
                yield f"the sums of {removal['meter']} are not those of entry {number}"
        for (site, meter), hours in left.items():
            if hours:
                yield f"{len(hours)} sums of {meter} at {site} are in no removal"

    def lacks(self, journal: list[dict[str, Any]]) -> str:
        """What nothing shows."""
        if self.entries and not journal:
            return "the bundle has no journal to find the removals in"
        stretches: dict[tuple[str, str], list[list[int]]] = {}
        empty = [(site, one) for site, _, one in self.compared() if not one["readings"]]
        for site, one in sorted(empty, key=lambda pair: (pair[0], pair[1]["meter"], pair[1]["begin_us"])):
            own = stretches.setdefault((site, one["meter"]), [])
            if own and own[-1][1] == one["begin_us"]:
                own[-1][1] = one["end_us"]
            else:
                own.append([one["begin_us"], one["end_us"]])
        if any(end - begin > DAY_US for own in stretches.values() for begin, end in own):
            return "nothing shows what the sums of more than a day were made from"
        return ""


# All checks.


CHECKS: tuple[Callable[[Bundle], Iterator[str]], ...] = (
    plan_names, plan_repeats, all_named, facts, validators, gated, author, export, verdict_signatures, record,
    decisions, days, chain,
    head, steps, zone_files, approval, review, roll_outs, removed_readings,
)  # fmt: skip
TOLD_BY_ENTRIES = (record, days, steps, zone_files, approval, review, roll_outs)


def verify(
    path: Path,
    *,
    keys: Path | Mapping[str, tuple[str, ...]] | None = None,
    checkpoint: Path | Mapping[str, Any] | None = None,
    ledger_key: str | None = None,
) -> list[Result]:
    """Each check of a bundle with its answer.

    Args:
        path: of the archive or folder.
        keys: that the auditor trusts, by signer, or a folder with ``SIGNER.pub``; else those of the bundle's zone.
        checkpoint: that the auditor kept, or its file.
        ledger_key: the ledger's public key in base64, from elsewhere.
    """
    files, faults = read(path)
    archive = Result("archive", WRONG if faults else GOOD, "; ".join(faults))
    if isinstance(keys, Path):
        keys = {one.stem: (" ".join(one.read_text("ascii").split()[:2]),) for one in sorted(keys.glob("*.pub"))}
    kept_one = json.loads(checkpoint.read_bytes()) if isinstance(checkpoint, Path) else checkpoint
    if not files:
        return [archive]
    return [archive, *verify_files(files, keys=keys, checkpoint=kept_one, ledger_key=ledger_key)]


def verify_files(
    files: Mapping[str, bytes],
    *,
    keys: Mapping[str, tuple[str, ...]] | None = None,
    checkpoint: Mapping[str, Any] | None = None,
    ledger_key: str | None = None,
) -> list[Result]:
    """Each check of a bundle's files with its answer.

    Args:
        files: content by path.
        keys: that the auditor trusts, by signer; else those of the bundle's zone.
        checkpoint: that the auditor kept.
        ledger_key: the ledger's public key in base64, from elsewhere.
    """
    results = [_judged("manifest", lambda: manifest(files))]
    try:
        bundle = Bundle(dict(files), keys, ledger_key)
        zone = bundle.zone["zone"]
    except _MALFORMED as error:
        return [*results, Result("plan", WRONG, repr(error))]
    results.append(Result("zone", GOOD if zone == bundle.plan["zone"] else WRONG))
    for check in CHECKS:
        result = _judged(check.__name__.replace("_", " "), partial(check, bundle))
        if check in TOLD_BY_ENTRIES and not bundle.vouched and result.answer == GOOD:
            result = Result(result.name, NOT_CHECKED, "nobody of another party vouches for the entries of this export")
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
