"""A joint repair of one stack's change, found by its ledger among what the others hold."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.ledger_party import ZONE_FILE, Party, bring_up_racks
from support.zone_project import ZONE, cluster
from zonewright.cli import main
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import Proposal, ProposeRequest
from zonewright.ledger.protocol.stack_messages import InitRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.ledger.verbs import proposals
from zonewright.model.demand import Demand
from zonewright.place.repair import RepairEdit, with_repair

URL = "sqlite:///ledger.db"
FIRST = {"rack": "dc1/a/01/01", "position": 1}


@pytest.fixture(name="parties")
def _parties(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Party, Party]]:
    """A ledger of two racks; tenant-b has a node at the lowest unit of the first one; tenant-a has none."""
    monkeypatch.chdir(tmp_path)
    with LedgerClient(URL, root=tmp_path, create=True) as client:
        client.call(verbs.INIT, InitRequest(zone=ZONE_FILE))
        bring_up_racks(client)
        both = Party(client, "tenant-a-0123456789", "tenant-a"), Party(client, "tenant-b-0123456789", "tenant-b")
        both[1].bring_up(clusters={"secret": cluster(1, places={"001": FIRST})})
        yield both


def asked(party: Party, demand: Demand) -> Proposal:
    """What the ledger offers, with a repair."""
    return party.client.call(
        verbs.PROPOSE, ProposeRequest(stack_id=party.stack_id, party=party.party, demand=demand, repair=True)
    )


def refusing(proposal: Proposal) -> list[str]:
    """Rules that refuse."""
    return [one.rule for one in proposal.findings if one.refuses]


@pytest.mark.usefixtures("parties")
def test_check_of_a_stack_shows_and_writes_the_repair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A place that another party holds is repaired in one round; comments stay, and of the other nothing is said."""
    (tmp_path / "Pulumi.yaml").write_text("name: zone\nruntime: python\nmain: stacks\nstackConfigDir: stacks\n")
    (tmp_path / "zone").mkdir()
    (tmp_path / "stacks").mkdir()
    (tmp_path / "zone" / "zone.yaml").write_text(yaml.safe_dump(dict(ZONE)))
    file = tmp_path / "zone" / "tenant-tenant-a.yaml"
    web = yaml.safe_dump(cluster(2, places={"001": FIRST}), default_flow_style=True).strip()
    text = f"owner: tenant-a # us\nclusters:\n  # the shop\n  web: {web}\n"
    file.write_text(text)
    settings = {"zone:declaration": f"zone/{file.name}", "zone:ledger": URL, "zone:stackId": "tenant-a-0123456789"}
    (tmp_path / "stacks" / "Pulumi.tenant-a.yaml").write_text(yaml.safe_dump({"config": settings}))
    assert main(["check", "--stack", "tenant-a", "--repair"]) == 1
    out = capsys.readouterr().out
    told = out[out.index("one repair, ") :].splitlines()
    assert told == [
        "one repair, 1 change of the declaration, admissible by the same rules:",
        "  clusters.web.places.001: rack dc1/a/01/01, position 2",
    ]
    assert "secret" not in out
    assert file.read_text() == text
    assert main(["check", "--stack", "tenant-a", "--fix"]) == 1
    assert file.read_text() == text.replace("position: 1", "position: 2")
    capsys.readouterr()
    assert main(["check", "--stack", "tenant-a", "--repair"]) == 0
    assert "repair" not in capsys.readouterr().out


def test_a_repair_of_a_renamed_cluster_moves_its_new_node_only(parties: tuple[Party, Party]) -> None:
    """A cluster gets another name and a node upon one of its own: the new one is moved, those that stand stay."""
    tenant, _ = parties
    two = {"web": cluster(3, without=["001"])}
    tenant.bring_up(clusters=two)
    stands = asked(tenant, tenant.demand(clusters=two)).seats
    places = {"003": {"rack": stands["web-003"].rack, "position": stands["web-003"].position}}
    places["001"] = places["003"]
    grown = tenant.demand(clusters={"shop": cluster(3, was="web", places=places)})
    proposal = asked(tenant, grown)
    assert refusing(proposal) == ["unit-overlap"]
    (edit,) = proposal.repair
    assert (edit.cluster, edit.number) == ("shop", "001")
    after = asked(tenant, with_repair(grown, proposal.repair))
    assert refusing(after) == []
    assert after.repair == []
    assert {name: after.seats[name.replace("web", "shop")] for name in stands} == dict(stands)


def test_no_repair_is_offered_that_was_not_asked_for_or_is_not_needed(parties: tuple[Party, Party]) -> None:
    """A refused change alone has none; one that is admissible gets none."""
    tenant, _ = parties
    assert asked(tenant, tenant.demand(clusters={"web": cluster(2)})).repair == []
    refused = tenant.propose(tenant.demand(clusters={"web": cluster(2, places={"001": FIRST})}), reserve=False)
    assert refusing(refused) == ["unit-overlap"]
    assert refused.repair == []


def test_a_repair_that_was_overtaken_is_not_offered(
    parties: tuple[Party, Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another party takes the repair's place while it is looked for: the answer has none that would be refused."""
    tenant, other = parties
    found, look = list[RepairEdit](), proposals._repair

    def overtaken(*arguments: Any) -> Any:
        found.extend(look(*arguments))
        taken = {"rack": found[0].rack, "position": found[0].position}
        other.bring_up(clusters={"secret": cluster(2, places={"001": FIRST, "002": taken})})
        return found

    monkeypatch.setattr(proposals, "_repair", overtaken)
    proposal = asked(tenant, tenant.demand(clusters={"web": cluster(1, places={"001": FIRST})}))
    assert found
    assert refusing(proposal) == ["unit-overlap"]
    assert proposal.repair == []
