"""Make the pictures of the documentation from the real thing: a map, a terminal, a page that an approver reads.

    python tools/pictures.py        writes docs/pictures; needs chromium (Debian package) for the page

The map is what ``zonewright zone show --svg`` draws of the reference zone. The terminal is what ``zonewright check``
says of its faulty copy. The page is ``zonewright change report`` of a bundle that the tests keep, in a browser.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
COLUMNS, LINES = 100, 24
WIDE, HIGH = 1000, 900
MAX_BYTES = 200_000
ZONEWRIGHT = Path(sys.executable).with_name("zonewright")
# As that of rich, without a font from another host, which a reader's browser would ask for.
TERMINAL = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img"
 aria-label="zonewright check of a faulty zone, in a terminal">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
 font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def told(*words: str) -> str:
    """What a command says on a terminal of some columns, with its colours."""
    script = shutil.which("script")
    if script is None:
        sys.exit("error: script is missing (Debian package bsdutils)")
    command = f"stty cols {COLUMNS}; {ZONEWRIGHT} {' '.join(words)}"
    environment = {**os.environ, "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    done = subprocess.run(
        [script, "-qec", command, "/dev/null"], cwd=ROOT, env=environment, capture_output=True, check=False
    )
    return done.stdout.decode().replace("\r\n", "\n")


def terminal() -> str:
    """The faulty copy of the reference zone, checked: the first lines, and the last."""
    words = ("check", "stacks/zones/reference-faulty")
    lines = told(*words).rstrip("\n").split("\n")
    end = max(number for number, line in enumerate(lines[: LINES - 3]) if not line)  # whole findings only
    shown = [*lines[:end], "", "...", "", *lines[-1:]]
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True, color_system="standard")
    console.print(Text.from_ansi("\n".join([f"$ zonewright {' '.join(words)}", *shown])))
    return console.export_svg(
        title="zonewright check of a faulty zone", theme=DEFAULT_TERMINAL_THEME, code_format=TERMINAL, unique_id="check"
    )


def report(folder: Path, path: Path) -> None:
    """The page on a change, as a browser shows it."""
    page = folder / "report.html"
    bundle = ROOT / "tests" / "fixtures" / "version-1" / "change.tar"
    subprocess.run([ZONEWRIGHT, "change", "report", bundle, "--output", page], check=True, stdout=subprocess.DEVNULL)
    browser = next((found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), None)
    if browser is None:
        sys.exit("error: chromium is missing (Debian package chromium)")
    size, shot = f"--window-size={WIDE},{HIGH}", f"--screenshot={path}"
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", size, shot, page.as_uri())
    subprocess.run([browser, *options], check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def main() -> int:
    """Write all pictures; gives the exit code."""
    PICTURES.mkdir(exist_ok=True)
    drawn = ("zone", "show", "stacks/zones/reference", "--svg", PICTURES / "map.svg")
    subprocess.run([ZONEWRIGHT, *drawn], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (PICTURES / "terminal.svg").write_text(terminal(), encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="zonewright-pictures-") as temporary:
        report(Path(temporary), PICTURES / "report.png")
    sizes = {path.name: path.stat().st_size for path in sorted(PICTURES.iterdir())}
    print(", ".join(f"{name} {size:,} bytes" for name, size in sizes.items()))
    if sum(sizes.values()) > MAX_BYTES:
        sys.exit(f"error: all pictures have {sum(sizes.values()):,} bytes, expected at most {MAX_BYTES:,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
