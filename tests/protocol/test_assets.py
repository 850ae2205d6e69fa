"""Rows and configurations at the provider: what a difference names, and what an older state has to do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from support.ledger_party import Party
from support.provider_process import ProviderProcess
from support.zone_project import facility
from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.content_messages import ContentRequest, DeployRequest
from zonewright.ledger.protocol.holding_messages import HoldingRequest
from zonewright.ledger.transport.client import LedgerClient
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.provider.values import from_struct

KINDS = provider_pb2.PropertyDiff
NONE = provider_pb2.DiffResponse.DIFF_NONE


@pytest.fixture(name="operator")
def _operator(ledger_path: Path) -> Iterator[Party]:
    """Give the operator's second change, of another rating of its feeds; it is admitted and not carried out yet."""
    with LedgerClient(f"sqlite:///{ledger_path}") as client:
        party = Party(client, "stack-of-operator", "operator")
        party.admit(party.propose(party.demand(sites=facility(2, rated_w=12_600)["sites"])))
        yield party


def _row(operator: Party) -> dict[str, Any]:
    """Inputs of the row as the ledger has it admitted."""
    request = HoldingRequest(stack_id=operator.stack_id, kind="row", name="dc1/a/01")
    holding = operator.client.call(verbs.READ, request).holding
    assert holding is not None
    properties = holding.data["properties"]
    assert isinstance(properties, dict)
    return {
        "stackId": operator.stack_id,
        "asset": "dc1/a/01",
        "digest": holding.data["digest"],
        **properties,
    }


def test_a_changed_feed_is_told_by_its_watts(provider: ProviderProcess, operator: Party) -> None:
    """The difference names the watts of each feed, and no digest."""
    new = _row(operator)
    feed = {**new["feeds"]["A"], "ratedW": 12_500, "availableW": 10_000}
    old = {**new, "digest": digest_of("older"), "feeds": {"A": feed, "B": new["feeds"]["B"]}}
    answer = provider.diff("Row", "dc1/a/01", old_inputs=old, state={**old, "generation": 1}, new=new)
    assert {path: item.kind for path, item in answer.detailedDiff.items()} == {
        'feeds["A"]["availableW"]': KINDS.UPDATE,
        'feeds["A"]["ratedW"]': KINDS.UPDATE,
    }
    assert list(answer.diffs) == ["feeds"]
    assert not answer.replaces


def test_what_no_property_shows_is_told_by_the_digest(provider: ProviderProcess, operator: Party) -> None:
    """A change of what is no property, as a point of a duct's route, is still a difference."""
    new = _row(operator)
    old = {**new, "digest": digest_of("older")}
    assert list(provider.diff("Row", "dc1/a/01", old_inputs=old, state={**old, "generation": 1}, new=new).diffs) == [
        "digest"
    ]


def test_a_row_of_an_older_state_has_nothing_to_do(provider: ProviderProcess, operator: Party) -> None:
    """A state that has a digest and a summary in place of properties is the same as long as the digest is."""
    new = _row(operator)
    _, outputs = provider.create("Row", "dc1/a/01", new)
    held = {name: outputs[name] for name in ("generation", "holder")}
    old = {**{name: new[name] for name in ("stackId", "asset", "digest")}, "summary": "2 racks of 42 U"}
    assert provider.diff("Row", "dc1/a/01", old_inputs=old, state={**old, **held}, new=new).changes == NONE


def test_a_row_that_says_other_watts_than_were_admitted_is_not_made(provider: ProviderProcess, operator: Party) -> None:
    """What a policy judged is what comes in: properties that the admitted asset does not have are refused."""
    lie = _row(operator)
    lie["feeds"] = {**lie["feeds"], "A": {**lie["feeds"]["A"], "ratedW": 100}}
    with pytest.raises(grpc.RpcError) as raised:
        provider.create("Row", "dc1/a/01", lie)
    assert "no admitted claim for row dc1/a/01" in str(raised.value.details())


def test_an_import_of_a_row_has_its_properties(provider: ProviderProcess, operator: Party) -> None:
    """What is read from the ledger is what a program declares, so that an import is followed by no difference."""
    new = _row(operator)
    id_, _ = provider.create("Row", "dc1/a/01", new)
    assert from_struct(provider.read("Row", "dc1/a/01", id_).inputs) == new


def test_files_are_one_digest_and_numbers(provider: ProviderProcess) -> None:
    """Other files are told by their digest and by how many files and bytes each format has."""
    ids = {"stackId": "operator-0123456789ab", "site": "dc1"}
    formats = {"bind": {"files": 2, "bytes": 900}, "frr": {"files": 2, "bytes": 1_200}}
    old = {**ids, "filesDigest": digest_of("old"), "formats": formats}
    new = {**ids, "filesDigest": digest_of("new"), "formats": {**formats, "bind": {"files": 2, "bytes": 911}}}
    answer = provider.diff("SiteConfig", "dc1", old_inputs=old, state=ids, new=new)
    assert set(answer.detailedDiff) == {"filesDigest", 'formats["bind"]["bytes"]'}


def _deployed(operator: Party, text: str) -> dict[str, str]:
    """Admit a change with one file, and deploy it; gives its digest by path."""
    files = {"sites/dc1/etc/bind/named.conf": digest_of(text)}
    operator.client.call(verbs.STORE, ContentRequest(texts=[text]))
    demand = operator.demand(sites=facility(2, rated_w=12_600)["sites"])
    operator.admit(operator.propose(demand), canonical_json(files))
    request = DeployRequest(stack_id=operator.stack_id, site="dc1", files_digest=digest_of(canonical_json(files)))
    operator.client.call(verbs.DEPLOY, request)
    return files


def test_files_that_the_ledger_has_otherwise_are_deployed_again(provider: ProviderProcess, operator: Party) -> None:
    """A state and a declaration that agree say nothing of the ledger, as after an older state was put back."""
    ids = {"stackId": operator.stack_id, "site": "dc1"}
    digest = digest_of(canonical_json(_deployed(operator, "zone")))
    new = {**ids, "filesDigest": digest, "formats": {"bind": {"files": 1, "bytes": 4}}}
    assert provider.diff("SiteConfig", "dc1", old_inputs=new, state=ids, new=new).changes == NONE
    _deployed(operator, "another")
    provider.configure(operator.client.url)  # another run
    answer = provider.diff("SiteConfig", "dc1", old_inputs=new, state=ids, new=new)
    assert list(answer.detailedDiff) == ["filesDigest"]
    assert not answer.replaces


@pytest.mark.parametrize("is_same", [True, False], ids=["same", "other"])
def test_files_of_an_older_state_are_compared_by_digest(
    provider: ProviderProcess, operator: Party, *, is_same: bool
) -> None:
    """A state that lists each file is the same where the digest of the list is."""
    files = _deployed(operator, "zone")
    ids = {"stackId": operator.stack_id, "site": "dc1"}
    digest = digest_of(canonical_json(files if is_same else {}))
    new = {**ids, "filesDigest": digest, "formats": {"bind": {"files": 1, "bytes": 4}}}
    answer = provider.diff("SiteConfig", "dc1", old_inputs={**ids, "files": files}, state=ids, new=new)
    assert (answer.changes == NONE) is is_same
    assert not answer.replaces
