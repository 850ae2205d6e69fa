"""The commands of the pages on the service are commands of this version, with options that it has."""

import re
import shlex
from collections.abc import Iterator

import pytest

from support.zone_project import REPOSITORY
from zonewright.cli import parser

PAGES = (
    "run-the-service",
    "onboard-a-tenant",
    "offer-racks",
    "audit-a-change",
    "verify-the-journal",
    "give-access",
    "run-a-ledger-on-postgresql",
)


def commands(text: str) -> Iterator[list[str]]:
    """Each `zonewright` command of a page, in a block, or in a sentence with its options; without what a shell does."""
    parts = re.split(r"^ *```(.*)\n", text, flags=re.MULTILINE)  # prose, language, block, what ends it, prose...
    blocks = [block for language, block in zip(parts[1::4], parts[2::4], strict=True) if language in ("", "sh")]
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    named = re.findall(r"`(zonewright [^`]+)`", "".join(parts[::4]))
    lines += [" ".join(one.split()) for one in named if " --" in one]
    lines = [line.strip() for line in lines if line.strip().startswith("zonewright ")]
    for line in lines:
        words = shlex.split(line, comments=True)
        yield words[1 : words.index(">") if ">" in words else None]


@pytest.mark.parametrize("page", PAGES)
def test_each_command_of_a_page_is_one(page: str) -> None:
    """The parser of the command line takes it with the words that it has there."""
    text = (REPOSITORY / "docs" / "how-to" / f"{page}.md").read_text(encoding="utf-8")
    found = list(commands(text))
    assert found
    refused = []
    for words in found:
        try:
            parser(words).parse_args(words)
        except SystemExit:
            refused.append(" ".join(words))
    assert refused == []
