"""What is written by others is read in time that is in proportion to it, however it was written to take long."""

import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from zonewright.audit.diff.blocks_tree import named_blocks
from zonewright.audit.diff.series import counted
from zonewright.audit.diff.trees import tree_changes
from zonewright.declare.schema.fixes import better_text
from zonewright.estate.clusters import NUMBERED
from zonewright.render.network.firewall import read_firewall

READERS: dict[str, tuple[Callable[[str], object], str]] = {
    "comments that do not end": (lambda text: tree_changes("a/kea/x.conf", text, "{}"), "/* "),
    "texts that do not end": (lambda text: tree_changes("a/kea/x.conf", f'"{text}', "{}"), '\\"'),
    "comments of named": (named_blocks, "/* "),
    "texts of named": (lambda text: named_blocks(f'"{text}'), '\\"'),
    "letters that are digits": (lambda text: counted([text]), "a"),
    "spaces of a wrong text": (lambda text: better_text(f"{text}x\0", {}), " "),
    "sets of a firewall": (lambda text: read_firewall(text * 5), "\tset a {"),
    "elements of a set": (lambda text: read_firewall(f"\tset a {{\n{text * 5}\t}}"), "\t\telements = {\n"),
    "chains of a firewall": (
        lambda text: read_firewall(text * 5),
        "\tchain a {\n\t\ttype filter hook a priority filter; policy drop;\n",
    ),
    "noughts of a name": (lambda text: NUMBERED.match(f"{text}x"), "0"),
}


def seconds(read: Callable[[str], object], text: str) -> float:
    """Processor time of reading it once; that it is wrong is no matter here."""
    begin = time.process_time()
    with suppress(ValueError):
        read(text)
    return time.process_time() - begin


@pytest.mark.parametrize("name", READERS)
def test_a_text_of_twenty_kilobytes_is_read_in_no_time(name: str) -> None:
    """Each of these took one to ten seconds while its pattern began anew at every character."""
    read, part = READERS[name]
    assert seconds(read, part * (20_000 // len(part))) < 0.5
