"""Differences that are the same but for what is each file's own are one: shown once, with the list of their files.

What is equal is the whole difference: the lines that change, those around them and the blocks that they stand in. So a
line that comes into another chain, or an address that is not the node's own, makes a file stand alone.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from zonewright.audit.diff.differences import DiffKind, FileDiff, file_diff, split_lines
from zonewright.audit.diff.owned import Owned, OwnValue, folder_of, masked, own_values
from zonewright.model.canonical import canonical_json, digest_of

CODE_LENGTH = 12
_MOST_AT_EDGES = 8
"""Larger classes are looked at again, each file of them, only in so many tries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMember:
    """One file of a group.

    Attributes:
        path: its path.
        before: digest of its text before, empty where there was none.
        after: digest of its text now, empty where there is none.
        values: what is its own, where the difference has it: the text by its label.
    """

    path: str
    before: str
    after: str
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffGroup:
    """Files whose differences are the same, but for what is their own.

    Attributes:
        sample: the difference of the first of them.
        own: what is the sample's own.
        members: all of them, in order of path.
        varying: labels of what is each file's own in the difference.
        others: how many files of the same kind and place have another difference.
    """

    sample: FileDiff
    own: tuple[OwnValue, ...]
    members: tuple[GroupMember, ...]
    varying: tuple[str, ...]
    others: int

    @property
    def id(self) -> str:
        """Digest of what it is about: each file with what it was and what it will be."""
        return digest_of(canonical_json([[one.path, one.before, one.after] for one in self.members]))

    @property
    def code(self) -> str:
        """The first characters of its id, for people."""
        return self.id[7 : 7 + CODE_LENGTH]

    @property
    def is_deviation(self) -> bool:
        """Whether most files of the same kind and place have another difference."""
        return self.others > len(self.members)

    @property
    def place(self) -> str:
        """Path below the subject's folder."""
        return below(self.sample.path)


def below(path: str) -> str:
    """The path of a file below its subject's folder."""
    folder = folder_of(path)
    return path[len(folder) + 1 :] if folder else path


def group_differences(
    old: Mapping[str, str], new: Mapping[str, str], *, before: Owned | None = None, after: Owned | None = None
) -> tuple[DiffGroup, ...]:
    """All differences of two trees of files in groups; those with the fewest files first, then in order of path.

    Args:
        old: text by path.
        new: text by path.
        before: what was each subject's own; what is now where nothing is known of before.
        after: what is each subject's own.
    """
    work = _Work(old, new, after or {}, before or {})
    found = work.without_edges(work.merged(work.classes()))
    sizes = Counter(one.family for one in found for _ in one.paths)
    groups = [_group(one, work, sizes[one.family]) for one in found]
    return tuple(sorted(groups, key=lambda one: (len(one.members), one.members[0].path)))


def _group(one: "_Class", work: "_Work", size: int) -> DiffGroup:
    members = [work.member(path, sorted(one.labels, key=_by_label)) for path in sorted(one.paths)]
    columns = zip(*(item.values for item in members), strict=True)
    varying = tuple(values[0][0] for values in columns if len(set(values)) > 1)
    return DiffGroup(
        sample=one.sample,
        own=work.own(one.sample.path),
        members=tuple(
            replace(item, values=tuple(pair for pair in item.values if pair[0] in varying)) for item in members
        ),
        varying=varying,
        others=size - len(members),
    )


@dataclass(slots=True)
class _Class:
    """Files whose differences are equal but for what is their own: the labels of that, and those of lines around."""

    family: tuple[DiffKind, str]
    sample: FileDiff
    paths: list[str]
    labels: frozenset[str]
    around: frozenset[str]
    shape: tuple[object, ...]


class _Work:
    def __init__(self, old: Mapping[str, str], new: Mapping[str, str], after: Owned, before: Owned) -> None:
        self.old, self.new, self.after, self.before = old, new, after, {**after, **before}

    def own(self, path: str) -> tuple[OwnValue, ...]:
        """What was and what is a file's own."""
        return tuple(dict.fromkeys((*own_values(path, self.before), *own_values(path, self.after))))

    def classes(self) -> Iterator[_Class]:
        """Files with equal texts together, so that only one of them is compared line by line."""
        alike: dict[tuple[object, ...], list[str]] = defaultdict(list)
        for path in sorted(self.old.keys() | self.new.keys()):
            if self.old.get(path) != self.new.get(path):
                first, second, moved = self._masked(path, None)
                alike[_place(path, own_values(path, self.after)), first, second, moved].append(path)
        for paths in alike.values():
            path = paths[0]
            yield self._class(file_diff(path, self.old.get(path), self.new.get(path)), paths, None)

    def _masked(self, path: str, only: Collection[str] | None) -> tuple[str | None, str | None, tuple[str, ...]]:
        """Both texts without what is their own, and the labels of which the value is another than before."""
        was, is_ = own_values(path, self.before), own_values(path, self.after)
        if only is not None:
            was, is_ = (tuple(one for one in values if one.label in only) for values in (was, is_))
        one, two = self.old.get(path), self.new.get(path)
        first, labels = masked(one, was) if one is not None else (None, frozenset[str]())
        second, more = masked(two, is_) if two is not None else (None, frozenset[str]())
        return first, second, _moved(was, is_, labels | more) if one is not None and two is not None else ()

    def _class(self, sample: FileDiff, paths: Sequence[str], only: Collection[str] | None) -> _Class:
        first, second, moved = self._masked(sample.path, only)
        known = frozenset(one.label for one in self.own(sample.path))
        labels, around, shape = _shape(sample, first, second)
        place = _place(sample.path, own_values(sample.path, self.after))
        return _Class(
            family=(sample.kind, place),
            sample=sample,
            paths=list(paths),
            labels=labels & known,
            around=around & known,
            shape=(sample.kind, place, moved, shape),
        )

    def merged(self, classes: Iterable[_Class]) -> list[_Class]:
        """Classes whose differences are equal, where what is far from them is not."""
        found: dict[tuple[object, ...], _Class] = {}
        for one in classes:
            if one.shape in found:
                found[one.shape].paths += one.paths
            else:
                found[one.shape] = one
        return list(found.values())

    def without_edges(self, classes: Sequence[_Class]) -> list[_Class]:
        """Classes, without those that differ from a larger one only because a shared value is one file's own, too.

        So is the first address of a range that stands in every file the own address of one node.
        """
        kept: dict[tuple[object, ...], _Class] = {}
        used: dict[tuple[DiffKind, str], dict[frozenset[str], None]] = defaultdict(dict)
        for one in sorted(classes, key=lambda item: -len(item.paths)):
            larger = self._larger(one, kept, used[one.family]) if len(one.paths) <= _MOST_AT_EDGES else None
            if larger is not None:
                larger.paths += one.paths
                continue
            kept[one.shape] = one
            used[one.family][one.labels | one.around] = None
        return list(kept.values())

    def _larger(
        self, one: _Class, kept: Mapping[tuple[object, ...], _Class], used: Iterable[frozenset[str]]
    ) -> _Class | None:
        mine = one.labels | one.around
        for labels in [other for other in used if other < mine][:_MOST_AT_EDGES]:
            shapes = {
                self._class(file_diff(path, self.old.get(path), self.new.get(path)), [path], labels).shape
                for path in one.paths
            }
            if len(shapes) == 1 and (shape := shapes.pop()) in kept:
                return kept[shape]
        return None

    def member(self, path: str, labels: Sequence[str]) -> GroupMember:
        """A file of a group with the values of these labels."""
        old, new = self.old.get(path), self.new.get(path)
        was, is_ = ({one.label: one.text for one in own_values(path, known)} for known in (self.before, self.after))
        was, is_ = is_ if old is None else was, was if new is None else is_
        pairs = ((label, was.get(label, ""), is_.get(label, "")) for label in labels)
        return GroupMember(
            path=path,
            before="" if old is None else digest_of(old),
            after="" if new is None else digest_of(new),
            values=tuple((label, two if one == two else f"{one} -> {two}") for label, one, two in pairs),
        )


def _place(path: str, values: tuple[OwnValue, ...]) -> str:
    """The kind of subject and the path below its folder, without what is the subject's own."""
    return f"{path.partition('/')[0] if folder_of(path) else ''} {masked(below(path), values)[0]}"


def _moved(was: Sequence[OwnValue], is_: Sequence[OwnValue], labels: Collection[str]) -> tuple[str, ...]:
    """Labels whose value is another than before: there a line differs that is equal in files of which it is not."""
    before = {one.label: one.text for one in was}
    return tuple(one.label for one in is_ if one.label in labels and before.get(one.label) != one.text)


def _shape(sample: FileDiff, old: object, new: object) -> tuple[frozenset[str], frozenset[str], str]:
    """Labels in the lines that change and in those around them, and the difference without what is its own."""
    one, two = split_lines(None if old is None else str(old)), split_lines(None if new is None else str(new))
    lines: list[str] = []
    for hunk in sample.hunks():
        lines.append("@@")
        first = next((block for block in hunk if block.tag != "equal"), hunk[0])
        lines += _around(two if sample.kind != "removed" else one, first.j1 if sample.kind != "removed" else first.i1)
        for block in hunk:
            if block.tag == "equal":
                lines += [f" {line}" for line in two[block.j1 : block.j2]]
            else:
                lines += [f"-{line}" for line in one[block.i1 : block.i2]]
                lines += [f"+{line}" for line in two[block.j1 : block.j2]]
    within, around = (
        frozenset(label for line in lines if (line[0] in "-+") == is_changed for label in line.split("\0")[1::2])
        for is_changed in (True, False)
    )
    return within, around, "\n".join(lines)


_ORDER = ("name", "party", "rack", "unit")


def _by_label(label: str) -> tuple[int, str]:
    return _ORDER.index(label) if label in _ORDER else len(_ORDER), label


def _around(lines: Sequence[str], at: int) -> list[str]:
    """The lines of the blocks that a line stands in, by indentation, the nearest first."""
    found: list[str] = []
    depth = next((_depth(line) for line in lines[at : at + 1] if line.strip()), 10**6)
    for line in reversed(lines[:at]):
        if not depth:
            break
        if line.strip() and _depth(line) < depth:
            found.append(f"@{line}")
            depth = _depth(line)
    return found


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())
