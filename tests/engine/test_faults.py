"""What goes wrong around a stack on the real engine: sentences, a failed run, nothing half done."""

import fcntl
from collections.abc import Iterator

import pytest
import yaml

from support.zone_project import SmallZone, Stack, cluster

pytestmark = pytest.mark.engine


@pytest.fixture(name="tenant")
def _tenant(declared: Stack) -> Iterator[Stack]:
    yield declared
    assert declared.resources("Node") == []
    assert declared.holdings() == []


def _configure(stack: Stack, **changes: str | None) -> None:
    path = stack.root / "program" / f"Pulumi.{stack.name}.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    config = {**document["config"], **{f"zone:{key}": value for key, value in changes.items()}}
    document["config"] = {key: value for key, value in config.items() if value is not None}
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


def _diagnostics(output: str) -> str:
    return " ".join(output.split("Diagnostics:")[1].split("Resources:", maxsplit=1)[0].split())


def test_missing_settings_are_named_together(tenant: Stack) -> None:
    """A stack without its settings says all that are missing, and the command that writes them."""
    settings = {"declaration": None, "ledger": None, "stackId": None}
    kept = yaml.safe_load((tenant.root / "program" / "Pulumi.tenant-a.yaml").read_text(encoding="utf-8"))["config"]
    _configure(tenant, **settings)
    said = _diagnostics(tenant.refused("preview"))
    assert "zone:declaration, zone:ledger, zone:stackId" in said
    assert "zonewright stack new" in said
    _configure(tenant, **{key: kept[f"zone:{key}"] for key in settings})


def test_a_ledger_that_is_not_there_decides_nothing(tenant: Stack) -> None:
    """A ledger that is not there or unreachable is one sentence, and no resource is made."""
    for url, words in {"sqlite:///none.db": "there is no ledger", "http://127.0.0.1:9": "cannot be reached"}.items():
        _configure(tenant, ledger=url)
        output = tenant.refused("up", "--yes", "--skip-preview")
        assert words in _diagnostics(output)
        assert tenant.resources("Node") == []
    _configure(tenant, ledger=tenant.ledger_url)


def test_a_locked_ledger_decides_nothing(zone: SmallZone, tenant: Stack) -> None:
    """A ledger that another process holds is said after the wait, and no resource is made; when it is free they are."""
    with (zone.folder / "ledger.db.lock").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        output = tenant.refused("up", "--yes", "--skip-preview", variables={"ZONEWRIGHT_LEDGER_WAIT_S": "0.5"})
    assert "locked for 0.5 s; nothing was changed" in _diagnostics(output)
    assert tenant.resources("Node") == []
    assert tenant.holdings() == []
    tenant.up()
    tenant.settled()
    tenant.run("destroy", "--yes", "--skip-preview")


def test_a_malformed_declaration_is_said_whole(tenant: Stack) -> None:
    """All faults of a declaration stand in one message with file and line; the ledger was not asked."""
    tenant.declare(clusters={"web": cluster(1, node_type="three-u"), "db": cluster(-1, sise=3)})
    said = _diagnostics(tenant.refused("up", "--yes", "--skip-preview"))
    assert "3 faults in the declaration; the ledger was not asked" in said
    for words in ("three-u", "sise", "-1"):
        assert words in said
    assert said.count("tenant-tenant-a.yaml:") == 3
    assert tenant.holdings() == []
    tenant.declare(clusters={"web": cluster(2)})


def test_many_findings_are_one_failure(tenant: Stack) -> None:
    """Forty equal findings are one, with the number; of others the worst five are shown, and the command for all."""
    place = {"rack": "dc1/a/01/01", "position": 1}
    tenant.declare(clusters={"web": cluster(41, places={f"{n:03}": place for n in range(1, 42)})})
    equal = tenant.refused("up", "--yes", "--skip-preview")
    assert "1 finding; nothing was claimed or created" in equal
    assert "the same for 39 others: web-003, web-004, web-005, web-006 and 35 more" in " ".join(equal.split())
    pairs = {f"{n:03}": {"rack": "dc1/a/01/01", "position": (n + 1) // 2} for n in range(1, 21)}
    tenant.declare(clusters={"web": cluster(20, places=pairs)})
    output = tenant.refused("up", "--yes", "--skip-preview")
    assert "10 findings; nothing was claimed or created" in output
    assert _diagnostics(output).count("[unit-overlap]") == 5, output
    assert "zonewright check --stack tenant-a" in output
    findings = output.split("claimed or created:")[-1].splitlines()
    assert max(len(line) for line in findings) <= 82  # the engine indents by four
    tenant.declare(clusters={"web": cluster(2)})
