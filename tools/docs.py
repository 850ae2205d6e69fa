"""Build the documentation as a site with search and versions, and fail where a link leads nowhere.

    python tools/docs.py [--output SITE]        SITE/<version>/ and SITE/versions.json (default: build/site)
    python tools/docs.py --check                build it, and keep nothing

The pages are those of ``docs/``, as people read them on a code host. The README is the first page; SECURITY, CHANGELOG
and CONTRIBUTING are pages too. Versions that are in SITE already stay there, and each page offers them.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from zonewright import __version__

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "SECURITY.md": "about/security.md",
    "CHANGELOG.md": "about/changelog.md",
    "CONTRIBUTING.md": "about/contributing.md",
}
"""Pages of the repository's root, and where they are on the site."""
LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)#\s]+)")
ITEM = re.compile(r"(?:[-*]|[0-9]+\.) +")


def home() -> str:
    """Where the repository can be read, as the package says it."""
    found = re.search(r'^Repository = "([^"]+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        sys.exit("error: pyproject.toml: Repository is missing in [project.urls]")
    return found[1]


def moved(text: str, source: str, target: str) -> str:
    """A page whose links lead where they led, from its place on the site; what is no page is in the repository."""

    def of(found: re.Match[str]) -> str:
        path = (ROOT / source).parent.joinpath(found[1]).resolve()
        if not path.is_relative_to(ROOT):
            return found[0]
        name = path.relative_to(ROOT).as_posix()
        there = PAGES.get(name) or (name.removeprefix("docs/") if name.startswith("docs/") else "")
        if not there:
            return f"{home()}/{name}"
        return "../" * target.count("/") + there

    return LINK.sub(of, text)


def indented(text: str) -> str:
    """A page whose lists are indented by four columns: Python-Markdown wants that, and CommonMark does not."""
    lines, width = [], 0
    for line in text.split("\n"):
        inside = width and line.startswith(" " * width)
        if not inside and line:
            marker = ITEM.match(line)
            width = len(marker[0]) if marker else 0
        lines.append(" " * (4 - width) + line if inside and width < 4 else line)  # noqa: PLR2004 - the four of above
    return "\n".join(lines)


def lay_out(folder: Path) -> None:
    """Write all pages of the site, and what they show."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder)

    pages = {
        f"docs/{page.relative_to(folder).as_posix()}": page.relative_to(folder).as_posix()
        for page in folder.rglob("*.md")
    }
    for source, target in (pages | PAGES).items():
        text = (ROOT / source).read_text(encoding="utf-8")
        (folder / target).parent.mkdir(exist_ok=True)
        (folder / target).write_text(indented(moved(text, source, target)), encoding="utf-8")


def built(folder: Path) -> Path:
    """The site of this version, built in a folder; what zensical warns of ends all."""
    lay_out(folder / "build" / "docs")
    shutil.copy(ROOT / "zensical.toml", folder)
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr if "is set" not in done.stderr else done.stderr.partition("Traceback ")[0]
        plain = re.sub("\x1b\\[[0-9;]*m", "", f"{done.stdout}{said}")
        sys.exit(f"{plain}\nerror: the site has faults, see above")
    return folder / "build" / "site"


def add_version(site: Path, output: Path) -> None:
    """Put a version beside others; the newest one is where a reader without a version is led."""
    target = output / __version__
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(site, target)
    found = [path.parent.name for path in output.glob("*/index.html")]
    ordered = sorted(found, key=lambda name: [int(part) for part in re.findall("[0-9]+", name)], reverse=True)
    listed = [{"version": name, "title": name, "aliases": ["latest"] if name == ordered[0] else []} for name in ordered]
    (output / "versions.json").write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")
    forward = f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={ordered[0]}/">'
    (output / "index.html").write_text(
        f'{forward}<a href="{ordered[0]}/">zonewright {ordered[0]}</a>\n', encoding="utf-8"
    )


def main() -> int:
    """Build or check; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="build it, and keep nothing")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "site", help="of all versions")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="zonewright-docs-") as temporary:
        site = built(Path(temporary))
        if not given.check:
            add_version(site, given.output)
            print(f"built {given.output / __version__}; look at it there by python3 -m http.server")
    return 0


if __name__ == "__main__":
    sys.exit(main())
