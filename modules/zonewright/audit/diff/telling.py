"""A group of equal differences in words: how many lines in how many files, what varies, and each file's name."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from zonewright.audit.diff.grouping import DiffGroup, below
from zonewright.audit.diff.owned import folder_of
from zonewright.audit.diff.series import names_text
from zonewright.rules.words import count_of


def sentence(group: DiffGroup) -> str:
    """What a group of more than one file has in common, such as ``the same 6 lines in 300 files, but for name``."""
    lines = count_of(sum(group.sample.changed_lines()), "line")
    return f"the same {lines} in {count_of(len(group.members), 'file')}{but_for(group.varying)}"


def but_for(labels: Sequence[str]) -> str:
    """What varies between the files; empty where nothing does."""
    *rest, last = dict.fromkeys("addresses" if label.startswith("address") else label for label in labels) or ("",)
    return f", but for {', '.join(rest)} and {last}" if rest else f", but for {last}" if last else ""


def deviation(group: DiffGroup) -> str:
    """That most files of the same kind and place have another difference; empty where they have not."""
    if not group.is_deviation:
        return ""
    what = f"{count_of(group.others, 'other file')} {group.sample.kind} at the same place"
    return f"differs from {what}"


def names_by_folder(group: DiffGroup) -> Iterator[tuple[str, list[str]]]:
    """Its files by the folder above their subjects: the subjects' names, or paths where they have none.

    Where a subject has several of them, the files' own names stand below its folder.
    """
    found: dict[str, list[str]] = defaultdict(list)
    folders = Counter(folder_of(member.path) for member in group.members)
    for member in group.members:
        folder = folder_of(member.path)
        above, _, name = folder.rpartition("/")
        if folder and folders[folder] > 1:
            found[folder].append(member.path.rpartition("/")[2])
        else:
            found[above].append(name or member.path)
    yield from found.items()


def files_line(group: DiffGroup) -> str:
    """All files of a group in one line, none left out."""
    parts = (f"{f'{above}: ' if above else ''}{names_text(names)}" for above, names in names_by_folder(group))
    return "; ".join(parts)


def place_of(group: DiffGroup) -> str:
    """The path of a single file, or the path below the subject's folder that all files of a group have."""
    path = group.sample.path
    return path if len(group.members) == 1 else below(path)
