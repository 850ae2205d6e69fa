"""The tutorial's commands, run as they stand, in a clone of this checkout."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.warm_python import warm_python
from support.zone_project import REPOSITORY
from zonewright import engine as engine_room

pytestmark = pytest.mark.engine

EDITED = "stacks/zones/reference/tenant-gov.yaml"


def test_the_tutorial_works_as_written(tmp_path: Path, engine: engine_room.Engine) -> None:
    """Each command of the tutorial succeeds, but for the two that it says are refused."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(clone)], check=True)
    (clone / ".venv").symlink_to(warm_python().environment())
    warm = _warm(tmp_path)
    text = (REPOSITORY / "docs" / "tutorial" / "first-refusal.md").read_text(encoding="utf-8")
    fault = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0]
    lines: list[str] = []
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        commands = [line for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) for line in block.splitlines()]
        if fault in section:
            lines.append(f"cat >> {EDITED} <<'EOF'\n{fault}EOF")
        lines += [f"{line} || echo 'FAILED: {line}'" for line in commands if line != "make engine"]
        if fault in section:
            lines.append(f"git checkout -q {EDITED}")
        if "engine env" in section:
            lines.append(warm)
    output = _output(lines, clone, engine)
    failed = [line.removeprefix("FAILED: ") for line in output.splitlines() if line.startswith("FAILED: ")]
    assert failed == ["pulumi up --yes", "pulumi destroy --yes --stack operator-b"], output
    assert "unit-overlap" in output
    assert "Traceback" not in output
    status = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True)
    assert [line for line in status.stdout.splitlines() if ".venv" not in line] == []


STEP = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def test_a_zone_of_ones_own_comes_up_as_the_tutorial_says(tmp_path: Path, engine: engine_room.Engine) -> None:
    """Each step prints what stands below it, two steps are refused as told, and none ends in a traceback or warns.

    It is what `zonewright init` writes, in a folder with a space in its name.
    """
    folder = tmp_path / "my zones"
    folder.mkdir()
    text = (REPOSITORY / "docs" / "tutorial" / "your-own-zone.md").read_text(encoding="utf-8")
    lines, expected, warm = [], {}, _warm(tmp_path)
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[2:]:  # not how to install it
        title = section.splitlines()[0]
        lines.append(f"echo 'STEP {title}'")
        for kind, block in STEP.findall(section):
            if kind == "sh":
                commands = [f"{line} || echo 'FAILED: {line}'" for line in block.splitlines()]
                lines += [f"{line}\n{warm}" if "engine env" in line else line for line in commands]
            elif kind == "text":
                expected[title] = block.splitlines()
            else:
                name = block.split("\n", 1)[0].removeprefix("# ")
                lines.append(f"cat {'>>' if name.startswith('zone/') else '>'} {name} <<'EOF'\n{block}EOF")
    output = _output(lines, folder, engine)
    failed = [line.removeprefix("FAILED: ") for line in output.splitlines() if line.startswith("FAILED: ")]
    assert failed == ["pulumi up --yes", "pulumi destroy --yes --stack operator"], output
    assert "warning" not in output
    assert "Traceback" not in output
    steps = {title: body for title, _, body in (part.partition("\n") for part in output.split("STEP ")[1:])}
    assert len(expected) == 8
    for title, wanted in expected.items():
        assert _fits(steps[title].splitlines(), wanted), f"{title}: expected\n{wanted}\ngot\n{steps[title]}"


def _fits(printed: list[str], wanted: list[str]) -> bool:
    """Whether the lines stand among those that were printed, in order; `...` is any lines, or any end of one."""
    rest = iter(printed)
    return all(
        any(re.fullmatch(re.escape(line).replace(re.escape("..."), ".*"), one.strip()) for one in rest)
        for line in (line.strip() for line in wanted)
        if line != "..."
    )


def _output(lines: list[str], folder: Path, engine: engine_room.Engine) -> str:
    """What a shell prints that runs the lines in a folder."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
    result = subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        cwd=folder,
        env={
            **environment,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)]),
            "ZONEWRIGHT_PULUMI": str(engine.pulumi),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=540,
        check=False,
    )
    return result.stdout


def _warm(folder: Path) -> str:
    """Lines of shell that let what follows the set-up run in processes whose imports are done, and save once."""
    (folder / "warm").mkdir()
    command = folder / "warm" / "zonewright"
    command.write_text(f'#!/bin/sh\nexec {warm_python().path()} -m zonewright.cli "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    return "\n".join(
        f"export {name}={value}"
        for name, value in {
            "PATH": f"{folder / 'warm'}:$PATH",
            **warm_python().variables(),
            # On a file backend the state is saved after every step: quadratic in the size of a stack.
            "PULUMI_SKIP_CHECKPOINTS": "true",
            "PULUMI_EXPERIMENTAL": "true",
        }.items()
    )
