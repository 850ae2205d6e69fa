"""Programs in YAML and TypeScript, as the how-to has them, on the engine that is built here."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
import yaml

from support.parts import require, skip_or_fail
from support.zone_project import REPOSITORY, SmallZone, Stack
from zonewright import __version__
from zonewright import engine as engine_room

pytestmark = pytest.mark.engine
PAGE = REPOSITORY / "docs" / "how-to" / "use-yaml-or-typescript.md"
MODULES = REPOSITORY / "tests" / "nodejs" / "node_modules"
COMPILED = {"PULUMI_NODEJS_TRANSPILE_ONLY": "true"}
"""Runs of a program in TypeScript whose types a run before has checked, which is 3 s of CPU."""


def of_page(language: str) -> str:
    """The program on the page in a language."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def in_language(stack: Stack, runtime: str, files: dict[str, str]) -> None:
    """Make a project one of another language."""
    project = yaml.safe_load((stack.root / "Pulumi.yaml").read_text(encoding="utf-8"))
    (stack.root / "Pulumi.yaml").write_text(yaml.safe_dump({**project, "runtime": runtime}), encoding="utf-8")
    (stack.root / "program" / "__main__.py").unlink()
    for name, text in files.items():
        (stack.root / "program" / name).write_text(text, encoding="utf-8")


def placed(stack: Stack, later: Mapping[str, str] = MappingProxyType({})) -> None:
    """Bring the program of the page up, find its nodes in their places, and take it away.

    Args:
        stack: whose program it is.
        later: variables of all runs but the first.
    """
    shown = stack.run("preview", "--diff").stdout
    assert "dc1/a/01/01" in shown
    assert "warning" not in shown
    assert stack.holdings() == []
    stack.up(variables=later)
    stack.settled()
    outputs = stack.outputs()
    assert outputs["rack"] == "dc1/a/01/01"
    assert outputs["admission"].startswith("adm-")
    assert len(stack.places()) == 2
    stack.up("--expect-no-changes", variables=later)
    stack.run("destroy", "--yes", "--skip-preview", variables=later)
    assert stack.holdings("active") == []


def test_a_program_in_yaml_places_nodes(operated: SmallZone, engine: engine_room.Engine) -> None:
    """It is previewed, comes up, is a no-op, and goes; more than fits is refused with the rule's sentence."""
    if not (engine.pulumi.parent / "pulumi-language-yaml").exists():
        skip_or_fail("the engine has no host for YAML (zonewright engine ensure --language yaml): YAML is NOT tested")
    tenant = operated.stack("tenant-a")
    program = of_page("yaml")
    in_language(tenant, "yaml", {"Main.yaml": program})
    placed(tenant)
    (tenant.root / "program" / "Main.yaml").write_text(program.replace("count: 2", "count: 300"), encoding="utf-8")
    assert "have no place" in " ".join(tenant.refused("preview").split())
    (tenant.root / "program" / "Main.yaml").write_text(program.replace("nodeType:", "nodeKind:"), encoding="utf-8")
    assert "nodeKind" in tenant.refused("preview")  # the schema has the types of all parts


def _provider(stack: Stack) -> Path:
    project = yaml.safe_load((stack.root / "Pulumi.yaml").read_text(encoding="utf-8"))
    return Path(project["plugins"]["providers"][0]["path"])


def test_a_program_in_typescript_places_nodes(operated: SmallZone) -> None:
    """With the SDK that `package add` puts into the project it comes up, is a no-op, and goes; what misses is said."""
    require("node", "nodejs", "a program in TypeScript")
    if not MODULES.is_dir():
        skip_or_fail("npm ci --prefix tests/nodejs was not run: a program in TypeScript is NOT tested")
    tenant = operated.stack("tenant-a")
    in_language(tenant, "nodejs", {"index.ts": of_page("typescript"), "package.json": '{"name": "shop"}'})
    assert "run 'npm ci' there" in " ".join(tenant.refused("preview").split())
    (tenant.root / "node_modules").symlink_to(MODULES)
    (tenant.root / "package.json").write_text('{"name": "shop"}', encoding="utf-8")
    said = tenant.run("package", "add", str(_provider(tenant))).stdout
    assert "npm install" in said
    added = tenant.root / "sdks" / "zonewright"
    described = json.loads((added / "package.json").read_text(encoding="utf-8"))
    assert described["version"] == __version__
    (added / "package.json").write_text(
        json.dumps({**described, "main": "index.ts"}), encoding="utf-8"
    )  # npm compiles it
    assert "file:sdks/zonewright" in (tenant.root / "package.json").read_text(encoding="utf-8")
    assert list(yaml.safe_load((tenant.root / "Pulumi.yaml").read_text(encoding="utf-8"))["packages"]) == ["zonewright"]
    (tenant.root / "program" / "sdk").mkdir()  # where `gen-sdk` puts it, for the program of the page
    (tenant.root / "program" / "sdk" / "nodejs").symlink_to(added)
    placed(tenant, COMPILED)
