"""A declaration brought into the ledger without an engine: in batches, and again after a run that was broken off."""

from pathlib import Path

import pytest

from support.ledger_party import ZONE_FILE, bring_up_racks
from support.zone_project import cluster
from zonewright.changes import loading
from zonewright.changes.loading import load_owner, stack_id_of
from zonewright.ledger.protocol import messages as m
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.verbs import Answer, Request, Verb
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model import Declaration, OwnerFile

NODES, BATCH = 9, 4


class Killed(BaseException):
    """The process ends here."""


class CountingClient(LedgerClient):
    """Counts the calls of each verb, and is killed at the call of a batch after so many."""

    batches = 0
    lives_for = 1_000

    def call(self, verb: Verb[Request, Answer], request: Request) -> Answer:
        """Carry out one verb."""
        if verb is verbs.CONFIRM_MANY:
            if self.batches == self.lives_for:
                raise Killed
            self.batches += 1
        return super().call(verb, request)


def test_a_load_that_was_killed_between_two_batches_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was confirmed before stays as it is, and the next run confirms only what is left, by batches."""
    monkeypatch.setattr(loading, "BATCH", BATCH)
    file = OwnerFile.model_validate({"owner": "tenant-a", "clusters": {"web": cluster(NODES)}})
    declaration = Declaration(zone=ZONE_FILE, owners={"tenant-a": file})
    with CountingClient(f"sqlite:///{tmp_path / 'l.db'}", create=True) as client:
        client.call(verbs.INIT, m.InitRequest(zone=ZONE_FILE))
        bring_up_racks(client)
        client.lives_for = 1
        with pytest.raises(Killed):
            load_owner(client, declaration, "tenant-a")
        report = client.call(verbs.REPORT, m.ReportRequest(stack_id=stack_id_of("tenant-a")))
        assert [one.state for one in report.holdings] == ["active"] * BATCH + ["admitted"] * (NODES - BATCH)
        assert not report.completed
        client.lives_for, client.batches = 1_000, 0
        after = load_owner(client, declaration, "tenant-a")
        assert [(one.state, one.generation) for one in after.holdings] == [("active", 1)] * NODES
        assert after.completed
        assert client.batches == 2
        assert load_owner(client, declaration, "tenant-a").holdings == after.holdings
        assert client.batches == 2, "what is active is not confirmed again"
