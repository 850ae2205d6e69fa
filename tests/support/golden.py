"""Committed outputs that a run must repeat byte for byte."""

import os
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "golden"
UPDATE = "ZONEWRIGHT_UPDATE_GOLDEN"


def golden(name: str) -> str:
    """The text of a golden file, by its path below ``tests/golden``."""
    return (FOLDER / name).read_text(encoding="utf-8")


def compare_golden(name: str, text: str) -> None:
    """Assert that a text is its golden file's; with ``ZONEWRIGHT_UPDATE_GOLDEN`` set, write it first."""
    path = FOLDER / name
    if os.environ.get(UPDATE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == golden(name)
