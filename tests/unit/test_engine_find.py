"""Finding an engine that is there: which one is taken, and what is said of those that are not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from zonewright import engine
from zonewright.engine import Version, find


def fake(folder: Path, *, version: str = "v3.259.0", host: bool = True, status: int = 0) -> Path:
    """Make a folder with a `pulumi` that says it is some version."""
    folder.mkdir(parents=True, exist_ok=True)
    command = folder / "pulumi"
    command.write_text(f"#!/bin/sh\necho '{version}'\nexit {status}\n", encoding="utf-8")
    command.chmod(0o755)
    if host:
        (folder / find.HOST).write_text("#!/bin/sh\n", encoding="utf-8")
        (folder / find.HOST).chmod(0o755)
    return command


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("v3.259.0", True),
        ("3.259.0", True),
        ("v3.300.1", True),
        ("v3.260.0-dev.123+abc", True),
        ("v3.259.0-alpha.1", False),
        ("v3.258.9", False),
        ("v4.0.0", False),
        ("v4.0.0-alpha", False),
    ],
)
def test_accepted_versions(text: str, *, accepted: bool) -> None:
    """Versions from 3.259.0 up to, but without, 4 are accepted; a pre-release stands before its release."""
    version = Version.parse(text)
    assert version is not None
    assert version.accepted is accepted


@pytest.mark.parametrize("text", ["", "3.259", "pulumi 3.259.0", "v3.259.0 extra"])
def test_no_version(text: str) -> None:
    """Text that is not a version is not read as one."""
    assert Version.parse(text) is None


@pytest.mark.parametrize("place", [".", "bin"])
def test_named_folder(tmp_path: Path, place: str) -> None:
    """The variable may name the command, its folder, or a folder with `bin` in it."""
    command = fake(tmp_path / place)
    assert find.named(str(tmp_path), "").pulumi == command
    assert find.named(str(command), "").pulumi == command


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda _: None, "expected an executable file or a folder, found none"),
        (lambda folder: folder.mkdir(), "expected a folder with pulumi in it, found none"),
        (lambda folder: fake(folder, version="v3.1.0"), "is version 3.1.0, expected >= 3.259.0, < 4"),
        (lambda folder: fake(folder, host=False), "has no pulumi-language-python beside it or on PATH"),
        (lambda folder: fake(folder, version="hello"), "'pulumi version' ended with 0 and printed 'hello'"),
        (lambda folder: fake(folder, status=3), "'pulumi version' ended with 3 and printed 'v3.259.0'"),
    ],
)
def test_bad_named_engine_is_refused(tmp_path: Path, prepare: Callable[[Path], object], sentence: str) -> None:
    """A named engine that cannot be used is an error with the variable's name, also when PATH has a good one."""
    named = tmp_path / "named"
    prepare(named)
    good = fake(tmp_path / "good").parent
    # The good one's language host must not be lent to the named one here.
    path = "" if "language" in sentence else str(good)
    with pytest.raises(engine.EngineError) as caught:
        engine.ensure(environment={"ZONEWRIGHT_PULUMI": str(named), "PATH": path, "HOME": str(tmp_path)})
    assert f"ZONEWRIGHT_PULUMI is '{named}'" in str(caught.value)
    assert sentence in str(caught.value)


def test_not_a_program(tmp_path: Path) -> None:
    """A file that cannot be executed by the kernel is a sentence."""
    command = fake(tmp_path)
    command.write_bytes(b"\x00\x01")
    with pytest.raises(engine.EngineError, match="does not start: "):
        find.inspect(command, "")


def test_language_host_elsewhere_on_path(tmp_path: Path) -> None:
    """A language host that is on PATH but not beside `pulumi` is enough, and both folders are given."""
    command = fake(tmp_path / "one", host=False)
    host = fake(tmp_path / "two").parent
    found = find.on_path(f"{command.parent}:{host}")
    assert found.folders == (command.parent, host)


def test_language_host_behind_a_link(tmp_path: Path) -> None:
    """A link to `pulumi`, as package managers make them, is followed to the language host beside the real one."""
    command = fake(tmp_path / "real")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pulumi").symlink_to(command)
    assert find.on_path(str(tmp_path / "bin")).folders == (tmp_path / "bin", tmp_path / "real")
