"""The commands of all pages are commands of this version, with options that it has."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.zone_project import REPOSITORY
from zonewright.cli import parser

PAGES = sorted([*REPOSITORY.glob("docs/**/*.md"), REPOSITORY / "README.md", REPOSITORY / "SECURITY.md"])
MENTION = re.compile("arguments are required|expected one argument")
"""What a sentence may leave out where it only mentions an option, as in `zonewright render --validate`."""


def commands(text: str) -> Iterator[tuple[list[str], bool]]:
    """Each `zonewright` command of a page, without what a shell does, and whether it is one of a block.

    Lines of a block are commands, or those after a prompt where it shows output too; of a sentence, those with options.
    """
    parts = re.split(r"^ *```(.*)\n", text, flags=re.MULTILINE)  # prose, language, block, what ends it, prose...
    blocks = list(zip(parts[1::4], parts[2::4], strict=True))
    lines = "\n".join(block for language, block in blocks if language in ("", "sh")).replace("\\\n", " ").splitlines()
    lines += re.findall(r"^ *\$ (zonewright .*)$", "\n".join(block for _, block in blocks), flags=re.MULTILINE)
    named = re.findall(r"`(zonewright [^`]+)`", "".join(parts[::4]))
    found = [(line.strip(), True) for line in lines] + [(" ".join(one.split()), False) for one in named if " --" in one]
    for line, is_whole in found:
        if line.startswith("zonewright "):
            words = shlex.split(line, comments=True)
            end = next((at for at, word in enumerate(words) if word in (">", "&", "|", "||", "&&")), None)
            yield words[1:end], is_whole


def test_each_command_of_a_page_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The parser of the command line takes each with the words that it has there."""
    whole, refused, seen = parser(), [], 0
    for page in PAGES:
        for words, is_whole in commands(page.read_text(encoding="utf-8")):
            seen += 1
            try:
                whole.parse_args(words)
            except SystemExit:
                said = capsys.readouterr().err
                if is_whole or not MENTION.search(said):
                    refused.append(f"{named(page)}: {' '.join(words)}: {said.strip().splitlines()[-1]}")
    assert refused == []
    assert seen > 150


def named(page: Path) -> str:
    """A page as people call it."""
    return page.relative_to(REPOSITORY).as_posix()
