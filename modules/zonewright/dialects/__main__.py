"""Judges the files of a folder: a line for each fault, and exit code 1 where there is one."""

import sys
from pathlib import Path

from zonewright.dialects import eos, redfish, sonic

_JUDGES = {"eos": (eos.faults, ".cfg"), "redfish": (redfish.faults, ".json"), "sonic": (sonic.faults, ".json")}


def main(arguments: list[str]) -> int:
    """Judge the files of one dialect.

    Args:
        arguments: the dialect, and the folder.
    """
    dialect, folder = arguments
    faults, suffix = _JUDGES[dialect]
    root, told = Path(folder), 0
    for path in sorted(root.rglob(f"*{suffix}")):
        for line, what in faults(path.read_text(encoding="utf-8")):
            sys.stdout.write(f"{path.relative_to(root.parent)}:{line}: {what}\n")
            told += 1
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
