"""The changelog: one fragment a change, in `changelog.d/SLUG.KIND.md`, which a release makes into one section."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from support.zone_project import REPOSITORY

FOLDER = REPOSITORY / "changelog.d"
KINDS = ("breaking", "security", "added", "changed", "fixed")
MAX_SENTENCES, MAX_CHARACTERS = 2, 400


def faults_of(name: str, text: str) -> list[str]:
    """What is wrong with a fragment, as sentences."""
    faults = []
    if re.fullmatch(rf"[a-z0-9]+(-[a-z0-9]+)*\.({'|'.join(KINDS)})\.md", name) is None:
        faults.append(f"{name}: expected SLUG.KIND.md with a kind of {', '.join(KINDS)}; rename it")
    body = text.removesuffix("\n")
    if not body or "\n\n" in body or body != body.strip() or body.startswith(("-", "*", "#")):
        faults.append(f"{name}: expected one paragraph without a bullet; leave out what surrounds it")
    sentences = len(re.findall(r"[.!?](?=\s|$)", re.sub(r"`[^`]*`", "code", body)))
    if not body.endswith(".") or not 1 <= sentences <= MAX_SENTENCES or len(body) > MAX_CHARACTERS:
        faults.append(
            f"{name}: expected one or two sentences of at most {MAX_CHARACTERS} characters that end with a full stop, "
            f"got {sentences} in {len(body)}; say what a user notices, and no more"
        )
    return faults


def test_fragments_are_read_in_a_glance() -> None:
    """Each fragment has a known kind and is one or two sentences."""
    fragments = sorted(path for path in FOLDER.iterdir() if path.name != "page.md.jinja")
    assert [fault for path in fragments for fault in faults_of(path.name, path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("a-change.fixed.md", "A thing works. So does `a.b c.` now.\n", 0),
        ("a-change.feature.md", "A thing works.\n", 1),
        ("A Change.md", "A thing works.\n", 1),
        ("a.fixed.md", "", 2),
        ("a.fixed.md", "- A thing works.\n", 1),
        ("a.fixed.md", "A thing works\n", 1),
        ("a.fixed.md", "One. Two. Three.\n", 1),
        ("a.fixed.md", "One.\n\nTwo.\n", 1),
        ("a.fixed.md", f"{'x' * MAX_CHARACTERS}.\n", 1),
    ],
)
def test_a_fragment_that_is_none_is_told(name: str, text: str, count: int) -> None:
    """An unknown kind, a list, a missing or a third sentence, and a text that is too long are each found."""
    assert len(faults_of(name, text)) == count


def test_a_release_sorts_fragments_by_who_cares(tmp_path: Path) -> None:
    """The new section stands above the history, its kinds in order, and the history keeps every byte."""
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    shutil.copy(REPOSITORY / "CHANGELOG.md", tmp_path)
    folder = tmp_path / FOLDER.name
    folder.mkdir()
    shutil.copy(FOLDER / "page.md.jinja", folder)
    for kind in reversed(KINDS):
        (folder / f"one.{kind}.md").write_text(f"What is {kind},\nin two lines.\n", encoding="utf-8")
    command = [sys.executable, "-m", "towncrier", "build", "--yes", "--version", "9.9.9", "--date", "2031-02-03"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    marker = "<!-- releases -->\n\n"
    head, _, history = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8").partition(marker)
    sections = "\n".join(f"### {kind.capitalize()}\n\n- What is {kind},\n  in two lines.\n" for kind in KINDS)
    expected = f"{head}{marker}## 9.9.9 - 2031-02-03\n\n{sections}\n{history}"
    assert (tmp_path / "CHANGELOG.md").read_text(encoding="utf-8") == expected
    assert [path.name for path in folder.iterdir()] == ["page.md.jinja"], "what was told once is told"


def test_the_settings_name_the_same_kinds() -> None:
    """What builds the page and what checks the fragments agree on the kinds and on their order."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["towncrier"]
    assert tuple(kind["directory"] for kind in settings["type"]) == KINDS
