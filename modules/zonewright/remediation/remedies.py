"""What brings each switch to what was rendered for it, by the dialect of its file."""

from collections.abc import Mapping, Sequence

from zonewright.remediation import eos_lines, sonic_patch
from zonewright.remediation.remedy import Remedy, RunningConfigurationError

SUFFIXES: Mapping[str, str] = {".cfg": "eos", ".json": "sonic"}
"""Dialect by the suffix of a file's name."""


def remedies(
    running: Mapping[str, str], intended: Mapping[str, Sequence[str]], *, is_whole: bool = False
) -> tuple[Remedy, ...]:
    """What is to be done at each switch whose configuration is given, in order of name.

    Args:
        running: what runs, by name of the file: the switch's id and the suffix of its dialect.
        intended: the files that were rendered for a switch by the same name, the site's and those of parties.
        is_whole: whether these are all files of the switch, so that what is in none of them may go.

    Raises:
        RunningConfigurationError: names everything that cannot be compared.
    """
    faults: list[str] = []
    found: list[Remedy] = []
    for name, text in sorted(running.items()):
        switch, _, suffix = name.rpartition(".")
        dialect = SUFFIXES.get(f".{suffix}")
        if dialect is None:
            faults.append(f"{name}: expected the switch's id with .cfg (lines of EOS) or .json (tables of SONiC)")
        elif not intended.get(name):
            known = ", ".join(sorted(intended)) or "none"
            faults.append(f"{name}: no file was rendered for this switch; there are files for {known}")
        else:
            make = eos_lines.remedy if dialect == "eos" else sonic_patch.remedy
            try:
                found.append(make(switch, text, intended[name], is_whole=is_whole))
            except RunningConfigurationError as error:
                faults += [f"{name}: {fault}" for fault in error.sentences]
    if faults:
        raise RunningConfigurationError(*faults)
    return tuple(found)
