"""The documentation is true: generated pages are up to date, links lead somewhere, everything is named."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from support.warm_python import warm_python
from support.zone_project import REPOSITORY
from zonewright.rules.registry import RULES

PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])


def test_generated_pages_are_up_to_date() -> None:
    """What the reference says of commands, settings, resources and verbs is what the code has."""
    command = [warm_python().path(), "-u", str(REPOSITORY / "tools" / "generate_reference.py")]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_to_files(page: Path) -> None:
    """Each relative link of a page leads to a file of the repository."""
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []


def test_every_page_is_on_the_site_and_every_how_to_on_their_list() -> None:
    """The site's navigation names each page of docs once, and the list of how-to pages each of them."""
    site = tomllib.loads((REPOSITORY / "zensical.toml").read_text(encoding="utf-8"))["project"]
    named = re.findall(r"'((?:tutorial|how-to|reference|explanation)/[^']+)'", str(site["nav"]))
    docs = REPOSITORY / "docs"
    assert sorted(named) == sorted(page.relative_to(docs).as_posix() for page in docs.rglob("*.md"))
    listed = (docs / "how-to" / "README.md").read_text(encoding="utf-8")
    how_tos = {name for name in named if name.startswith("how-to/")} - {"how-to/README.md"}
    assert [name for name in sorted(how_tos) if f"({name.removeprefix('how-to/')})" not in listed] == []


def test_environment_variables_and_settings_are_documented() -> None:
    """Each variable and setting that the code reads stands in the reference."""
    page = (REPOSITORY / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "modules").rglob("*.py"))
    used = set(re.findall(r"\bZONEWRIGHT_[A-Z_]+\b", sources)) | {"zone:declaration", "zone:ledger", "zone:stackId"}
    assert sorted(name for name in used if f"`{name}`" not in page) == []


def test_the_command_line_starts_without_heavy_imports() -> None:
    """`zonewright --help` loads neither Pulumi nor SQL nor HTTP nor pydantic nor Jinja2."""
    code = (
        "import sys, zonewright.cli; zonewright.cli.parser();"
        "print([m for m in ('pulumi', 'sqlalchemy', 'urllib3', 'pydantic', 'jinja2', 'grpc') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def sentences(text: str) -> list[str]:
    """The prose of a page in sentences: without blocks of code, a link as one word, each cell of a table by itself."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    prose = re.sub(r"`[^`]*`", "code", re.sub(r"\[[^\]]*\]\([^)]*\)", "link", prose))
    parts = re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.)\s)|\s*\|\s*", prose)
    return [sentence for part in parts for sentence in re.split(r"(?<=[.!?:;])\s+", " ".join(part.split()))]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: str(page.relative_to(REPOSITORY))
)
def test_prose_is_plain(page: Path) -> None:
    """No sentence has over 30 words or words that readers stumbled on, on any page but the changelog, a history."""
    found = sentences(page.read_text(encoding="utf-8"))
    assert [one for one in found if len(one.split()) > 30] == []
    assert [one for one in found if re.search(r"\b(can not|anew|whence|for good)\b", one)] == []


def test_the_readme_counts_the_rules() -> None:
    """The number of rules in the README is that of the registry."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert f"with {len(RULES)} rules" in text
