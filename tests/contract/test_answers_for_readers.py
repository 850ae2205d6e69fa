"""What a party reads of a ledger that is served: its own in full, of others nothing but that they are there."""

import json
import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update as updating

from support.ledger_party import EMPTY, Party
from support.planner import Planner
from support.second_opinion import verified
from support.served_ledger import OTHER, OWN, Served, served_ledger
from support.signing import key_of, policy, zone_with
from support.soak import is_full
from support.zone_project import cluster
from zonewright.audit.evidence import gathering
from zonewright.audit.evidence.contents import read_contents
from zonewright.audit.evidence.gathering import each_entry, whole_bundle, whole_journal
from zonewright.audit.evidence.layout import PARTIAL
from zonewright.audit.evidence.party import bundle_of, for_party, signed_for_party
from zonewright.ledger import LedgerError, LedgerRefusedError
from zonewright.ledger.deciding.party_facts import SALT, facts_text
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.access_messages import AccessRequest
from zonewright.ledger.protocol.admission_messages import EvaluateRequest
from zonewright.ledger.protocol.capacity_messages import CapacityRequest, EnergyRequest, ExplainRequest, FitRequest
from zonewright.ledger.protocol.change import change_digest, parse_place
from zonewright.ledger.protocol.change_messages import ChangesRequest, PlanQuery
from zonewright.ledger.protocol.content_messages import ContentQuery, ContentRequest
from zonewright.ledger.protocol.journal_messages import WITHHELD, CheckpointRequest, HistoryRequest
from zonewright.ledger.protocol.messages import StackRequest
from zonewright.ledger.protocol.outage_messages import DrainRequest, OutageRequest
from zonewright.ledger.protocol.rollout_messages import ConfigurationsRequest, HoursRequest
from zonewright.ledger.protocol.stack_messages import InitRequest, ReportRequest
from zonewright.ledger.protocol.verbs import Verb
from zonewright.ledger.protocol.who_messages import WhoRequest
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.journal import verify, verify_checkpoint
from zonewright.ledger.store.tables import admission, content
from zonewright.ledger.store.texts import files_at, put_contents
from zonewright.ledger.transport.client import LedgerClient
from zonewright.ledger.transport.over_http import OverHttp
from zonewright.ledger.transport.posted import Posted
from zonewright.model import Zone
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.model.rack_position import RackPosition

ROLES = {"operator": ["facility-operator"], "tenant-a": ["tenant"], "tenant-b": ["tenant"], "office": ["auditor"]}
ODD = {
    "manufacturer": "Acme",
    "model": "Odd",
    "u_height": 1,
    "weight_kg": 17,
    "maximum_draw": 317,
    "allocated_draw": 211,
}
HEAVY = {**ODD, "allocated_draw": 411, "maximum_draw": 800}
_PLAIN = zone_with()
ZONE_DATA = {
    **_PLAIN,
    "parties": {name: {"title": name, "roles": roles} for name, roles in ROLES.items()},
    "node_types": {
        **_PLAIN["node_types"],
        "odd-u": ODD,
        "heavy-u": {**ODD, "allocated_draw": 400, "maximum_draw": 800},
    },
}
ZONE_FILE = Zone.model_validate(ZONE_DATA)
CANARY: dict[str, Any] = {"clusters": {"canary": cluster(7, node_type="odd-u")}}
"""What tenant-b has: 7 nodes, which take 1,477 W, and 2,219 W at most."""
TOLD = re.compile(r"canary|lineage-of-tenant-b|stack-of-tenant-b|\b1[.,]?477\b|\b2[.,]?219\b")
NOISE = re.compile(r"[0-9a-f]{40,}|[A-Za-z0-9+/]{60,}={0,2}")
"""Digests, keys and signatures: random, and long enough to hold any number."""


@dataclass
class Heard:
    """Everything that the service answered."""

    bodies: list[tuple[str, str]] = field(default_factory=list)

    def leaks(self) -> list[str]:
        """Where a canary is told, with its verb."""
        found = []
        for verb, text in self.bodies:
            clean = NOISE.sub("", text)
            found += [f"{verb}: {clean[max(0, one.start() - 80) : one.end() + 80]}" for one in TOLD.finditer(clean)]
        return found


@pytest.fixture(name="served")
def _served(tmp_path: Path) -> Iterator[Served]:
    with served_ledger(tmp_path, ZONE_FILE, **CANARY) as served:
        yield served


@pytest.fixture(name="heard")
def _heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    heard, real = Heard(), OverHttp.post

    def post(self: OverHttp, verb: str, body: bytes) -> Posted:
        answer = real(self, verb, body)
        heard.bodies.append((verb, answer.body.decode()))
        return answer

    monkeypatch.setattr(OverHttp, "post", post)
    return heard


def everything(served: Served) -> set[str]:
    """Digests of all texts that the ledger has."""
    database = Database(served.path, lock_wait_s=5)
    with database.reading() as connection:
        found = set(connection.execute(content.select()).scalars())
    database.close()
    assert len(found) < 1000, "more than one question may ask for"
    return found


def planned_by_others(served: Served) -> Planner:
    """Tenant b, by whoever has the file: with a plan whose reason nobody else is to read, and deployed files."""
    tenant = served.party("", "tenant-b", OTHER)
    tenant.client = served.local
    planner = Planner(tenant, author="carl")
    plan, _ = planner.plan(at=served.now[0], reason="the canary sings", **CANARY)
    for signer in ("ben", "bea"):
        planner.verdict(plan, signer, at=served.now[0])
    planner.deploy(**CANARY)
    return planner


def work(planner: Planner, served: Served, randomness: random.Random) -> None:
    """One thing that a tenant does, or tries to."""
    count = randomness.choice([1, 2, 3, 5, 60])
    wants: dict[str, Any] = {
        "clusters": {"web": cluster(count, node_type=randomness.choice(["one-u", "two-u", "odd-u"]))}
    }
    party, ledger = planner.party, planner.party.client
    match randomness.randrange(5):
        case 0:
            planner.plan(at=served.now[0], **wants)
        case 1:
            planner.deploy(**wants)
        case 2:
            party.propose(party.demand(**wants), reserve=False)
        case 3:
            demand = party.demand(**wants)
            ledger.call(verbs.EXPLAIN, ExplainRequest(stack_id=OWN, party="tenant-a", demand=demand, node="web-001"))
        case _:
            beside: dict[str, Any] = {
                "clusters": {"web": cluster(count, places={"001": {"rack": "dc1/a/01/01", "position": 4}})}
            }
            party.propose(party.demand(**beside), reserve=False)


def ask_everything(served: Served, ledger: LedgerClient) -> None:
    """Each verb that only reads, with each subject, digest, page and kind that there is."""
    ledger.call(verbs.CAPACITY, CapacityRequest())
    ledger.call(verbs.FIT, FitRequest(watts=1_000, units=4))
    ledger.call(verbs.ENERGY, EnergyRequest())
    ledger.call(verbs.CONFIGURATIONS, ConfigurationsRequest(sites=["dc1"]))
    ledger.call(verbs.CONFIGURATIONS, ConfigurationsRequest(sites=["dc1"], before={}))
    ledger.call(verbs.CONFIGURATIONS, ConfigurationsRequest(sites=["dc1"], before={OTHER: 1000}))
    ledger.call(verbs.HOURS, HoursRequest())
    ledger.call(verbs.CHECKPOINT, CheckpointRequest())
    ledger.call(verbs.CHANGES, ChangesRequest())
    ledger.call(verbs.FETCH, ContentQuery(digests=sorted(everything(served))))
    kinds = {entry.kind for entry in served.local.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries}
    for limit in (3, 1000):
        list(each_entry(ledger))
        ledger.call(verbs.HISTORY, HistoryRequest(limit=limit))
    for kind in sorted(kinds):
        ledger.call(verbs.HISTORY, HistoryRequest(kinds=[kind]))
    for subject in ("dc1", "dc1/a/01/01", "dc1/a/01", "sub-1", "pa", "10.80.0.10", "web-001"):
        ledger.call(verbs.WHO, WhoRequest(subject=subject))
    for subject in ("dc1/a/01/01", "dc1/a/01", "dc1/a", "dc1/pa", "dc1/sub-1", "dc1/a/01:B"):
        ledger.call(verbs.OUTAGE, OutageRequest(subjects=[subject], begins="2026-12-01T00:00Z"))
        ledger.call(verbs.DRAIN, DrainRequest(subjects=[subject]))
    plans = served.local.call(verbs.CHANGES, ChangesRequest()).changes
    for query in (PlanQuery(stack_id=OTHER), *(PlanQuery(plan=one.plan) for one in plans if one.plan)):
        with suppress(LedgerRefusedError):
            ledger.call(verbs.PLAN_OF, query)
        with suppress(LedgerRefusedError):
            ledger.call(verbs.EVIDENCE, query)
    others: list[tuple[Verb[Any, Any], Any]] = [
        (verbs.REPORT, ReportRequest(stack_id=OTHER)),
        (verbs.DEPLOYED, StackRequest(stack_id=OTHER)),
        (verbs.ACCESS, AccessRequest()),
    ]
    for verb, request in others:
        with pytest.raises(LedgerRefusedError):
            ledger.call(verb, request)


@pytest.mark.parametrize("seed", range(1, 20 if is_full() else 2))
def test_a_tenant_hears_nothing_of_another(served: Served, heard: Heard, seed: int) -> None:
    """A day of a tenant's work, and every question there is: no name, stack, lineage or watt of another is answered."""
    planned_by_others(served)
    planner = Planner(served.party(served.grant("runner-a", "tenant-a", "tenant")))
    randomness = random.Random(seed)
    for _ in range(12):
        with suppress(LedgerRefusedError):
            work(planner, served, randomness)
    ask_everything(served, planner.party.client)
    assert len(heard.bodies) > 60
    assert heard.leaks() == []


def test_what_is_named_is_not_thereby_ones_own(served: Served, heard: Heard) -> None:
    """A manifest, a plan and the files before it name only what their party brought: nothing of others is read."""
    other = planned_by_others(served)
    planner = Planner(served.party(served.grant("runner-a", "tenant-a", "tenant")))
    ledger = planner.party.client
    fields: dict[str, Any] = {"clusters": {"web": cluster(2)}}
    own, made = planner.material(**fields), planner.material(**fields)
    gathering.store(ledger, made)
    plan = made.plan(reason="", emergency=False, planned_at=served.now[0].isoformat())
    theirs = served.local.call(verbs.PLAN_OF, PlanQuery(stack_id=other.party.stack_id)).plan
    foreign = sorted({*json.loads(theirs or "{}")["files"].values(), own.snapshot.digest})
    brought = {digest_of(text) for text in own.texts.values()}
    for digest in foreign:
        if digest in brought:
            continue
        with pytest.raises(LedgerRefusedError, match="are not in the ledger"):
            planner.party.admit(
                planner.party.propose(planner.party.demand(**fields)), canonical_json({"a/dc1": digest})
            )
        for name in ("zz", "itself", "before.json", "rendered.json"):
            manifest = canonical_json({"a/dc1": digest})
            ledger.call(verbs.STORE, ContentRequest(texts=[manifest]))
            files = plan.files | {name: digest if name == "zz" else digest_of(manifest)}
            if name == "itself":  # where it is a manifest, nothing of it is told
                files = plan.files | {"before.json": digest}
            update: dict[str, Any] = {"files": files}
            if name == "rendered.json":
                places = {one: parse_place(text) for one, text in plan.places.items()}
                seats = {one: seat for one, (seat, _) in places.items()}
                pools = {one: found for one, (_, found) in places.items()}
                change = change_digest(plan.demand_digest, seats, pools, digest_of(manifest))
                update |= {"rendered_digest": digest_of(manifest), "change_digest": change}
            with pytest.raises(LedgerRefusedError, match=f"the ledger lacks 1 text of its evidence, such as {digest}"):
                planner.register(plan.model_copy(update=update))
    assert ledger.call(verbs.FETCH, ContentQuery(digests=foreign)).texts.keys() <= brought
    assert heard.leaks() == []


def test_a_snapshot_is_the_ledger_s_own(served: Served) -> None:
    """A plan on facts that its author wrote, or took from another's, is not registered."""
    planner = Planner(served.party(served.grant("runner-a", "tenant-a", "tenant")))
    ledger, made = planner.party.client, planner.material(clusters={"web": cluster(4)})
    gathering.store(ledger, made)
    plan = made.plan(reason="", emergency=False, planned_at=served.now[0].isoformat())
    taken = served.local.call(verbs.FETCH, ContentQuery(digests=[made.snapshot.digest])).texts[made.snapshot.digest]
    cut = json.loads(taken)
    cut["files"] = {name: digest for name, digest in cut["files"].items() if not name.startswith("claims/")}
    forged = canonical_json(cut)
    salt = served.local.call(verbs.FETCH, ContentQuery(digests=[cut["files"][SALT]])).texts[cut["files"][SALT]]
    facts = facts_text(cut["files"], salt)
    ledger.call(verbs.STORE, ContentRequest(texts=[forged, facts]))
    files = plan.files | {"snapshot.json": digest_of(forged), "facts.json": digest_of(facts)}
    with pytest.raises(LedgerRefusedError, match="has not taken its snapshot for this stack"):
        planner.register(plan.model_copy(update={"snapshot": digest_of(forged), "files": files}))
    served.now[0] += timedelta(days=2)
    with pytest.raises(LedgerRefusedError, match="has not taken its snapshot"):
        planner.register(plan)


def test_a_path_that_names_no_site_is_of_none() -> None:
    """Of a manifest a site gets the files below its own name, and nothing that lies beside the sites."""
    files = {"x": "1", "sites/dc1/x": "2", "sites/dc2/x": "3", "dc1/x": "4", "": "5"}
    assert files_at(files, ["dc1"]) == {"sites/dc1/x": "2"}


@pytest.mark.tampers
def test_no_manifest_breaks_who_reads_it(served: Served) -> None:
    """What is no manifest is not admitted; one that an older version let in gives nobody anything, and no fault."""
    planner = Planner(served.party(served.grant("runner-a", "tenant-a", "tenant")))
    ledger = planner.party.client
    for text in ("[]", '{"x":"sha256:%s"}' % ("0" * 64), '{"a/dc1/x":{}}', "no JSON", "7", '{"a/b":"c"}'):
        with pytest.raises(LedgerRefusedError, match=r"no manifest|not in the ledger"):
            planner.party.admit(planner.party.propose(planner.party.demand(clusters={"web": cluster(3)})), text)
    planned_by_others(served)
    operator = served.client(served.grant("runner-o", "operator", "facility-operator"))
    for text in ("[]", '{"x":"y"}', '{"a/dc1/x":{}}', "no JSON", "7"):
        with Database(served.path, lock_wait_s=5).writing() as connection:
            put_contents(connection, [text])
            connection.execute(updating(admission).values(rendered_digest=digest_of(text)))
        wanted = ContentQuery(digests=[f"sha256:{'0' * 64}"])
        assert operator.call(verbs.FETCH, wanted).texts == {}
        assert ledger.call(verbs.FETCH, wanted).texts == {}


def test_a_refusal_tells_what_is_too_much_and_no_sum(served: Served) -> None:
    """Of a full rack a tenant hears by how much it is too full, rounded up, and its own use; its operator hears all."""
    tenant = served.party(served.grant("runner-a", "tenant-a", "tenant"))
    places = {f"{number:03}": {"rack": "dc1/a/01/01", "position": number + 9} for number in range(1, 31)}
    demand = tenant.demand(clusters={"web": cluster(30, node_type="heavy-u", places=places)})
    local = Party(served.local, OWN, "tenant-a", "lineage-of-tenant-a", zone=ZONE_FILE)
    exact = {one.rule: one for one in local.propose(demand, reserve=False).findings}
    told = {one.rule: one for one in tenant.propose(demand, reserve=False).findings}
    assert exact.keys() == told.keys() == {"feed-failover"}
    sums, short = exact["feed-failover"], told["feed-failover"]
    assert sums.value == (sums.limit or 0) + sums.excess
    assert sums.excess % 100, "else nothing is rounded"
    assert (short.value, short.limit, short.excess) == (None, None, -(-sums.excess // 100) * 100)
    said = short.message + short.fix
    assert f"up to {short.excess:,} W too much" in said
    assert not [figure for figure in (sums.value, sums.limit, sums.excess) if f"{figure:,}" in said]
    places["001"]["position"] = 9
    again = tenant.demand(clusters={"web": cluster(30, node_type="heavy-u", places=places)})
    offer = tenant.propose(again, reserve=False)
    tenant.propose(again, reserve=False)
    moved = {**offer.seats, "web-001": RackPosition("dc1/a/01/01", 8)}
    for who, seats in ((tenant, offer.seats), (tenant, offer.seats), (tenant, moved), (local, moved)):
        asked = {"stack_id": OWN, "party": "tenant-a", "lineage": "lineage-of-tenant-a", "addresses": offer.addresses}
        found = EvaluateRequest(**asked, demand_digest=offer.demand_digest, seats=seats)
        assert any(one.refuses for one in who.client.call(verbs.EVALUATE, found).findings)
    unseen = []
    for position, remember in ((7, False), (6, True)):
        places["001"]["position"] = position
        unseen.append(tenant.demand(clusters={"web": cluster(30, node_type="heavy-u", places=places)}))
        tenant.propose(unseen[-1], reserve=remember, remember=remember)
    entries = served.local.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries
    probes = [one.payload for one in entries if one.kind == "preview-refused"]
    noted = [again.digest(), again.digest(), *(one.digest() for one in unseen)]
    assert [(one["by"], one["demand_digest"]) for one in probes] == [("runner-a", digest) for digest in noted], (
        "each question that is another one leaves an entry, also one that is not to be remembered or begins an `up`, "
        "and no question of who has the file does"
    )
    assert all("feed-failover" in one["rules"] for one in probes)
    used = {
        name: served.client(token).call(verbs.CAPACITY, CapacityRequest()).sites["dc1"].used_kw
        for name, token in (
            ("tenant", served.grant("viewer-a", "tenant-a", "tenant")),
            ("operator", served.grant("viewer-o", "operator", "facility-operator")),
        )
    }
    assert used == {"tenant": 0.4, "operator": 1.877}


def test_who_oversees_or_approves_hears_it(served: Served, heard: Heard) -> None:
    """The same questions of an auditor do find the canaries, so the search for them can fail."""
    planned_by_others(served)
    ledger = served.client(served.grant("auditor", "office", "auditor"))
    ledger.call(verbs.FETCH, ContentQuery(digests=sorted(everything(served))))
    list(each_entry(ledger))
    assert {one.partition(":")[0] for one in heard.leaks()} == {"fetch", "history"}
    assert len(list(whole_journal(ledger))) == len(list(whole_journal(served.local)))


def test_a_party_follows_the_chain_of_what_it_cannot_read(served: Served) -> None:
    """Others' entries have number and hashes, so the chain holds up to a checkpoint; a whole journal it is not."""
    planned_by_others(served)
    mine = served.client(served.grant("runner-a", "tenant-a", "tenant"))
    entries = list(each_entry(mine))
    others = [entry for entry in entries if entry.kind == WITHHELD]
    assert {entry.party for entry in entries} == {"", "tenant-a"}
    assert len(others) > len(entries) / 2
    head = mine.call(verbs.CHECKPOINT, CheckpointRequest())
    assert verify_checkpoint(head) is None
    assert verify(entries, head, may_withhold=True) is None
    assert "was altered" in str(verify(entries, head)), "whoever must see all does not take a part for the whole"
    number = next(entry.sequence for entry in entries if entry.kind == "admitted")
    entries[number - 1] = entries[number - 1].model_copy(update={"at": "2020-01-01"})
    assert f"entry {number} was altered" in str(verify(entries, head, may_withhold=True))
    with pytest.raises(LedgerRefusedError, match="expected the role auditor"):
        list(whole_journal(mine))


def test_a_runner_of_one_stack_reads_that_stack(served: Served) -> None:
    """Of its own party's other stacks, a principal of one stack gets neither entries nor texts."""
    planner = Planner(served.party(served.grant("runner-a", "tenant-a", "tenant")))
    planner.deploy(clusters={"web": cluster(3)})
    files = served.local.call(verbs.DEPLOYED, StackRequest(stack_id=OWN)).sites["dc1"].values()
    wanted = ContentQuery(digests=sorted(files))
    for stacks, count in (([OWN], len(set(files))), (["stack-000009"], 0)):
        runner = served.client(served.grant("runner-x", "tenant-a", "tenant", stacks=stacks))
        assert len(runner.call(verbs.FETCH, wanted).texts) == count
        told = {entry.stack_id for entry in runner.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries}
        assert told == {"", *(stacks if count else ())}


def test_a_stack_s_id_brings_nothing_of_who_had_it_before(served: Served) -> None:
    """A party that enrols an id which another has left reads nothing of what that one wrote under it."""
    planner = Planner(Party(served.local, "stack-000007", "tenant-a", zone=ZONE_FILE))
    planner.party.enrol()
    planner.plan(at=served.now[0], clusters={"web": cluster(1)})
    admission = planner.admit(clusters={"web": cluster(1)})
    planner.complete(admission)
    files = served.local.call(verbs.FETCH, ContentQuery(digests=sorted(everything(served)))).texts
    planner.destroy(admission)
    after = served.party(served.grant("runner-b", "tenant-b", "tenant"), "tenant-b", "stack-000007")
    after.enrol()
    after.bring_up(clusters={"web": cluster(1, node_type="two-u")})
    theirs = after.client.call(verbs.FETCH, ContentQuery(digests=sorted(files))).texts
    assert not [text for text in theirs.values() if '"party":"tenant-a"' in text]
    told = after.client.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries
    assert {entry.party for entry in told} == {"", "tenant-b"}


def test_who_had_a_stack_s_id_reads_nothing_of_who_has_it_now(served: Served) -> None:
    """Neither files, configurations nor entries of the party that enrolled the id later; nor the other's verdicts."""
    before = Planner(served.party(served.grant("runner-a", "tenant-a", "tenant"), stack_id="stack-000007"))
    before.party.enrol()
    plan, _ = before.plan(at=served.now[0], clusters={"web": cluster(1)})
    Planner(Party(served.local, "stack-000007", "tenant-a")).verdict(plan, "carl", at=served.now[0])
    admission = before.admit(clusters={"web": cluster(1)})
    before.complete(admission)
    before.deploy(clusters={"web": cluster(1)})  # and its state loses the files, so that nothing withdraws them
    left = served.local.call(verbs.DEPLOYED, StackRequest(stack_id="stack-000007")).sites["dc1"]
    before.destroy(before.admit(clusters={"web": cluster(1)}))
    assert served.local.call(verbs.DEPLOYED, StackRequest(stack_id="stack-000007")).sites == {}
    after = Planner(Party(served.local, "stack-000007", "tenant-b", lineage="another", zone=ZONE_FILE))
    after.party.enrol()
    after.deploy(clusters={"web": cluster(1, node_type="two-u")})
    ledger = before.party.client
    assert ledger.call(verbs.CONFIGURATIONS, ConfigurationsRequest(sites=["dc1"])).stacks == []
    files = served.local.call(verbs.DEPLOYED, StackRequest(stack_id="stack-000007")).sites["dc1"]
    theirs = ledger.call(verbs.FETCH, ContentQuery(digests=sorted(files.values()))).texts
    assert not [text for text in theirs.values() if "tenant-b" in text]
    told = ledger.call(verbs.HISTORY, HistoryRequest(limit=1000)).entries
    assert {(entry.party, entry.kind) for entry in told if entry.party == "tenant-b"} == {("tenant-b", "approved")}
    new = served.client(served.grant("runner-b", "tenant-b", "tenant"))
    found = new.call(verbs.FETCH, ContentQuery(digests=sorted(left.values()))).texts
    assert not [text for text in found.values() if "tenant-a" in text]
    kinds = {entry.kind for entry in new.call(verbs.HISTORY, HistoryRequest(kinds=["planned", "rejected"])).entries}
    assert kinds == set()


@pytest.mark.tampers
def test_an_entry_that_is_altered_to_look_withheld_is_found(served: Served) -> None:
    """Who reads everything takes no entry for one that is withheld, whatever the ledger's file says of its kind."""
    auditor = served.client(served.grant("auditor", "office", "auditor"))
    with sqlite3.connect(served.path) as own:
        own.execute("UPDATE journal SET kind = 'withheld', payload = '{}' WHERE kind = 'admitted'")
    answer = auditor.call(verbs.HISTORY, HistoryRequest(limit=1000))
    assert not answer.is_partial
    assert "was altered" in str(verify(answer.entries, may_withhold=answer.is_partial))
    tenant = served.client(served.grant("runner-a", "tenant-a", "tenant"))
    assert tenant.call(verbs.HISTORY, HistoryRequest(limit=1)).is_partial


def test_a_runner_of_one_stack_gets_its_bundle(served: Served) -> None:
    """A principal of one stack exports the evidence of that stack, and sees no change of another."""
    planner = Planner(served.party(served.grant("runner-a", "tenant-a", "tenant")))
    plan, _ = planner.plan(at=served.now[0], clusters={"web": cluster(4)})
    runner = served.client(served.grant("runner-x", "tenant-a", "tenant", stacks=[OWN]))
    assert PARTIAL in bundle_of(runner, PlanQuery(plan=plan.digest()))
    other = served.client(served.grant("runner-y", "tenant-a", "tenant", stacks=["stack-000009"]))
    with pytest.raises(LedgerRefusedError, match="has no plan"):
        bundle_of(other, PlanQuery(plan=plan.digest()))
    told = [client.call(verbs.CHANGES, ChangesRequest()).changes for client in (runner, other)]
    assert [bool(found) for found in told] == [True, False]


def test_an_operator_reads_what_it_brings_to_hosts(served: Served) -> None:
    """Files that tenants have at a site come to its operator with their approvals, and nothing else of them."""
    planner = planned_by_others(served)
    operator = served.client(served.grant("runner-o", "operator", "facility-operator"))
    (offered,) = operator.call(verbs.CONFIGURATIONS, ConfigurationsRequest(sites=["dc1"])).stacks
    assert (offered.stack_id, bool(offered.files)) == (OTHER, True)
    texts = operator.call(verbs.FETCH, ContentQuery(digests=sorted(offered.files.values()))).texts
    assert texts.keys() == set(offered.files.values())
    record = served.local.call(verbs.PLAN_OF, PlanQuery(stack_id=planner.party.stack_id))
    named = sorted(json.loads(record.plan or "{}")["files"].values())
    got = operator.call(verbs.FETCH, ContentQuery(digests=named)).texts
    assert set(got.values()) <= {EMPTY, *texts.values()}


def test_what_was_admitted_is_read_before_it_is_deployed(served: Served) -> None:
    """A party reads demand and files of its last admission; the operator reads the files that come to its site."""
    admitted: dict[str, tuple[LedgerClient, str, str]] = {}
    for name, stack_id in (("tenant-a", OWN), ("tenant-b", OTHER)):
        planner = Planner(served.party(served.grant(f"runner-of-{name}", name, "tenant"), name, stack_id))
        planner.deploy(clusters={"web": cluster(2)})
        planner.admit(clusters={"web": cluster(2, node_type="two-u")})
        entry = served.local.call(verbs.HISTORY, HistoryRequest(kinds=["admitted"], limit=1000)).entries[-1]
        assert entry.stack_id == stack_id
        client = planner.party.client
        admitted[name] = (client, entry.payload["demand_digest"], entry.payload["rendered_digest"])
    served.now[0] += timedelta(days=2)  # who brought a text reads it for a day
    operator = served.client(served.grant("runner-o", "operator", "facility-operator"))
    for client, demand, manifest in admitted.values():
        texts = client.call(verbs.FETCH, ContentQuery(digests=[demand, manifest])).texts
        assert set(texts) == {demand, manifest}
        files = sorted(set(json.loads(texts[manifest]).values()))
        for reader in (client, operator):
            assert set(reader.call(verbs.FETCH, ContentQuery(digests=files)).texts) == set(files)
        assert operator.call(verbs.FETCH, ContentQuery(digests=[demand, manifest])).texts == {}


def test_a_party_s_bundle_from_the_service_is_that_of_the_zone(served: Served) -> None:
    """A party gets its form of the evidence from the service; the zone makes the same from the complete bundle."""
    planned_by_others(served)
    policies = {"two-operators": policy({"operators": 2}, parties=["tenant-a"])}
    served.zone = Zone.model_validate({**ZONE_DATA, "approvals": policies})
    served.local.call(verbs.INIT, InitRequest(zone=served.zone))
    planner = Planner(served.party(served.grant("runner-a", "tenant-a", "tenant")))
    plan, _ = planner.plan(at=served.now[0], clusters={"web": cluster(4)})
    for signer in ("ben", "bea"):
        whoever = Planner(Party(served.local, OWN, "tenant-a"))
        whoever.verdict(plan, signer, at=served.now[0])
    planner.complete(planner.admit(clusters={"web": cluster(4)}))
    query = PlanQuery(plan=plan.digest())
    own = bundle_of(planner.party.client, query)
    zones = for_party(whole_bundle(served.local, query))
    assert own.keys() == zones.keys()
    unlike = {name for name in own if own[name] != zones[name]} - {"manifest.json"}
    assert unlike == {PARTIAL}
    mine, theirs = (json.loads(files[PARTIAL]) for files in (own, zones))
    assert {name for name in mine if mine[name] != theirs[name]} == {"items"}
    assert set(mine["items"]) < set(theirs["items"]), "the zone's also bind the journal and its head"
    assert [one for one in verified(own) if one.verdict == "wrong"] == []
    signed = signed_for_party(own, key_of("anna"))
    assert [one for one in verified(signed) if one.verdict == "wrong"] == []
    assert read_contents(own).admitted() is not None
    whole = bundle_of(served.client(served.grant("auditor", "office", "auditor")), query)
    assert PARTIAL not in whole


def test_a_plan_names_the_facts_that_the_ledger_took(served: Served) -> None:
    """A plan with another stack's snapshot, or with other salted digests than its snapshot's, is not registered."""
    planner = Planner(served.party(served.grant("runner-a", "tenant-a", "tenant")))
    other = planned_by_others(served)
    theirs = served.local.call(verbs.PLAN_OF, PlanQuery(stack_id=other.party.stack_id)).plan
    named = json.loads(theirs or "{}")
    plan, _ = planner.plan(at=served.now[0], clusters={"web": cluster(4)})
    files = dict(plan.files)
    for update, sentence in (
        ({"snapshot": named["snapshot"], "files": files}, "has not taken its snapshot for this stack"),
        ({"files": files | {"snapshot.json": files["demand.json"]}}, "snapshot.json is not the snapshot"),
        ({"files": files | {"facts.json": files["demand.json"]}}, "facts.json does not have the salted digests"),
    ):
        with pytest.raises(LedgerError, match=sentence):
            planner.register(plan.model_copy(update=update))


def test_a_preview_leaves_no_facts_behind(served: Served) -> None:
    """What a preview asks of the facts is answered and not kept; a plan's facts are."""
    planner = Planner(served.party(served.grant("runner-a", "tenant-a", "tenant")))
    fields: dict[str, Any] = {"clusters": {"web": cluster(4)}}
    planner.party.propose(planner.party.demand(**fields), reserve=False)
    before = everything(served)
    made = planner.material(keep=False, **fields)
    assert everything(served) == before
    assert made.snapshot.facts
    made = planner.material(**fields)
    assert made.snapshot.digest in everything(served)
