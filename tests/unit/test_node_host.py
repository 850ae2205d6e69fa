"""The host of TypeScript programs: which command it runs, and what it says where it cannot run one."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.proto import language_pb2 as messages

from zonewright.engine import sdk_generator
from zonewright.engine.errors import EngineError
from zonewright.engine.language_host import linking
from zonewright.engine.language_host.children import Children
from zonewright.engine.language_host.node import NodeLanguageRuntime, find_runner

_NODE = """#!/bin/sh
printf '%s\\n' "$PULUMI_NODEJS_TYPESCRIPT" "$PULUMI_CONFIG" "$@" > told
exit $FAKE_STATUS
"""


@pytest.fixture(name="project")
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the SDK's runner and a `node` that writes down what it is asked."""
    runner = tmp_path / "node_modules" / "@pulumi" / "pulumi" / "cmd" / "run" / "index.js"
    runner.parent.mkdir(parents=True)
    runner.write_text("", encoding="utf-8")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "node").write_text(_NODE, encoding="utf-8")
    (tmp_path / "bin" / "node").chmod(0o755)
    (tmp_path / "program").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("FAKE_STATUS", "0")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(project: Path, **options: Any) -> messages.RunResponse:
    """Run the program of a project in a preview."""
    request = messages.RunRequest(project="p", stack="s", monitor_address="m:1", dryRun=True, parallel=4)
    request.info.program_directory = request.info.root_directory = str(project / "program")
    request.info.entry_point = "."
    request.info.options.update(options)
    request.config["zone:ledger"] = "sqlite:///l.db"
    host = NodeLanguageRuntime(engine_address="e:2", tracing="", children=Children())
    return asyncio.run(host.Run(request, None))


def told(project: Path) -> list[str]:
    """What `node` was asked."""
    return (project / "told").read_text(encoding="utf-8").splitlines()


def test_a_program_runs_by_the_runner_of_its_sdk(project: Path) -> None:
    """The SDK's runner gets the engine's addresses, the preview and the configuration; TypeScript is on by default."""
    assert run(project) == messages.RunResponse()
    typescript, config, runner, *flags = told(project)
    assert typescript == "true"
    assert json.loads(config) == {"zone:ledger": "sqlite:///l.db"}
    assert Path(runner) == find_runner(project / "program")
    given = dict(zip(flags[:-2:2], flags[1:-2:2], strict=True))
    assert (given["--monitor"], given["--engine"], given["--stack"]) == ("m:1", "e:2", "s")
    assert flags[-2:] == ["--dry-run", "."]


class _EndedError(Exception):
    """A call that the host ended with a sentence."""


class _Context:
    """What gRPC gives a call."""

    async def abort(self, _code: Any, details: str) -> None:
        """End the call."""
        raise _EndedError(details)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("", "has no generator of SDKs at"),
        ("#!/bin/sh\necho 'reading the schema: EOF' >&2\nexit 1\n", "failed: reading the schema: EOF"),
        ("#!/bin/sh\nexit 3\n", "failed: it ended with 3 and said nothing"),
        ("#!/bin/sh\nprintf x\n", "gave no answer; remove it and run 'zonewright engine ensure --sdk-generator'"),
        ("#!/nowhere\n", "does not start:"),
        ('#!/bin/sh\ncat > "$0.$1"\n', None),
    ],
)
def test_an_sdk_is_what_the_generator_writes(
    project: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str | None
) -> None:
    """The generator gets the engine's request as it came, and the host's language; what goes wrong is a sentence."""
    generator = project / "pulumi-sdk-generator"
    monkeypatch.setattr(sdk_generator, "kept", lambda _cache: generator)
    if script:
        generator.write_text(script, encoding="utf-8")
        generator.chmod(0o755)
    request = messages.GeneratePackageRequest(directory="sdk", schema="{}", loader_target="127.0.0.1:1")
    host = NodeLanguageRuntime(engine_address="e:2", tracing="", children=Children())
    call = host.GeneratePackage(request, _Context())
    if said is None:
        assert asyncio.run(call) == messages.GeneratePackageResponse()
        given = (project / "pulumi-sdk-generator.nodejs").read_bytes()
        assert messages.GeneratePackageRequest.FromString(given) == request
    else:
        with pytest.raises(_EndedError, match=said):
            asyncio.run(call)


def test_options_of_the_runtime_count(project: Path) -> None:
    """`typescript: false` and `nodeargs` of Pulumi.yaml reach Node.js."""
    run(project, typescript=False, nodeargs="--trace-warnings")
    assert told(project)[0] == "false"
    assert told(project)[2] == "--trace-warnings"


def test_what_is_missing_is_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the SDK, without Node.js and after a failure that the program has told, the answer is right."""
    monkeypatch.setenv("FAKE_STATUS", "32")
    assert run(project).bail
    monkeypatch.setenv("FAKE_STATUS", "3")
    assert "non-zero exit code: 3" in run(project).error
    (project / "node_modules").rename(project / "elsewhere")
    assert "run 'npm ci' there" in run(project).error
    monkeypatch.setenv("PATH", "/nowhere")
    assert "no node is on PATH" in run(project).error


_SDK = {
    "python": {"pulumi_zonewright/pulumi-plugin.json": "{}", "pyproject.toml": ""},
    "nodejs": {"package.json": '{"name": "@pulumi/zonewright"}'},
}


@pytest.mark.parametrize(
    ("language", "before", "after", "says"),
    [
        ("python", {}, "sdks/zonewright\n", "import pulumi_zonewright as zonewright"),
        ("python", {"requirements.txt": "pulumi"}, "pulumi\nsdks/zonewright\n", "pip install -r requirements.txt"),
        ("python", {"requirements.txt": "./sdks/zonewright # own\n"}, "./sdks/zonewright # own\n", "pip install"),
        (
            "nodejs",
            {"package.json": '{"name": "shop"}'},
            '{"name": "shop", "dependencies": {"@pulumi/zonewright": "file:sdks/zonewright"}}',
            'import * as zonewright from "@pulumi/zonewright";',
        ),
    ],
)
def test_an_sdk_that_is_added_is_named_in_what_the_project_needs(
    tmp_path: Path, language: str, before: dict[str, str], after: str, says: str
) -> None:
    """A second time changes nothing, what stood there stays, and the answer says what to install and to import."""
    for name, text in {**before, **{f"sdks/zonewright/{name}": text for name, text in _SDK[language].items()}}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    request = messages.LinkRequest()
    request.info.root_directory = str(tmp_path)
    request.packages.add(path="sdks/zonewright").package.name = "zonewright"
    link = linking.linked_in_node if language == "nodejs" else linking.linked_in_python
    file = tmp_path / ("package.json" if language == "nodejs" else "requirements.txt")
    for _ in range(2):
        assert says in link(request)
        text = file.read_text(encoding="utf-8")
        assert text == after if language == "python" else json.loads(text) == json.loads(after)


@pytest.mark.parametrize(
    ("link", "files", "says"),
    [
        (linking.linked_in_node, {"sdk/package.json": "{}"}, "run 'npm init'"),
        (linking.linked_in_node, {"sdk/package.json": "{}", "package.json": "{"}, "cannot be read"),
        (linking.linked_in_node, {"sdk/package.json": "{}", "package.json": "[]"}, "expected an object"),
        (
            linking.linked_in_node,
            {"sdk/package.json": "{}", "package.json": '{"dependencies": []}'},
            "names and versions in 'dependencies'",
        ),
        (linking.linked_in_python, {}, "has no SDK for Python in it"),
    ],
)
def test_what_cannot_be_added_is_a_sentence_and_changes_nothing(
    tmp_path: Path, link: Callable[[messages.LinkRequest], str], files: dict[str, str], says: str
) -> None:
    """A project without a list of what it needs, one that cannot be read, or a folder without an SDK."""
    (tmp_path / "sdk").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    request = messages.LinkRequest()
    request.info.root_directory = str(tmp_path)
    request.packages.add(path="sdk").package.name = "zonewright"
    with pytest.raises(EngineError, match=re.escape(says)):
        link(request)
    assert {str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*") if one.is_file()} == files.keys()
