"""What is imported is declared: each room's needs are in the base, or in the extra that the room belongs to."""

import ast
import contextlib
import json
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

from support.declared import normal, requirements
from support.once import made_once
from support.sources import nodes_of
from support.zone_project import REPOSITORY

MODULES = REPOSITORY / "modules" / "zonewright"
IMPORT = re.compile(r"^(import|from) \w", re.MULTILINE)
OURS = ("zonewright", "zonewright_agent", "zonewright_gateway", "zonewright_templates")
PYTHONS_OWN = {*sys.stdlib_module_names, "_sha2", "_sha256"}
"""The last two are of some versions only."""

# Each folder and file of the package, and the install that it belongs to.
EXTRA_OF_ROOM = {
    "__init__.py": "",
    "__main__.py": "",
    "cli": "",
    "collector.py": "",
    "declare": "",
    "dialects": "",
    "errors.py": "",
    "model": "",
    "own_rules": "",
    "parent.py": "",
    "place": "",
    "pue": "",
    "render": "",
    "rules": "",
    "audit": "audit",
    "changes": "audit",
    "seal": "audit",
    "seal/timestamps.py": "timestamp",
    "engine": "stack",
    "ledger": "ledger",
    "program": "stack",
    "provider": "stack",
    "server": "ledger",
    "telemetry": "ledger",
    "telemetry/tsdb": "tsdb",
    "cli/fleet": "fleet",
    "estate": "netbox",
    "fleet": "fleet",
    "policy": "policy",
    "remediation": "network",
    "ledger/store": "postgresql",
}

# Scripts that run on hosts, with what hosts have.
ON_HOSTS = {"fleet": {"psutil"}}


def imports_of(code: str) -> Iterator[str]:
    """Modules of others that code imports anywhere, also in scripts that it holds as texts."""
    for node in nodes_of(code):
        names = []
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(IMPORT, node.value):
            with contextlib.suppress(SyntaxError):
                yield from imports_of(node.value)
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
            if node.module.partition(".")[0] in namespaces():
                names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name for name in names if name.partition(".")[0] not in (*OURS, *PYTHONS_OWN))


@cache
def installed() -> Mapping[str, list[str]]:
    """Distributions by each name of the top; to look takes a tenth of a second."""
    return packages_distributions()


@cache
def namespaces() -> dict[str, list[str]]:
    """Names of the top that several distributions share, and who they are."""
    return {top: sorted(set(names)) for top, names in installed().items() if len(set(names)) > 1}


@cache
def distribution_of(module: str) -> str:
    """The distribution that a module comes with."""
    top = module.partition(".")[0]
    owners = namespaces().get(top) or installed().get(top, [])
    if len(owners) > 1:
        parts = module.split(".")
        paths = {f"{'/'.join(parts[:end])}{tail}" for end in (2, len(parts)) for tail in (".py", "/__init__.py")}
        owners = [name for name in owners if paths & {str(path) for path in distribution(name).files or ()}]
    assert len(owners) == 1, f"{module} comes with {owners or 'nothing that is installed'}; expected one distribution"
    return normal(owners[0])


def room_of(path: Path) -> str:
    """The room that a file lies in."""
    parts = path.relative_to(MODULES).parts
    return next(name for name in ("/".join(parts[:2]), parts[0]) if name in EXTRA_OF_ROOM)


@cache
def needs() -> dict[str, set[str]]:
    """Distributions by room, found once in a run."""

    def make(at: Path) -> None:
        found: dict[str, set[str]] = {room: set() for room in EXTRA_OF_ROOM}
        for path in sorted(MODULES.rglob("*.py")):
            found[room_of(path)] |= {distribution_of(module) for module in imports_of(path.read_text(encoding="utf-8"))}
        (at / "needs.json").write_text(json.dumps({room: sorted(names) for room, names in found.items()}), "utf-8")

    known = json.loads((made_once("needs", make) / "needs.json").read_text("utf-8"))
    return {room: set(names) for room, names in known.items()}


@pytest.mark.slow
@pytest.mark.parametrize("room", EXTRA_OF_ROOM)
def test_a_room_imports_what_its_extra_declares(room: str) -> None:
    """Every third-party import of a room is declared in the base or in the room's extra, not only brought by others."""
    missing = needs()[room] - requirements("") - requirements(EXTRA_OF_ROOM[room]) - ON_HOSTS.get(room, set())
    assert not missing, f"{room} imports {sorted(missing)}; declare them in pyproject.toml"


@pytest.mark.slow
def test_nothing_is_declared_that_nobody_imports() -> None:
    """Each requirement of the base and of an extra is imported by a room of that install."""
    by_room = needs()
    for extra in ("", "audit", "ledger", "stack", "postgresql", "fleet", "netbox", "network"):
        own = requirements(extra)
        imported = {name for names in by_room.values() for name in names}
        assert own <= imported, f"'{extra or 'the base'}' declares {sorted(own - imported)}, which nothing imports"


def test_every_room_has_its_extra() -> None:
    """A new folder of the package says to which install it belongs, and none is left that has gone."""
    rooms = {path.name for path in MODULES.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms == {room for room in EXTRA_OF_ROOM if "/" not in room}


def test_the_templates_and_the_agent_need_nothing_of_ours() -> None:
    """Templates import nothing, and the agent psutil only, which the host has; of a host with boards NVIDIA's, too."""
    own = {"psutil", "nvidia-ml-py"}
    for folder, allowed in (("templates/zonewright_templates", {"pulumi"}), ("agents/zonewright_agent", own)):
        texts = [path.read_text(encoding="utf-8") for path in (REPOSITORY / folder).rglob("*.py")]
        assert {distribution_of(module) for text in texts for module in imports_of(text)} <= allowed, folder
