"""Where a finding stands in the files of a checkout, for programs that show it there."""

import re
from pathlib import PurePath
from typing import NamedTuple

from zonewright.rules.finding import Finding

_WHERE = re.compile(r"(?P<file>[^:\n]+\.ya?ml):(?P<line>[1-9][0-9]*)")


class Spot(NamedTuple):
    """A file, relative to where the command runs, and a line counted from 1; 0 where no line is known."""

    file: str
    line: int


def spot_of(finding: Finding, folder: str) -> Spot | None:
    """The file and line that a finding names; None where it names a path of the declaration only."""
    found = _WHERE.fullmatch(finding.where)
    return Spot(in_folder(folder, found["file"]), int(found["line"])) if found else None


def in_folder(folder: str, file: str) -> str:
    """The path of a zone's file, with forward slashes."""
    return (PurePath(folder) / file).as_posix() if folder else PurePath(file).as_posix()
