"""Whose each name is: every kind of name wanted by two parties, in both orders, at every step of the first one's life.

Sites, rows, ducts, links and networks belong to one party in the zone; clusters and nodes are named within their stack.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from support.ledger_party import EMPTY, Party
from support.ledger_places import RefusedError, outside
from support.ledger_proxy import ledger_service
from support.older_ledger import before_schemas
from support.once import made_once
from support.roads import HTTP, IN_PROCESS, on_every_road, road_of
from support.zone_project import ZONE, cluster, facility
from zonewright.audit.evidence import gathering
from zonewright.audit.evidence.fetching import fetch
from zonewright.audit.evidence.replay import judge_again
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.deciding import decide
from zonewright.ledger.deciding import snapshot as snapshots
from zonewright.ledger.migrations.upgrade import upgrade
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import CompleteRequest, EvaluateRequest, Proposal, ProposeRequest
from zonewright.ledger.protocol.change_messages import Snapshot
from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.protocol.holding_messages import Holding
from zonewright.ledger.protocol.stack_messages import InitRequest, ReportRequest
from zonewright.ledger.store.database import Database
from zonewright.ledger.store.names import hosts_twice, name_faults
from zonewright.ledger.transport.client import LedgerClient
from zonewright.ledger.verbs import decided_admissions, proposals
from zonewright.model import Declaration, OwnerFile, Zone
from zonewright.model.demand import Demand, demand_of
from zonewright.model.names import names_in
from zonewright.model.world import NameKind
from zonewright.rules import registry
from zonewright.rules.finding import Finding

PARTIES: dict[str, Any] = {
    **ZONE["parties"],
    "operator-2": {"title": "Second", "roles": ["facility-operator"]},
    "carrier": {"title": "Carrier", "roles": ["network-operator"]},
    "carrier-2": {"title": "Second carrier", "roles": ["network-operator"]},
    "both": {"title": "Operator of everything", "roles": ["facility-operator", "network-operator"]},
}
RING = {"north": {"links": ["l-1", "l-2"], "is_open": True}}
DUCT = {
    "route": {"crs": "WGS84", "points": [[31.0, 120.8], [31.0, 120.9]]},
    "length_m": 10_000,
    "bores": 8,
    "a": "dc1",
    "b": "dc2",
}
LINK = {"a": "dc1", "b": "dc2", "ducts": ["d-0"], "cores": 96}
STEPS = ("reserved", "admitted", "active", "releasing")


def zone_file(**names: dict[str, list[str]]) -> Zone:
    """The small zone with more parties and a ring, and names that are reserved by party."""
    parties = {name: {**party, "names": names.get(name, {})} for name, party in PARTIES.items()}
    return Zone.model_validate({**ZONE, "parties": parties, "rings": RING})


def sites(name: str, prefix: str, room: str = "a", row: str = "01") -> dict[str, Any]:
    """One site with one row of one rack, and one pool."""
    site = facility(1)["sites"]["dc1"]
    rooms = {room: {"rows": {row: site["rooms"]["a"]["rows"]["01"]}}}
    pools = {"v4": {"prefix": prefix, "gateway": prefix.replace(".0/", ".1/").partition("/")[0]}}
    return {name: {**site, "rooms": rooms, "address_pools": pools, "name_servers": []}}


@dataclass
class Ledger:
    """A ledger, reached in one of the ways, with a clock that tests move."""

    client: LedgerClient
    path: Path
    now: list[datetime]
    zone: Zone

    def party(self, name: str, stack_id: str = "") -> Party:
        """A stack of a party."""
        return Party(self.client, stack_id or f"stack-of-{name}", name, zone=self.zone)

    def register(self, zone: Zone) -> None:
        """The administrator registers another file."""
        self.zone = zone
        self.client.call(verbs.INIT, InitRequest(zone=zone))

    def with_sites(self) -> "Ledger":
        """Two sites and a duct between them, of parties that no test is about."""
        self.party("both").bring_up(
            sites={**sites("dc1", "10.1.0.0/24"), **sites("dc2", "10.2.0.0/24")}, ducts={"d-0": DUCT}
        )
        return self


@contextmanager
def opened(folder: Path, road: str, *, with_sites: bool) -> Iterator[Ledger]:
    """A copy of a ledger that was made once in the run."""

    def make(at: Path) -> None:
        with LedgerClient(f"sqlite:///{at / 'ledger.db'}", create=True, clock=lambda: now[0]) as first:
            first.call(verbs.INIT, InitRequest(zone=zone))
            if with_sites:
                Ledger(first, at / "ledger.db", now, zone).with_sites()

    path, now, zone = folder / "ledger.db", [datetime(2026, 11, 24, tzinfo=UTC)], zone_file()
    shutil.copytree(made_once(f"names-{with_sites}", make), folder, dirs_exist_ok=True)
    if road == HTTP:
        with ledger_service(path, clock=lambda: now[0]) as service, LedgerClient(service.url) as client:
            yield Ledger(client, path, now, zone)
        return
    with LedgerClient(f"sqlite:///{path}", clock=lambda: now[0]) as client:
        yield Ledger(client, path, now, zone)


@pytest.fixture(name="ledger")
def _ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    with opened(tmp_path, road_of(request), with_sites=False) as ledger:
        yield ledger


@pytest.fixture(name="sited")
def _sited(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    with opened(tmp_path, road_of(request), with_sites=True) as ledger:
        yield ledger


@dataclass(frozen=True)
class Case:
    """What two parties want under one name; ``name`` is what findings are about."""

    parties: tuple[str, str]
    name: str
    wants: Callable[[int], dict[str, Any]]


def _site_of(number: int) -> dict[str, Any]:
    return sites(f"dc{8 + number}", f"10.{8 + number}.0.0/24")


CASES = {
    "site": Case(("operator", "operator-2"), "dc9", lambda n: {"sites": sites("dc9", f"10.9.{n}.0/24")}),
    "duct": Case(("carrier", "carrier-2"), "d-1", lambda n: {"ducts": {"d-1": {**DUCT, "bores": 8 * (n + 1)}}}),
    "link": Case(("carrier", "carrier-2"), "l-9", lambda n: {"links": {"l-9": {**LINK, "cores": 48 * (n + 1)}}}),
    "link of a ring": Case(("carrier", "carrier-2"), "l-1", lambda _: {"links": {"l-1": LINK}}),
    "meter host": Case(
        ("operator", "operator-2"),
        "m-1",
        lambda n: {"sites": {name: {**site, "hosts": {"m-1": {}}} for name, site in _site_of(n).items()}},
    ),
    "pool": Case(
        ("operator", "operator-2"),
        "10.9.0.0/16",
        lambda n: {"sites": sites(f"dc{8 + n}", "10.9.0.0/16")},
    ),
    "part of a pool": Case(
        ("operator", "carrier"),
        "10.9.",
        lambda n: (
            {"sites": sites("dc9", "10.9.0.0/16")}
            if n == 0
            else {"links": {"l-9": {**LINK, "prefixes": ["10.9.200.0/31"]}}}
        ),
    ),
    "network of a link": Case(
        ("carrier", "carrier-2"),
        "10.7.0.0/31",
        lambda n: {"links": {f"l-{8 + n}": {**LINK, "prefixes": ["10.7.0.0/31"]}}},
    ),
}


def take(party: Party, demand: Demand, step: str) -> None:
    """Take what a demand wants, up to a step of its life."""
    party.enrol()
    proposal = party.propose(demand)
    assert proposal.findings == []
    if step == "reserved":
        return
    admission = party.admit(proposal)
    if step == "admitted":
        return
    for item in holdings(party):
        party.confirm(item.name, kind=item.kind)
    party.client.call(verbs.COMPLETE, CompleteRequest(stack_id=party.stack_id, change_digest=admission.change_digest))
    if step == "releasing":
        party.admit(party.propose(party.demand()))
        assert {state for _, state in party.states()} == {"releasing"}


def holdings(party: Party) -> list[Holding]:
    """What a stack holds, sites before their rows and ducts before links."""
    held = party.client.call(verbs.REPORT, ReportRequest(stack_id=party.stack_id)).holdings
    return sorted(held, key=lambda item: (("site", "row", "duct", "link", "node").index(item.kind), item.name))


def leave(ledger: Ledger, party: Party, step: str) -> None:
    """Give back what was taken."""
    if step == "reserved":
        ledger.now[0] += timedelta(minutes=10)
        return
    if step in {"admitted", "active"}:
        party.admit(party.propose(party.demand()))
    for item in reversed(holdings(party)):
        assert party.release(item.name, item.generation, item.kind)


def asked(party: Party, proposal: Proposal) -> EvaluateRequest:
    """The question whether a proposal may be admitted."""
    return EvaluateRequest(
        stack_id=party.stack_id,
        party=party.party,
        lineage=party.lineage,
        demand_digest=proposal.demand_digest,
        seats=proposal.seats,
        addresses=proposal.addresses,
    )


def told(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """Rule and subject of findings."""
    return [(item.rule, item.subject) for item in findings]


@pytest.mark.parametrize(
    ("sited", "kind", "order"),
    [
        *((IN_PROCESS, kind, order) for kind in CASES for order in ((0, 1), (1, 0))),
        (HTTP, "part of a pool", (0, 1)),
    ],
    indirect=["sited"],
)
def test_a_name_belongs_to_the_first(sited: Ledger, kind: str, order: tuple[int, int]) -> None:
    """From the first one's reservation until its release, each verb refuses the second, which is told no name.

    The first one lives four times, each time up to another step, from which it gives back what it took.
    """
    case = CASES[kind]
    first, second = (sited.party(case.parties[index]) for index in order)
    theirs, mine = (party.demand(**case.wants(index)) for party, index in zip((first, second), order, strict=True))
    second.enrol()
    early = second.propose(mine, reserve=False)
    assert early.findings == []
    for step in STEPS:
        take(first, theirs, step)
        late = second.propose(mine)
        evaluation = second.client.call(verbs.EVALUATE, asked(second, early))
        with pytest.raises(LedgerRefusedError) as refused:
            second.admit(early)
        said = [late.findings, evaluation.findings, list(refused.value.findings)]
        for findings in said:
            assert [rule for rule, _ in told(findings)] == ["name-owner"], step
            assert all(subject.startswith(case.name) for _, subject in told(findings))
            assert first.party not in json.dumps([item.to_data() for item in findings]).replace(second.party, "")
            assert [item.party for item in findings[0].participants] == [second.party]
        assert late.expires_at is None
        assert second.states() == []

        leave(sited, first, step)
        assert second.propose(mine, reserve=False).findings == [], step
    second.admit(second.propose(mine))
    assert {state for _, state in second.states()} == {"admitted"}


def test_every_kind_of_name_is_wanted_by_two() -> None:
    """No kind of name that the model knows is missing above; rows have their own test below."""
    wanted = (
        demand_of(Declaration(zone=zone_file(), owners={"both": file}), "both").assets
        for case in CASES.values()
        for file in (OwnerFile.model_validate({"owner": "both", **case.wants(n)}) for n in (0, 1))
    )
    found = {kind for assets in wanted for name, item in assets.items() for kind, *_ in names_in(name, item)}
    assert found == set(get_args(NameKind))


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("row", ["dc9/a/01", "dc9/a/02", "dc9/b/01"])
def test_rooms_rows_and_racks_belong_to_the_site(ledger: Ledger, row: str, step: str) -> None:
    """Another operator has no row in a site, neither one that is there, nor beside it, nor in a room of its own."""
    owner, other = ledger.party("operator"), ledger.party("operator-2")
    whole = other.demand(sites=sites("dc9", "10.9.1.0/24", *row.split("/")[1:]))
    alone = whole.model_copy(update={"assets": {row: whole.assets[row]}})
    other.enrol()
    early = other.propose(alone, reserve=False)
    assert told(early.findings) == [("name-owner", row)], "a row without a site"
    take(owner, owner.demand(sites=sites("dc9", "10.9.0.0/24")), step)
    assert told(other.propose(alone).findings) == [("name-owner", row)]
    assert told(other.client.call(verbs.EVALUATE, asked(other, early)).findings) == [("name-owner", row)]
    with pytest.raises(LedgerRefusedError, match="1 finding; nothing was claimed"):
        other.admit(early)
    assert told(other.propose(whole).findings) == [("name-owner", "dc9")], "one cause is told once"


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first-then-second", "second-then-first"])
def test_clusters_and_nodes_are_named_within_their_stack(sited: Ledger, order: tuple[int, int], step: str) -> None:
    """Two tenants both have ``web-001``, at every step of the other one."""
    first, second = (sited.party(("tenant-a", "tenant-b")[index]) for index in order)
    wants = {"clusters": {"web": cluster(1)}}
    take(first, first.demand(**wants), step)
    take(second, second.demand(**wants), "active")
    assert second.states() == [("web-001", "active")]


def test_a_stack_keeps_its_names_while_it_changes_what_they_mean(ledger: Ledger) -> None:
    """A duct that is replaced is there twice, releasing and admitted: neither keeps the other away."""
    carrier = ledger.party("carrier")
    carrier.bring_up(ducts={"d-1": DUCT})
    carrier.admit(carrier.propose(carrier.demand(ducts={"d-1": {**DUCT, "bores": 9}})))
    assert carrier.states() == [("ducts/d-1", "admitted"), ("ducts/d-1", "releasing")]
    carrier.confirm("ducts/d-1", 1, kind="duct")
    assert carrier.states() == [("ducts/d-1", "active")]
    swapped = {"l-8": {**LINK, "prefixes": ["10.7.0.2/31"]}, "l-9": {**LINK, "prefixes": ["10.7.0.0/31"]}}
    other = ledger.with_sites().party("carrier-2")
    other.bring_up(links={name: {**LINK, "prefixes": [f"10.7.0.{2 * at}/31"]} for at, name in enumerate(swapped)})
    other.bring_up(links=swapped)


def test_two_stacks_of_one_party_are_two(ledger: Ledger) -> None:
    """A link stands in one stack, also where both stacks are one party's: else it would be counted once."""
    ledger.with_sites()
    ledger.party("carrier").bring_up(links={"l-9": LINK})
    second = ledger.party("carrier", "another-stack")
    second.enrol()
    (finding,) = second.propose(second.demand(links={"l-9": LINK})).findings
    assert "another stack of this party" in finding.message


def test_two_carriers_with_one_link_id_do_not_share_bores(ledger: Ledger) -> None:
    """Of two carriers that both call their links l-1 and l-2, one gets the two bores; four links never fit."""
    ledger.party("both").bring_up(
        sites={**sites("dc1", "10.1.0.0/24"), **sites("dc2", "10.2.0.0/24")}, ducts={"d-2": {**DUCT, "bores": 2}}
    )
    links = {name: {**LINK, "ducts": ["d-2"]} for name in ("l-8", "l-9")}
    ledger.party("carrier").bring_up(links=links)
    second = ledger.party("carrier-2")
    with pytest.raises(LedgerRefusedError) as refused:
        second.bring_up(links=links)
    assert {finding.rule for finding in refused.value.findings} == {"name-owner", "duct-bores"}
    other = {f"{name}-2": link for name, link in links.items()}
    assert told(second.propose(second.demand(links=other)).findings) == [("duct-bores", "d-2")]


def test_a_duct_of_another_carrier_is_not_declared_larger(ledger: Ledger) -> None:
    """A carrier that declares another's duct with 200 bores is refused, and its links get no bore by it."""
    ledger.party("both").bring_up(
        sites={**sites("dc1", "10.1.0.0/24"), **sites("dc2", "10.2.0.0/24")},
        ducts={"d-1": {**DUCT, "bores": 1}},
        links={"l-1": {**LINK, "ducts": ["d-1"]}},
    )
    wants = {"ducts": {"d-1": {**DUCT, "bores": 200}}, "links": {"l-9": {**LINK, "ducts": ["d-1"]}}}
    with pytest.raises(LedgerRefusedError) as refused:
        ledger.party("carrier").bring_up(**wants)
    assert {(item.rule, item.subject) for item in refused.value.findings} == {
        ("name-owner", "d-1"),
        ("duct-bores", "d-1"),
    }


def test_a_tenant_takes_no_site(ledger: Ledger) -> None:
    """A tenant that wants a site that an operator holds is refused, and the operator's tenants go on."""
    ledger.with_sites()
    thief, honest = ledger.party("tenant-a"), ledger.party("tenant-b")
    thief.enrol()
    with pytest.raises(LedgerRefusedError, match=r"'tenant-a' may not declare sites: expected the role facility-oper"):
        thief.propose(thief.demand(sites=sites("dc1", "10.3.0.0/24")))
    honest.bring_up(clusters={"web": cluster(1)})


@pytest.mark.parametrize(
    ("party", "wants", "role"),
    [
        ("tenant-a", {"sites": sites("dc9", "10.9.0.0/24")}, "facility-operator"),
        ("operator", {"ducts": {"d-1": DUCT}}, "network-operator"),
        ("tenant-a", {"links": {"l-9": LINK}}, "network-operator"),
        ("carrier", {"clusters": {"web": cluster(1)}}, "tenant"),
        ("nobody", {}, ""),
    ],
)
@on_every_road("ledger")
def test_roles_are_those_of_the_registered_zone(ledger: Ledger, party: str, wants: dict[str, Any], role: str) -> None:
    """Propose, evaluate and admit refuse what the party's role does not allow, and a party that is unknown."""
    allowed = {"title": "Any", "roles": ["tenant", "facility-operator", "network-operator"]}
    registered = ledger.zone
    before = Zone.model_validate({**ZONE, "parties": {**PARTIES, party: allowed}})
    ledger.register(before)
    actor = ledger.party(party)
    actor.enrol()
    demand = actor.demand(**wants)
    early = actor.propose(demand, reserve=False)
    ledger.register(registered)
    # The demand names the file that is registered now: only its role is wrong.
    known = demand.model_copy(update={"zone_digest": actor_digest(ledger)})
    ledger.client.call(verbs.STORE, ContentRequest(texts=[known.canonical(), EMPTY]))
    later = early.model_copy(update={"demand_digest": known.digest()})
    for ask in (
        lambda: actor.propose(known, reserve=False),
        lambda: actor.client.call(verbs.EVALUATE, asked(actor, later)),
        lambda: actor.admit(later),
    ):
        with pytest.raises(LedgerRefusedError) as refused:
            ask()
        assert refused.value.code == ("wrong-role" if role else "unknown-party")
        assert role in refused.value.sentence


def actor_digest(ledger: Ledger) -> str:
    """Digest of the registered zone."""
    return ledger.party("operator").demand().zone_digest


def test_nobody_proposes_in_anothers_name(ledger: Ledger) -> None:
    """A demand of one party that another one proposes is refused: its findings and its names are not for sale."""
    owner = ledger.party("operator")
    request = ProposeRequest(stack_id="stack-of-tenant-a", party="tenant-a", demand=owner.demand(), reserve=True)
    with pytest.raises(LedgerRefusedError, match="belongs to another party than 'tenant-a'"):
        ledger.client.call(verbs.PROPOSE, request)


def test_a_reserved_name_is_kept_for_its_party(ledger: Ledger) -> None:
    """What zone.yaml reserves is refused to others, though nobody has it, and free for its party."""
    ledger.register(zone_file(carrier={"links": ["l-*"], "prefixes": ["10.7.0.0/16"]}))
    ledger.with_sites()
    second, first = ledger.party("carrier-2"), ledger.party("carrier")
    wants = {"links": {"l-9": {**LINK, "prefixes": ["10.7.0.0/31"]}}}
    findings = second.propose(second.demand(**wants)).findings
    assert told(findings) == [("name-owner", "10.7.0.0/31"), ("name-owner", "l-9")]
    assert all("is reserved for another party" in item.message for item in findings)
    first.bring_up(**wants)


def test_a_reservation_of_the_zone_frees_nothing_by_itself(ledger: Ledger) -> None:
    """A name that is reserved later stays with who has it, who may only give it up; its party waits until then."""
    ledger.with_sites()
    holder = ledger.party("carrier")
    holder.bring_up(links={"l-9": LINK})
    ledger.register(zone_file(**{"carrier-2": {"links": ["l-9"]}}))
    owner, holder = ledger.party("carrier-2"), replace(holder, zone=ledger.zone)
    owner.enrol()
    assert "already belongs to another party" in owner.propose(owner.demand(links={"l-9": LINK})).findings[0].message
    assert told(holder.propose(holder.demand(links={"l-9": LINK})).findings) == [("name-owner", "l-9")]
    leave(ledger, holder, "active")
    owner.bring_up(links={"l-9": LINK})


def test_a_duct_has_the_name_of_a_duct(ledger: Ledger) -> None:
    """An asset whose name is not that of its kind is no demand, so no second name leads to one thing."""
    carrier = ledger.party("carrier")
    duct = carrier.demand(ducts={"d-1": DUCT}).assets["ducts/d-1"].model_dump(mode="json")
    for name in ("d-1", "links/d-1", "ducts/x/d-1", "ducts/", "dc9/a/01"):
        with pytest.raises(ValueError, match="is not a name for a duct"):
            Demand.model_validate_json(json.dumps({**carrier.demand().model_dump(mode="json"), "assets": {name: duct}}))


# What the database refuses by itself


def copied(path: Path, where: str, **changes: str) -> None:
    """Write rows of the table of assets once more, as another stack's."""
    with outside(path) as ledger:
        columns = ledger.columns("asset")
        values = ", ".join(f"'{changes[name]}'" if name in changes else name for name in columns)
        ledger.execute(f"INSERT INTO asset ({', '.join(columns)}) SELECT {values} FROM asset WHERE {where}")


@pytest.mark.tampers
@pytest.mark.parametrize("name", ["dc1", "dc1/a/01", "ducts/d-0"])
@pytest.mark.parametrize("state", ["admitted", "active", "releasing"])
def test_the_database_has_no_name_twice(sited: Ledger, name: str, state: str) -> None:
    """A row of another stack with the same name aborts the transaction, whoever writes it, or gives one this name."""
    where = f"name = '{name}'"
    copied(sited.path, where, stack_id="another", name="mine")
    with pytest.raises(RefusedError, match="name-owner"):
        copied(sited.path, where, stack_id="another", state=state)
    with outside(sited.path) as own, pytest.raises(RefusedError, match="name-owner"):
        own.execute("UPDATE asset SET name = ?, state = ? WHERE stack_id = 'another'", (name, state))


@pytest.mark.tampers
def test_the_database_has_no_row_in_anothers_site(ledger: Ledger) -> None:
    """A row of another party in a site aborts the transaction."""
    ledger.with_sites()
    with pytest.raises(RefusedError, match="name-owner"):
        copied(ledger.path, "name = 'dc1/a/01'", name="dc1/b/01", stack_id="another", party="operator")


@pytest.mark.tampers
def test_the_database_has_no_address_twice(ledger: Ledger) -> None:
    """A network that shares an address with another stack's aborts; it is free when its asset is."""
    ledger.with_sites()
    with outside(ledger.path) as own:
        (first, last) = own.execute("SELECT first, last FROM prefix ORDER BY first LIMIT 1").fetchone()
        (asset_id,) = own.execute("SELECT id FROM asset WHERE kind = 'duct'").fetchone()
    insert = "INSERT INTO prefix (asset_id, version, first, last, stack_id) VALUES (?, 4, ?, ?, 'another')"
    with outside(ledger.path) as own, pytest.raises(RefusedError, match="name-owner"):
        own.execute(insert, (asset_id, last, last))
    with outside(ledger.path) as own, pytest.raises(RefusedError, match="name-owner"):
        own.execute("UPDATE prefix SET stack_id = 'another', last = ? WHERE first = ?", ("f" * 32, first))
    with outside(ledger.path) as own:
        own.execute("DELETE FROM asset WHERE name = 'dc1'")
        own.execute(insert, (asset_id, first, last))


def metered(*hosted: str, start: int = 8) -> dict[str, Any]:
    """Two sites, and the host ``m-1`` that reads meters at those that are named."""
    both = {**sites(f"dc{start}", f"10.{start}.0.0/24"), **sites(f"dc{start + 1}", f"10.{start + 1}.0.0/24")}
    return {name: {**site, "hosts": {"m-1": {}} if name in hosted else {}} for name, site in both.items()}


def test_a_meter_host_stands_at_one_site_of_its_stack(ledger: Ledger) -> None:
    """One declaration has it once, by each verb that decides; a change moves it from site to site, both ways."""
    owner = ledger.party("operator")
    owner.enrol()
    twice = owner.demand(sites=metered("dc8", "dc9"))
    proposal = owner.propose(twice, reserve=False)
    evaluation = owner.client.call(verbs.EVALUATE, asked(owner, proposal))
    with pytest.raises(LedgerRefusedError) as refused:
        owner.admit(proposal)
    for findings in (proposal.findings, evaluation.findings, refused.value.findings):
        assert told(findings) == [("name-owner", "m-1")]
        assert "stands at two sites; the other one is dc8" in findings[0].message
    for site in ("dc8", "dc9", "dc8"):
        owner.bring_up(sites=metered(site))
    assert {name for name, state in owner.states() if state == "active"} == {"dc8", "dc8/a/01", "dc9", "dc9/a/01"}


@pytest.mark.tampers
def test_the_database_has_no_meter_host_twice(ledger: Ledger) -> None:
    """A host of another stack aborts the transaction, whoever writes it; it is free when its site is."""
    ledger.party("operator").bring_up(sites=metered("dc8"))
    with outside(ledger.path) as own:
        (asset_id,) = own.execute("SELECT min(id) FROM asset WHERE kind = 'row'").fetchone()
    insert = "INSERT INTO meter_host (asset_id, host, stack_id) VALUES (?, ?, 'another')"
    with outside(ledger.path) as own:
        own.execute(insert, (asset_id, "m-2"))
    with outside(ledger.path) as own, pytest.raises(RefusedError, match="name-owner"):
        own.execute(insert, (asset_id, "m-1"))
    with outside(ledger.path) as own, pytest.raises(RefusedError, match="name-owner"):
        own.execute("UPDATE meter_host SET host = 'm-1' WHERE host = 'm-2'")
    with outside(ledger.path) as own:
        own.execute("DELETE FROM asset WHERE name = 'dc8'")
        own.execute(insert, (asset_id, "m-1"))


@pytest.mark.tampers
def test_the_database_has_one_current_row_of_a_node(ledger: Ledger) -> None:
    """Within a stack a node's name has one current row; another stack has its own."""
    ledger.with_sites().party("tenant-a").bring_up(clusters={"web": cluster(1)})
    with outside(ledger.path) as own:
        columns = own.columns("claim")
    again = f"INSERT INTO claim ({', '.join(columns)}) SELECT {', '.join(columns)} FROM claim"
    with outside(ledger.path) as own, pytest.raises(RefusedError, match=r"(?i)unique"):
        own.execute(again)
    with outside(ledger.path) as own:
        values = [{"stack_id": "'another'", "rack": "'dc1/a/01/09'"}.get(name, name) for name in columns]
        own.execute(f"INSERT INTO claim ({', '.join(columns)}) SELECT {', '.join(values)} FROM claim")


@pytest.mark.tampers
def test_a_ledger_of_an_older_version_keeps_what_it_has_and_takes_no_more(ledger: Ledger) -> None:
    """Where two stacks had one link before, both stay and both take a bore; the upgrade sets the guards."""
    ledger.with_sites().party("carrier").bring_up(links={"l-9": {**LINK, "prefixes": ["10.7.0.0/31"]}})
    before_schemas(ledger.path)
    copied(ledger.path, "name = 'links/l-9'", stack_id="stack-of-carrier-2", party="carrier-2")
    upgrade(ledger.path, clock=lambda: ledger.now[0])
    with pytest.raises(RefusedError, match="name-owner"):
        copied(ledger.path, "name = 'links/l-9' AND party = 'carrier'", stack_id="third")
    first, second = ledger.party("carrier"), ledger.party("carrier-2")
    second.enrol()
    wants = {"links": {"l-9": {**LINK, "prefixes": ["10.7.0.0/31"]}}}
    assert first.propose(first.demand(**wants)).findings == []
    assert told(second.propose(second.demand(**wants)).findings) == [
        ("name-owner", "10.7.0.0/31"),
        ("name-owner", "l-9"),
    ]
    owner = ledger.party("both")
    smaller = {"d-0": {**DUCT, "bores": 1}}
    changed = owner.demand(sites={**sites("dc1", "10.1.0.0/24"), **sites("dc2", "10.2.0.0/24")}, ducts=smaller)
    (finding,) = owner.propose(changed).findings
    assert (finding.rule, finding.value) == ("duct-bores", 2)
    second.admit(second.propose(second.demand()))
    assert second.states() == [("links/l-9", "releasing")]


@pytest.mark.tampers
def test_meter_hosts_of_an_older_version_stay_and_are_guarded(ledger: Ledger) -> None:
    """Where two stacks had one host before, the upgrade takes both along, and the database takes no third."""
    ledger.party("operator").bring_up(sites=metered("dc8"))
    before_schemas(ledger.path)
    copied(ledger.path, "name = 'dc8'", stack_id="stack-of-operator-2", party="operator-2", name="dc7")
    upgrade(ledger.path, clock=lambda: ledger.now[0])
    with closing(Database(ledger.path, lock_wait_s=5)) as database, database.reading() as connection:
        assert hosts_twice(connection) == ("m-1", "stack-of-operator", "stack-of-operator-2")
        assert list(name_faults(connection)) == []
    with outside(ledger.path) as own, pytest.raises(RefusedError, match="name-owner"):
        own.execute("INSERT INTO meter_host SELECT min(id), 'm-1', 'third' FROM asset WHERE kind = 'row'")
    other = ledger.party("operator-2")
    other.enrol()
    assert told(other.propose(other.demand(sites=metered("dc6", start=6))).findings) == [("name-owner", "m-1")]


@pytest.mark.tampers
def test_a_site_that_was_taken_before_leaves_the_operators_tenants_alone(ledger: Ledger) -> None:
    """In a ledger where another party has an operator's site and row as well, placement goes by the operator's."""
    ledger.with_sites()
    before_schemas(ledger.path)
    for name in ("dc1", "dc1/a/01"):
        copied(ledger.path, f"name = '{name}'", stack_id="stack-of-thief", party="tenant-c", generation="9")
    with outside(ledger.path) as own:
        weak = """UPDATE asset SET data = replace(data, '"rated_w":12500', '"rated_w":100') WHERE party = 'tenant-c'"""
        own.execute(weak)
        row = "SELECT data FROM asset WHERE party = 'tenant-c' AND kind = 'row'"
        assert '"rated_w":100,' in own.execute(row).fetchone()[0].replace("}", ",")
    upgrade(ledger.path, clock=lambda: ledger.now[0])
    ledger.party("tenant-a").bring_up(clusters={"web": cluster(1)})


@on_every_road("ledger")
@pytest.mark.parametrize("how", ["reserved", "older"])
def test_evidence_is_judged_again_as_it_was(ledger: Ledger, how: str) -> None:
    """The facts of a decision hold who had or had reserved a name, so that an auditor comes to the same findings."""
    first, second = ledger.with_sites().party("carrier"), ledger.party("carrier-2")
    wants = {"links": {"l-9": {**LINK, "prefixes": ["10.7.0.0/31"]}}}
    take(first, first.demand(**wants), "reserved" if how == "reserved" else "active")
    if how == "older":
        before_schemas(ledger.path)
        copied(ledger.path, "name = 'links/l-9'", stack_id=second.stack_id, party=second.party)
        upgrade(ledger.path, clock=lambda: ledger.now[0])
    demand = second.demand(**wants)
    made = gathering.material(
        ledger.client,
        stack_id=second.stack_id,
        demand=demand,
        proposal=second.propose(demand, reserve=False),
        rendered={},
        inputs={},
    )
    taken = fetch(ledger.client, {made.snapshot.digest})
    snapshot = Snapshot.model_validate_json(taken[made.snapshot.digest])
    texts = fetch(ledger.client, set(snapshot.files.values()))
    plan = made.plan(reason="test", emergency=False, planned_at=snapshot.at)
    facts = {name: texts[digest] for name, digest in snapshot.files.items()}
    again = judge_again(snapshot, facts, plan, demand.canonical())
    assert told(again.findings) == [("name-owner", "10.7.0.0/31"), ("name-owner", "l-9")]
    assert again.findings == snapshot.findings


def test_a_network_that_is_reserved_meanwhile_is_seen(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the facts of a proposal and its reservation another site reserves the same network: one gets it."""
    first, second = ledger.party("operator"), ledger.party("operator-2")
    real, others = decide.offer, iter([first.demand(sites=sites("dc8", "10.9.0.0/24"))])

    def between(*given: Any, **named: Any) -> Any:
        for demand in others:
            assert first.propose(demand).expires_at is not None
        return real(*given, **named)

    monkeypatch.setattr(proposals, "offer", between)
    late = second.propose(second.demand(sites=sites("dc9", "10.9.0.0/24")))
    assert told(late.findings) == [("name-owner", "10.9.0.0/24")]
    assert late.expires_at is None


def test_a_network_that_is_admitted_meanwhile_is_seen(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the facts of an admission and its lock another site is admitted with the same network: one gets it."""
    first, second = ledger.party("operator"), ledger.party("operator-2")
    second.enrol()
    early = second.propose(second.demand(sites=sites("dc9", "10.9.0.0/24")), reserve=False)
    real, others = snapshots.readings_of, iter([first.demand(sites=sites("dc8", "10.9.0.0/24"))])

    def between(*given: Any, **named: Any) -> Any:
        for demand in others:
            take(first, demand, "admitted")
        return real(*given, **named)

    monkeypatch.setattr(decided_admissions, "readings_of", between)
    with pytest.raises(LedgerRefusedError) as refused:
        second.admit(early)
    assert [finding.rule for finding in refused.value.findings] == ["name-owner"]


@on_every_road("ledger")
def test_what_the_database_refuses_is_a_sentence(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the rule to miss it, the admission would still be refused, and nothing of it would stand."""
    without = tuple(rule for rule in registry.RULES if rule.id != "name-owner")
    monkeypatch.setattr(registry, "RULES", without)
    ledger.with_sites().party("carrier").bring_up(links={"l-9": LINK})
    second = ledger.party("carrier-2")
    with pytest.raises(LedgerRefusedError, match="already has a name or network of this change; nothing was changed"):
        second.bring_up(links={"l-9": LINK})
    assert second.states() == []
