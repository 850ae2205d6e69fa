"""Who stands where, runs through what, and has which address or name: for who may know it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.ledger_copy import brought_once
from support.ledger_party import Party
from support.zone_month import links_of, month_zone, site_of
from support.zone_project import cluster
from zonewright.cli import main
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.rights import Caller
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.protocol.who_messages import WhoAnswer, WhoRequest
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.database import Database
from zonewright.ledger.transport.client import LedgerClient
from zonewright.ledger.verbs.who import who
from zonewright.model import Zone

_PARTIES = month_zone()["parties"]
ZONE_FILE = Zone.model_validate(
    {
        **month_zone(),
        "parties": {**_PARTIES, "operator": {**_PARTIES["operator"], "contact": "noc@a.example"}},
    }
)


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    """A ledger with two sites of two operators, a carrier's link between them, and a tenant in each of two racks."""
    zone = ZONE_FILE
    path = tmp_path / "ledger.db"
    with LedgerClient(f"sqlite:///{path}", create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=zone))

        def party(name: str) -> Party:
            return Party(client, f"stack-of-{name}", name, zone=zone)

        def bring() -> None:
            for name in ("operator", "operator-2"):
                party(name).bring_up(**site_of(name, 2))
            party("carrier").bring_up(**links_of(1))
            for name, rack, unit in (("tenant-a", "dc1/a/01/01", 3), ("tenant-b", "dc1/a/01/02", 5)):
                party(name).bring_up(clusters={"web": cluster(1, places={"001": {"rack": rack, "position": unit}})})

        brought_once(client, "two sites, a link and two tenants", bring)
    return path


@pytest.fixture(name="context")
def _context(path: Path) -> Iterator[Context]:
    database = Database(path, lock_wait_s=5)
    yield Context(database=database)
    database.close()


def told(answer: WhoAnswer) -> list[tuple[str, str, str]]:
    """Party, name and place of what was found."""
    return [(one.party, one.name, one.place) for one in answer.found]


A, B = ("tenant-a", "web-001", "dc1/a/01/01 U3"), ("tenant-b", "web-001", "dc1/a/01/02 U5")
ROW, SITE = ("operator", "dc1/a/01", "dc1"), ("operator", "dc1", "dc1")
LINK = ("carrier", "links/l-0", "")


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        ("dc1/a/01/01", [ROW, A]),
        ("dc1/a/01/02", [ROW, B]),
        ("dc1/a/01/03", []),
        ("dc1/a/01/1", []),
        ("10.79.0.1/24", [LINK]),
        ("dc1/a/01", [ROW, A, B]),
        ("dc1/a", [ROW, A, B]),
        ("dc1", [SITE, ROW, LINK, A, B]),
        ("dc1/a/0", []),
        ("pa", [ROW, ("operator-2", "dc2/a/01", "dc2"), A, B]),
        ("dc1/pb", [ROW, A, B]),
        ("sub-2", [ROW, ("operator-2", "dc2/a/01", "dc2"), A, B]),
        ("d-01", [("carrier", "ducts/d-01", ""), LINK]),
        ("l-0", [LINK]),
        ("web-001", [A, B]),
        ("10.79.0.1", [LINK]),
        ("10.81.0.200", [SITE]),
        ("nowhere", []),
    ],
)
def test_whatever_is_asked_for_is_found(context: Context, subject: str, found: list[tuple[str, str, str]]) -> None:
    """Places, feeds, ducts, links, names and addresses lead to what is there, and to nothing else."""
    answer = who(context, WhoRequest(subject=subject))
    assert sorted(told(answer)) == sorted(found)
    assert (answer.hidden, answer.more) == (0, 0)


def test_an_address_leads_to_its_node(context: Context) -> None:
    """The node that has an address is found with the site whose pool it is from, and no other node."""
    (_, node) = who(context, WhoRequest(subject="dc1/a/01/01")).found
    with context.database.reading() as connection:
        data = connection.exec_driver_sql("SELECT data FROM claim WHERE party = 'tenant-a'").scalar_one()
    address = data.partition('"addresses":{"v4":"')[2].partition("/")[0]
    found = who(context, WhoRequest(subject=address)).found
    assert [one for one in found if one.kind == "node"] == [node]


@pytest.mark.parametrize(
    ("caller", "subject", "found", "hidden"),
    [
        (("tenant-a", "tenant"), "dc1/a/01", [A], 2),
        (("tenant-b", "tenant"), "web-001", [B], 0),
        (("operator", "facility-operator"), "dc1/a/01", [ROW, A, B], 0),
        (("operator", "facility-operator"), "d-01", [LINK], 0),
        (("operator-2", "facility-operator"), "dc1/a/01", [], 3),
        (("operator-2", "facility-operator"), "l-0", [LINK], 0),
        (("carrier", "network-operator"), "d-01", [("carrier", "ducts/d-01", ""), LINK], 0),
        (("tenant-c", "auditor"), "dc1/a/01", [ROW, A, B], 0),
    ],
)
def test_each_sees_its_own_and_what_stands_on_it(
    context: Context, caller: tuple[str, str], subject: str, found: list[tuple[str, str, str]], hidden: int
) -> None:
    """An operator sees who stands in its racks, a carrier whose links run in its ducts, a tenant itself alone."""
    mine = Caller(name="me", party=caller[0], roles=frozenset({caller[1]}))
    answer = who(replace(context, caller=mine), WhoRequest(subject=subject))
    assert sorted(told(answer)) == sorted(found)
    assert answer.hidden == hidden


def test_no_more_than_the_limit_is_told(context: Context) -> None:
    """What is left out is counted."""
    answer = who(context, WhoRequest(subject="dc1/a/01", limit=1))
    assert (len(answer.found), answer.more) == (1, 2)


def test_the_command_says_who_and_how_to_reach_them(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each, with the party's name and contact; nothing found is a sentence."""
    ledger = ("--ledger", f"sqlite:///{path}")
    assert main(["ledger", "who", "dc1/a/01", *ledger]) == 0
    first, second, _ = capsys.readouterr().out.splitlines()
    assert first.startswith(
        "row dc1/a/01 at dc1: operator (Operator, noc@a.example), stack stack-of-operator, active since "
    )
    assert second.startswith(
        "node web-001 at dc1/a/01/01 U3: tenant-a (Tenant a), stack stack-of-tenant-a, active since "
    )
    assert main(["ledger", "who", "nowhere", *ledger]) == 0
    assert capsys.readouterr().out == "nothing in the ledger has nowhere\n"


def test_a_site_with_feeds_and_no_panels_ends_no_search(path: Path, context: Context) -> None:
    """An operator may send one past the files: it has an answer like all others, and they keep theirs."""
    (site,) = site_of("operator-2", 2)["sites"].values()
    pools = {"v4": {"prefix": "10.89.0.0/24", "gateway": "10.89.0.1"}}
    bare = {**site, "as_number": 4_200_000_009, "address_pools": pools, "name_servers": ["10.89.0.2"]}
    del bare["power_panels"]
    with LedgerClient(f"sqlite:///{path}") as client:
        Party(client, "stack-of-operator-2", "operator-2", zone=ZONE_FILE).bring_up(sites={"dc2": site, "dc9": bare})
    racks = [ROW, ("operator-2", "dc2/a/01", "dc2"), A, B]
    assert sorted(told(who(context, WhoRequest(subject="sub-1")))) == sorted(racks)
