"""`zonewright recover` and `zonewright diff` of a stack on the real engine."""

from collections.abc import Iterator

import pytest

from support.zone_project import SmallZone, Stack, cluster

pytestmark = pytest.mark.engine


@pytest.fixture(name="tenant")
def _tenant(settled: SmallZone) -> Iterator[Stack]:
    """Give a tenant's stack that is up with three nodes."""
    stack = settled.opened("tenant-a")
    yield stack
    stack.settled()


def _nodes(stack: Stack) -> dict[str, tuple[object, object]]:
    return {node["id"]: (node["inputs"], node["outputs"]) for node in stack.resources("Node")}


def test_a_healthy_stack_is_left_as_it_is(tenant: Stack) -> None:
    """Recover of a stack that lacks nothing changes nothing, and has done so when it is run again."""
    before = _nodes(tenant)
    result = tenant.process("recover", "--stack", tenant.name)
    assert result.returncode == 0, result.stderr
    assert "unchanged" in result.stderr
    assert _nodes(tenant) == before


def test_print_does_nothing(tenant: Stack) -> None:
    """`--print` shows the commands in their order and carries none out."""
    before = tenant.state()
    result = tenant.process("recover", "--stack", tenant.name, "--print")
    assert result.returncode == 0, result.stderr
    named = [line.split("pulumi ", maxsplit=1)[1].split()[0] for line in result.stderr.splitlines()]
    assert named == ["cancel", "up"]
    assert tenant.state() == before


def test_a_stack_that_never_ran_comes_up(declared: Stack) -> None:
    """Recover of a stack that exists and holds nothing ends with everything declared."""
    result = declared.process("recover", "--stack", declared.name)
    assert result.returncode == 0, result.stderr
    assert len(declared.holdings("active")) == 2
    declared.settled()


def test_diff_is_of_deployed_against_declared(declared: Stack) -> None:
    """Before the first up all files are new, after it none differs; a node that leaves takes its file with it."""
    tenant = declared
    new = tenant.zonewright("diff", "--stack", tenant.name, "--exit-code", "--every-file")
    assert new.returncode == 1, new.stderr
    assert {line for line in new.stdout.splitlines() if line.startswith("--- ")} == {"--- /dev/null"}
    assert all(f"+++ b/nodes/dc1/{name}/etc/netplan/" in new.stdout for name in ("web-001", "web-002"))
    tenant.up()
    same = tenant.zonewright("diff", "--stack", tenant.name, "--exit-code")
    assert (same.returncode, same.stdout) == (0, "")
    tenant.declare(clusters={"web": cluster(1)})
    gone = tenant.zonewright("diff", "--stack", tenant.name)
    assert gone.returncode == 0
    removed = [line for line in gone.stdout.splitlines() if line.startswith("--- a/nodes/dc1/web-002/")]
    assert removed
    assert gone.stdout.count("+++ /dev/null") == len(removed)


def test_an_unreadable_state_is_restored(tenant: Stack) -> None:
    """A state file that a kill left empty gives way to the checkpoint before it; the ledger's claims are adopted."""
    (state,) = tenant.root.glob(".zonewright/.pulumi/stacks/*/tenant-a.json")
    state.write_bytes(b"")
    result = tenant.process("recover", "--stack", tenant.name)
    assert result.returncode == 0, result.stderr
    assert "the previous checkpoint was restored" in result.stderr
    assert state.with_name("tenant-a.json.broken").read_bytes() == b""
    assert len(tenant.holdings("active")) == 3


def test_torn_attributes_of_a_state_are_dropped(tenant: Stack) -> None:
    """Attribute files that a kill left empty, over which every call of the engine fails, do not stop recover."""
    for end in (".attrs", ".bak.attrs"):
        (torn,) = tenant.root.glob(f".zonewright/.pulumi/stacks/*/tenant-a.json{end}")
        torn.write_bytes(b"")
    assert tenant.run("stack", "export", check=False).returncode != 0
    result = tenant.process("recover", "--stack", tenant.name)
    assert result.returncode == 0, result.stderr
    assert "the kill left tenant-a.json.attrs incomplete, so it was removed" in result.stderr
    assert len(tenant.holdings("active")) == 3


def test_a_state_without_a_backup_is_a_sentence(tenant: Stack) -> None:
    """Where there is nothing to restore from, recover says what it could not read and changes nothing."""
    (state,) = tenant.root.glob(".zonewright/.pulumi/stacks/*/tenant-a.json")
    good, backup = state.read_bytes(), state.with_name("tenant-a.json.bak")
    state.write_bytes(b"")
    backup.unlink()
    result = tenant.process("recover", "--stack", tenant.name)
    assert result.returncode == 3
    assert "the state of stack tenant-a cannot be read" in result.stderr
    assert "Traceback" not in result.stderr
    state.write_bytes(good)
