"""The glossary defines each word once, in order, and speaks only of what exists."""

import re
from functools import cache

from tools.generate_reference import glossary, glossary_page

from support.zone_project import REPOSITORY

ENTRIES = glossary()
KEYS = {"term", "meaning", "here", "known_as"}
# The words of the design that code, command line, docs and messages use.
WORDS = {
    "admission", "approval", "asset", "baseline", "bore", "boundary", "change", "claim", "cluster", "completion",
    "demand", "design PUE", "district", "duct", "enrolment", "energy quota", "facility operator", "finding",
    "holder", "interim PUE", "journal", "lease", "ledger", "level", "link", "meter", "metering point",
    "network operator", "node", "node type", "party", "plan", "power feed", "power panel", "precondition",
    "proposal", "PUE", "PUE category", "rack", "rack position", "read set", "reservation", "resource", "ring",
    "room", "row", "rule", "rule pack", "site", "SRLG", "stack", "status", "step", "tenant", "verdict", "waiver",
    "zone", "zone administrator",
}  # fmt: skip


@cache
def sources() -> str:
    """All of them."""
    paths = [path for folder in ("modules", "agents") for path in (REPOSITORY / folder).rglob("*.py")]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def test_the_terms_are_sorted_and_unique() -> None:
    """The terms stand in alphabetical order, each of them once, whatever their capitals."""
    terms = [entry["term"].casefold() for entry in ENTRIES]
    assert terms == sorted(set(terms))


def test_every_word_of_the_design_is_defined() -> None:
    """No word that the product uses by design is left without a definition."""
    assert {entry["term"] for entry in ENTRIES} >= WORDS


def test_an_entry_is_one_sentence_with_a_name_and_a_source() -> None:
    """Each entry has one sentence of meaning, and either is ours or says who calls it what."""
    for entry in ENTRIES:
        assert {"term", "meaning", "known_as"} <= entry.keys() <= KEYS, entry
        assert re.fullmatch(r"[A-Z][^.!?]*(\.\w[^.!?]*)*\.", entry["meaning"]), (
            f"one sentence, with a capital and a full stop: {entry}"
        )
        assert "|" not in "".join(entry.values()), entry
        assert re.fullmatch(r"ours|[A-Z\w/ .-]+ `[^`]+`(, [A-Z\w/ .-]+ `[^`]+`)*", entry["known_as"]), entry


def test_the_name_here_exists() -> None:
    """What an entry says things are called here is the name of something in the sources."""
    named = [entry["here"] for entry in ENTRIES if "here" in entry]
    assert named
    for here in named:
        words = here.removeprefix("zone:").split()  # the namespace of the project's settings
        assert all(re.search(rf"(?<!\w){re.escape(word)}", sources()) for word in words), here


def test_the_page_has_each_term_and_the_readme_leads_to_it() -> None:
    """The committed page is the generated one, and the first page that people read links to it."""
    page = (REPOSITORY / "docs" / "reference" / "glossary.md").read_text(encoding="utf-8")
    assert page == glossary_page(), "write it again: python tools/generate_reference.py --write"
    assert all(f"| **{entry['term']}** | {entry['meaning']} |" in page for entry in ENTRIES)
    assert "(docs/reference/glossary.md)" in (REPOSITORY / "README.md").read_text(encoding="utf-8")
