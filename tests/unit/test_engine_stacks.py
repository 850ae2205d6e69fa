"""What a kill left of a state on a backend of files is put right, whether the engine packs its files or not."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from zonewright.engine.stacks import PulumiStack

GOOD = b'{"version": 3}'


@pytest.fixture(name="stack")
def _stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PulumiStack:
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n", encoding="utf-8")
    (tmp_path / ".pulumi" / "stacks" / "p").mkdir(parents=True)
    monkeypatch.setattr(PulumiStack, "variables", lambda _stack: {"PULUMI_BACKEND_URL": f"file://{tmp_path}"})
    return PulumiStack(None, tmp_path, "a")  # type: ignore[arg-type]  # nothing here asks for the engine


@pytest.mark.parametrize(("end", "packed"), [("json", bytes), ("json.gz", gzip.compress)])
@pytest.mark.parametrize("torn", [b"", b"{", gzip.compress(GOOD, mtime=0)[:-9]])
def test_a_torn_state_gives_way_to_the_one_before(
    stack: PulumiStack, end: str, packed: Callable[[bytes], bytes], torn: bytes
) -> None:
    """The backup takes the state's place, and what was there is kept; a whole state is left as it is."""
    state = stack.root / ".pulumi" / "stacks" / "p" / f"a.{end}"
    state.write_bytes(packed(GOOD))
    state.with_name(f"{state.name}.bak").write_bytes(packed(GOOD))
    assert stack.restore() is None
    state.write_bytes(torn)
    broken = stack.restore()
    assert broken is not None
    assert (broken.read_bytes(), state.read_bytes()) == (torn, packed(GOOD))


@pytest.mark.parametrize("end", ["json", "json.gz"])
def test_torn_attributes_are_dropped(stack: PulumiStack, end: str) -> None:
    """Beside a packed state they have another name."""
    state = stack.root / ".pulumi" / "stacks" / "p" / f"a.{end}"
    state.write_bytes(GOOD)
    torn, whole = (state.with_name(f"{state.name}{name}") for name in (".attrs", ".bak.attrs"))
    torn.write_bytes(b"")
    whole.write_bytes(b"{}")
    assert stack.drop_torn_attributes() == [torn]
    assert (torn.exists(), whole.exists()) == (False, True)


def test_of_two_states_the_newer_one_counts(stack: PulumiStack) -> None:
    """After the setting was changed the engine has both files, and so has what is put right."""
    older, newer = (stack.root / ".pulumi" / "stacks" / "p" / f"a.{end}" for end in ("json", "json.gz"))
    for path, moment in ((older, 1), (newer, 2)):
        path.write_bytes(b"")
        os.utime(path, (moment, moment))
        path.with_name(f"{path.name}.bak").write_bytes(GOOD)
    broken = stack.restore()
    assert broken is not None
    assert broken.name.startswith("a.json.gz")
