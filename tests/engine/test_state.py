"""What people do to a state besides `up`: each leads back to a ledger that says the same as the state."""

import json
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from support.ledger_party import Party, bring_up_racks
from support.ledger_proxy import ledger_service
from support.warm_python import warm_python
from support.zone_project import PROJECT, SmallZone, Stack, cluster, facility
from zonewright.ledger import LedgerRefusedError
from zonewright.ledger.transport.client import LedgerClient

pytestmark = pytest.mark.engine
FIRST = {"rack": "dc1/a/01/01", "position": 1}
EXPERIMENTAL = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
ELSEWHERE = {"rack": "dc1/a/01/02", "position": 20}


@pytest.fixture(name="ledger")
def _ledger(zone: SmallZone) -> Iterator[LedgerClient]:
    with LedgerClient(zone.ledger_url) as client:
        bring_up_racks(client)
        yield client


@pytest.fixture(name="tenant")
def _tenant(settled: SmallZone) -> Stack:
    return settled.opened("tenant-a")


def _comes_back(stack: Stack) -> None:
    """The next `up` mends all; that the one after finds nothing to do is shown where it is another question."""
    stack.up()
    stack.settled()


def test_refresh_of_what_is_as_it_was_changes_nothing(tenant: Stack) -> None:
    """A refresh reads every resource and finds the same."""
    tenant.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    tenant.settled()


@pytest.mark.tampers
@pytest.mark.parametrize("by", ["preview", "refresh"])
def test_claims_changed_behind_its_back_are_seen_and_mended(settled: SmallZone, tenant: Stack, by: str) -> None:
    """Claims that somebody freed or moved by SQL are shown by preview, or taken out by refresh; one up mends all."""
    settled.change_ledger("delete from claim where name = 'web-002' and state = 'active'")
    moved = "data = json_set(data, '$.position', 33)"
    settled.change_ledger(f"update claim set {moved} where name = 'web-003' and state = 'active'")
    if by == "preview":
        said = tenant.run("preview", "--diff").stdout
        assert "web-002" in said
    else:
        said = tenant.run("refresh", "--yes", "--skip-preview").stdout
        assert "web-002 deleted" in said
        assert len(tenant.resources("Node")) == 2
    assert "web-003" in said
    tenant.up()
    tenant.settled()
    tenant.up("--expect-no-changes")
    assert len(tenant.places()) == 3


def test_import_takes_what_the_ledger_holds(tenant: Stack) -> None:
    """A node that was lost from the state comes back by import, and the next up finds it as declared."""
    node, provider = tenant.urn("Node", "web-002"), tenant.state()
    ids = [item["id"] for item in provider["resources"] if item["urn"] == node]
    at = next(item["urn"] for item in provider["resources"] if item["type"] == "pulumi:providers:zonewright")
    parent = next(item["parent"] for item in provider["resources"] if item["urn"] == node)
    tenant.run("state", "delete", node, "--yes", "--force", "--target-dependents")
    named = ("--provider", f"ledger={at}", "--parent", f"web={parent}", "--generate-code=false", "--protect=false")
    missing = tenant.refused(
        "import", "zonewright:index:Node", "web-009", f"{tenant.stack_id}/web-009", "--yes", *named
    )
    assert "does not exist" in missing
    tenant.run("import", "zonewright:index:Node", "web-002", ids[0], "--yes", *named)
    tenant.agrees()
    tenant.up()
    tenant.settled()


def _imported(stack: Stack, kind: str, name: str, id_: str) -> subprocess.CompletedProcess[str]:
    """Import what is in the state already, under another name; gives what `pulumi import` said."""
    resources = stack.state()["resources"]
    at = next(item["urn"] for item in resources if item["type"] == "pulumi:providers:zonewright")
    named = ("--provider", f"ledger={at}", "--generate-code=false", "--protect=false")
    return stack.run("import", f"zonewright:index:{kind}", name, id_, "--yes", *named, check=False)


def test_the_delete_of_a_second_import_frees_nothing(settled: SmallZone, tenant: Stack) -> None:
    """A node that is in the state is imported again; `up` deletes that one, and nobody else gets the node's units."""
    before = tenant.places()
    imported = _imported(tenant, "Node", "again", f"{tenant.stack_id}/web-002")
    assert imported.returncode == 0, imported.stdout
    assert len(tenant.resources("Node")) == 4
    output = tenant.up()
    assert "1 deleted" in output
    tenant.settled()
    assert tenant.places() == before
    assert "web-002 stays in the ledger: another resource holds it" in " ".join(output.split())
    with LedgerClient(settled.ledger_url) as ledger:
        other = Party(ledger, "stack-of-b", "tenant-b")
        other.enrol()
        rack, unit = before["web-002"].split(" U")
        taken = {"db": cluster(1, places={"001": {"rack": rack, "position": int(unit)}})}
        with pytest.raises(LedgerRefusedError):
            other.admit(other.propose(other.demand(clusters=taken)))
    tenant.run("destroy", "--yes", "--skip-preview", "--target", tenant.urn("Node", "web-002"), "--target-dependents")
    tenant.agrees()  # a targeted destroy, with what depends on its node, frees one claim
    assert len(tenant.places()) == 2
    _comes_back(tenant)
    assert tenant.places() == before


def test_what_has_no_holder_is_not_imported(tenant: Stack) -> None:
    """A second Enrolment, Completion or SiteConfig would undo by its delete what the first one stands for."""
    ids = {kind: tenant.resources(kind)[0]["id"] for kind in ("Enrolment", "Completion", "SiteConfig")}
    for kind, id_ in ids.items():
        assert "does not exist" in _imported(tenant, kind, "again", id_).stdout
    tenant.up("--expect-no-changes")


def test_a_restored_older_state_gets_its_claims_again(tenant: Stack) -> None:
    """A node was replaced and one was dropped since; the older state file is put back, and `up` gives it both."""
    path = tenant.root / "older.json"
    before = tenant.places()
    tenant.run("stack", "export", "--file", str(path))
    tenant.up("--replace", tenant.urn("Node", "web-001"))
    tenant.declare(clusters={"web": cluster(2)})
    tenant.up()
    tenant.run("stack", "import", "--file", str(path))
    tenant.declare(clusters={"web": cluster(3)})
    _comes_back(tenant)
    assert tenant.places() == before
    tenant.up("--expect-no-changes")
    both = [option for name in ("web-001", "web-003") for option in ("--target", tenant.urn("Node", name))]
    tenant.run("destroy", "--yes", "--skip-preview", *both, "--target-dependents")
    tenant.agrees()
    assert list(tenant.places()) == ["web-002"]


def test_a_dropped_node_that_is_left_out_of_the_run_keeps_its_place(tenant: Stack) -> None:
    """`--exclude` of a dropped node, or `--target` of the Admission, leaves its resource: its place stays taken."""
    tenant.declare(clusters={"web": cluster(2)})
    admission = tenant.urn("Admission", "admission")
    left_out = ("--exclude", tenant.urn("Node", "web-003")), ("--target", admission)
    for options in left_out:
        tenant.run("up", "--yes", "--skip-preview", *options, check=False)  # the engine may refuse to leave it out
        assert len(tenant.resources("Node")) == 3
        assert [item.name for item in tenant.holdings("releasing")] == ["web-003"]
    _comes_back(tenant)
    assert sorted(tenant.places()) == ["web-001", "web-002"]


def test_a_replacement_and_another_name_of_the_stack_keep_all_claims(tenant: Stack) -> None:
    """`--replace` of a node confirms its claim again, that of the Admission frees nothing; nor does a new stack name.

    The old resource's delete settles an admission that is not the current one any more. The stack id in its
    configuration, not its name, is who a stack is.
    """
    before = tenant.places()
    for kind, name in (("Node", "web-001"), ("Admission", "admission")):
        tenant.up("--replace", tenant.urn(kind, name))
        tenant.settled()
        assert tenant.places() == before
    tenant.run("stack", "rename", "renamed")
    tenant.name = "renamed"
    tenant.up("--expect-no-changes")
    tenant.settled()
    assert tenant.places() == before


def test_an_alias_keeps_the_claim(tenant: Stack) -> None:
    """A node resource that is renamed with an alias keeps its claim and place."""
    before = tenant.places()
    tenant.program(
        "import pulumi\n"
        "from zonewright.program import deploy\n\n\n"
        "def renamed(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:\n"
        "    if args.type_ != 'zonewright:index:TenantCluster':\n"
        "        return None\n"
        "    old = pulumi.Alias(name='old-' + args.name)\n"
        "    options = pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(aliases=[old]))\n"
        "    return pulumi.ResourceTransformResult(props=args.props, opts=options)\n\n\n"
        "deploy()\n"
    )
    tenant.up()
    tenant.settled()
    assert tenant.places() == before


def test_a_second_checkout_with_the_same_stack_id_is_refused(settled: SmallZone, tenant: Stack) -> None:
    """Two clones with one stack id do not take each other's claims over; the second is told what to do."""
    before = tenant.places()
    clone = settled.stack("tenant-a", stack_id=tenant.stack_id, folder="second-clone")
    output = clone.refused("up", "--yes", "--skip-preview")
    assert "zonewright stack new" in output
    assert clone.resources("Node") == []
    assert tenant.places() == before
    tenant.settled()


def test_clones_with_one_stack_name_and_ids_of_their_own_live_side_by_side(settled: SmallZone, tenant: Stack) -> None:
    """A stack's name and so its URNs may be equal: places are told apart by stack id."""
    other = settled.stack("tenant-b", name=tenant.name, folder="other-party")
    other.declare(clusters={"web": cluster(3)})
    other.up()
    for stack in (tenant, other):
        stack.settled()
    assert not set(tenant.places().values()) & set(other.places().values())


def test_a_lost_state_is_taken_over(tenant: Stack) -> None:
    """After the state is lost, up is refused and leads to recover, which binds a new state to the same claims."""
    before = tenant.places()
    shutil.rmtree(tenant.root / ".zonewright" / ".pulumi" / "stacks")
    tenant.run("stack", "init", tenant.name)
    assert "--take-over" in tenant.refused("up", "--yes", "--skip-preview")
    assert tenant.process("recover", "--stack", tenant.name).returncode == 1
    taken = tenant.process("recover", "--stack", tenant.name, "--take-over")
    assert taken.returncode == 0, taken.stderr
    tenant.settled()
    assert tenant.places() == before


def test_a_targeted_move_is_refused_and_nothing_moves(tenant: Stack) -> None:
    """`--target` skips the Admission, so a moved or new node has no admitted claim and says how to go on.

    `--exclude` of the Admission is the same road around it, with the same end.
    """
    tenant.declare(clusters={"web": cluster(4, places={"001": ELSEWHERE})})
    moved = tenant.urn("Node", "web-001")
    around = [("--target", urn) for urn in (moved, moved.replace("web-001", "web-004"))]
    # A node or the site's files are refused, whichever the engine comes to first.
    for option in (*around, ("--exclude", tenant.urn("Admission", "admission"))):
        assert "without --target" in tenant.refused("up", "--yes", "--skip-preview", *option)
        tenant.agrees()
    _comes_back(tenant)
    assert tenant.places()["web-001"] == "dc1/a/01/02 U20"


EXPORTS = """\
import pulumi
from zonewright.program import deploy

for node in deploy().nodes.values():
    pulumi.export(node.name, node.ipv4)
"""


def test_what_a_run_leaves_out_keeps_the_change_open(tenant: Stack) -> None:
    """`--exclude` of a new node or of new files closes no change and breaks no state: the next `up` makes the rest."""
    new, files = tenant.urn("Node", "web-001").replace("web-001", "web-004"), tenant.urn("SiteConfig", "dc1")
    tenant.declare(clusters={"web": cluster(4)})
    said = tenant.refused("up", "--yes", "--skip-preview", "--exclude", new)
    assert "the change stays open: node web-004 waits for a resource that this run left out" in said
    assert [item.name for item in tenant.holdings("admitted")] == ["web-004"]
    said = tenant.refused("up", "--yes", "--skip-preview", "--exclude", files, "--exclude", new)
    assert "node web-004" in said
    _comes_back(tenant)
    tenant.declare(clusters={"web": cluster(5)})
    said = tenant.refused("up", "--yes", "--skip-preview", "--exclude", files)
    assert "the change stays open: configuration of dc1 waits" in said
    tenant.agrees()
    _comes_back(tenant)
    tenant.up("--expect-no-changes")
    assert len(tenant.places()) == 5
    tenant.run("destroy", "--yes", "--skip-preview")
    assert tenant.holdings() == []
    assert tenant.state().get("resources", []) == []


@pytest.mark.real_python  # what it was told to leave out, a program reads from the command line of its engine
def test_a_cluster_that_is_left_out_leaves_the_state_readable(zone: SmallZone, ledger: LedgerClient) -> None:
    """`--exclude` of a new component makes nothing that is in it, which the engine would; the next `up` makes all."""
    bring_up_racks(ledger)
    tenant = zone.stack("tenant-a")
    tenant.declare(clusters={"web": cluster(1)})
    whole = f"urn:pulumi:{tenant.name}::{PROJECT}::zonewright:index:TenantCluster::web"
    said = tenant.refused("up", "--yes", "--skip-preview", "--exclude", whole)
    assert "--exclude leaves out TenantCluster web and not what is in it; web-001 was not made" in said
    assert tenant.resources("Node") == []
    tenant.environment.update(warm_python().variables())
    _comes_back(tenant)


def test_a_row_is_not_made_without_its_site(zone: SmallZone) -> None:
    """`--exclude` of a new site makes no row that would depend on it; the next `up` makes both, and destroy ends it."""
    operator = zone.stack("operator")
    operator.declare(sites=facility(2)["sites"])
    site = f"urn:pulumi:{operator.name}::{PROJECT}::zonewright:index:FacilitySite$zonewright:index:Site::dc1"
    said = operator.refused("up", "--yes", "--skip-preview", "--exclude", site)
    assert "row dc1/a/01 comes after site dc1, of which this run made no resource" in said
    assert operator.resources("Row") == []
    _comes_back(operator)
    operator.run("destroy", "--yes", "--skip-preview")
    assert operator.holdings() == []


def test_a_node_that_a_run_leaves_out_has_no_address(tenant: Stack) -> None:
    """`--target` or `--exclude` exports no address of a node that was not made, and the outputs stay as they were."""
    tenant.program(EXPORTS)
    tenant.up()
    before = tenant.outputs()
    assert len(before) == 3
    new = tenant.urn("Node", "web-001").replace("web-001", "web-004")
    tenant.declare(clusters={"web": cluster(4)})
    assert "web-004" in tenant.run("preview").stdout
    for options in (("--target", tenant.urn("Admission", "admission")), ("--exclude", new)):
        said = tenant.refused("up", "--yes", "--skip-preview", *options)
        assert "node web-004 was not made" in said or "node web-004 waits for" in said  # whichever ends the run first
        assert tenant.outputs() == before
    tenant.up()
    tenant.settled()
    after = tenant.outputs()
    assert after == {**before, "web-004": after["web-004"]}
    assert after["web-004"][0].startswith("10.80.0.")


def test_a_plan_that_still_holds_is_carried_out(settled: SmallZone, tenant: Stack) -> None:
    """What others change meanwhile is no violation of a plan as long as the stack's own places are the same."""
    tenant.declare(clusters={"web": cluster(4)})
    tenant.run("preview", "--save-plan", "plan.json", variables=EXPERIMENTAL)
    with LedgerClient(settled.ledger_url) as ledger:
        bring_up_racks(ledger, 3)
    tenant.up("--plan", "plan.json", variables=EXPERIMENTAL)
    tenant.settled()
    assert len(tenant.places()) == 4


def test_up_without_checkpoints_keeps_to_the_plan_that_it_makes_itself(tenant: Stack) -> None:
    """With the experimental setting `up` binds itself to its own preview, and that holds."""
    tenant.declare(clusters={"web": cluster(4)})
    tenant.run("up", "--yes", variables=EXPERIMENTAL)
    tenant.settled()
    assert len(tenant.places()) == 4


def test_what_is_free_is_said_as_the_change_leaves_it(tenant: Stack) -> None:
    """A change says what is free with the nodes that leave counted as gone; a refused one takes no output away."""
    tenant.declare(clusters={"web": cluster(1)})
    assert "free now: dc1 83 U, 19.8 kW" in tenant.up()
    tenant.declare(clusters={"web": cluster(90)})
    refused = tenant.refused("up", "--yes", "--skip-preview")
    assert "have no place" in refused
    assert "free" not in refused


def test_a_deleted_state_entry_is_adopted(tenant: Stack) -> None:
    """`state delete` of a node leaves its claim; the next up adopts it in its place."""
    before = tenant.places()
    tenant.run("state", "delete", tenant.urn("Node", "web-002"), "--yes", "--force", "--target-dependents")
    _comes_back(tenant)
    assert tenant.places() == before


def test_a_deleted_state_entry_that_is_not_wanted_any_more_is_freed_by_recover(tenant: Stack) -> None:
    """`state delete` and the node dropped: no delete frees its place, `up` says so, and `recover` knows the state."""
    tenant.run("state", "delete", tenant.urn("Node", "web-003"), "--yes", "--force", "--target-dependents")
    tenant.declare(clusters={"web": cluster(2)})
    assert "web-003: what left the declaration keeps its place" in " ".join(tenant.up().split())
    assert [item.name for item in tenant.holdings("releasing")] == ["web-003"]
    recovered = tenant.process("recover", "--stack", tenant.name)
    assert recovered.returncode == 0, recovered.stderr
    tenant.settled()
    assert sorted(tenant.places()) == ["web-001", "web-002"]


def test_a_failed_create_and_then_the_node_dropped(zone: SmallZone, ledger: LedgerClient) -> None:
    """Nodes that could not be created and are not wanted any more leave no claim behind."""
    del ledger
    with ledger_service(zone.folder / "ledger.db") as service:
        tenant = zone.stack("tenant-a", ledger_url=service.url)
        tenant.declare(clusters={"web": cluster(4)})
        service.door.verb, service.door.fail_from = "confirm", 3
        assert "the disk is full" in tenant.refused("up", "--yes", "--skip-preview", "--parallel", "1")
        service.door.clear()
        assert len(tenant.resources("Node")) == 2
        tenant.agrees()
        tenant.declare(clusters={"web": cluster(1)})
        _comes_back(tenant)
        assert len(tenant.places()) == 1


def test_an_interrupted_destroy_goes_on(zone: SmallZone, ledger: LedgerClient) -> None:
    """A destroy that failed half-way leaves what is left as it is, and goes on when it is run again; or up mends."""
    del ledger
    with ledger_service(zone.folder / "ledger.db") as service:
        tenant = zone.stack("tenant-a", ledger_url=service.url)
        tenant.declare(clusters={"web": cluster(4)})
        tenant.up()
        for goes_on in ("up", "destroy"):
            service.door.verb, service.door.fail_from = "release", 3
            assert "the disk is full" in tenant.refused("destroy", "--yes", "--skip-preview")
            service.door.clear()
            tenant.agrees()
            assert 0 < len(tenant.resources("Node")) < 4
            if goes_on == "up":
                _comes_back(tenant)
        tenant.run("destroy", "--yes", "--skip-preview")
        assert tenant.holdings() == []


def test_the_exported_state_keeps_no_secret_and_no_path(tenant: Stack) -> None:
    """Nothing of this machine but the ledger's URL of the configuration stands in the state."""
    exported = json.loads(tenant.run("stack", "export").stdout)["deployment"]
    text = json.dumps([{**item, "sourcePosition": None} for item in exported["resources"]])
    assert text.count(str(tenant.root.parent)) == text.count(tenant.ledger_url)


def test_what_a_stack_left_may_be_removed(tenant: Stack) -> None:
    """Without history, backups, logs and the last preview nothing changes, and the next change is carried out."""
    names = (".pulumi/history", ".pulumi/backups", "pulumi-home/logs", "changes")
    left = [folder for name in names if (folder := tenant.root / ".zonewright" / name).is_dir()]
    assert {folder.name for folder in left} >= {"history", "changes"}
    for folder in left:
        shutil.rmtree(folder)
    tenant.declare(clusters={"web": cluster(2)})
    tenant.run("up", "--yes")
    tenant.settled()
