"""Equal differences are one: grouped by what is each file's own, and by nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zonewright.audit.diff.differences import unified
from zonewright.audit.diff.grouping import DiffGroup, group_differences
from zonewright.audit.diff.owned import OwnedValues, OwnValue, hits, masked, node_values
from zonewright.audit.diff.series import counted, names_text, series
from zonewright.audit.diff.telling import files_line, sentence
from zonewright.audit.diff.views import group_data, group_view
from zonewright.audit.diff.words import changed_words
from zonewright.model.rack_position import RackPosition

PATH = "nodes/dc1/web-{:03}/etc/x.conf"


def own(count: int) -> OwnedValues:
    """What is the own of so many nodes."""
    return {
        f"nodes/dc1/web-{n:03}": node_values(
            f"web-{n:03}", RackPosition(f"dc1/a/01/{n:02}", n), {"ipv4": f"10.0.0.{n}/24"}
        )
        for n in range(1, count + 1)
    }


def texts(count: int, text: str) -> dict[str, str]:
    """A file for each node, with its number where the text asks for it."""
    return {PATH.format(n): text.format(n=n) for n in range(1, count + 1)}


def found(old: str, new: str, *, count: int = 12, **more: str) -> tuple[DiffGroup, ...]:
    """The groups of a change of all nodes, some of which (``n3=...``) get another text."""
    after = texts(count, new)
    after |= {PATH.format(int(name[1:])): text for name, text in more.items()}
    return group_differences(texts(count, old), after, after=own(count))


def test_files_that_differ_in_what_is_their_own_are_one() -> None:
    """Name, rack, unit and address of each node may stand in the lines; what varies is named, with its values."""
    text = "host web-{n:03}\nat dc1/a/01/{n:02} U{n}\naddress 10.0.0.{n}/24\nport 1\n"
    (group,) = found(text, text.replace("port 1", "port 2").replace("host", "name"))
    assert len(group.members) == 12
    assert group.varying == ("name",)
    assert sentence(group) == "the same 4 lines in 12 files, but for name"
    assert files_line(group) == "nodes/dc1: web-001 to web-012"
    assert dict(group.members[4].values) == {"name": "web-005"}
    (every,) = group_differences({}, texts(12, text), after=own(12))
    assert sentence(every) == "the same 4 lines in 12 files, but for name, rack, unit and addresses"


@pytest.mark.parametrize(
    "odd",
    [
        "allow 10.0.0.9\n",  # the address of another node
        "allow 10.0.0.33\n",  # of which its own one is the beginning
        "allow web-0033\n",
        "deny 10.0.0.3\n",
    ],
)
def test_what_is_not_its_own_makes_a_file_stand_alone(odd: str) -> None:
    """An address of somebody else, or a longer word that only begins with its own, is a deviation and comes first."""
    alone, rest = found("allow nobody\n", "allow 10.0.0.{n}\n", n3=odd)
    assert [one.path for one in alone.members] == [PATH.format(3)]
    assert alone.is_deviation
    assert alone.others == len(rest.members) == 11
    assert not rest.is_deviation


def test_deviations_come_before_everything_else() -> None:
    """Also many files that differ from most of their fellows come before one file that has no fellows."""
    odd = {f"n{n}": "allow 10.0.0.99\n" for n in range(1, 4)}
    after = texts(12, "b\n") | {PATH.format(int(name[1:])): text for name, text in odd.items()}
    groups = group_differences(texts(12, "a\n") | {"sites/dc1/zone": "a\n"}, after | {"sites/dc1/zone": "b\n"})
    assert [(one.is_deviation, len(one.members)) for one in groups] == [(True, 3), (False, 1), (False, 9)]


def test_the_same_lines_in_another_block_are_another_difference() -> None:
    """A line that comes into another chain is not the same, also where the lines around it are."""
    block = "chain {name} {{\n\ta\n\tb\n\tb\n\tb\n\tc\n\td\n\td\n\td\n\te\n}}\n"
    old = block.format(name="input") + block.format(name="forward")
    into = {name: old.replace(block.format(name=name), block.format(name=name).replace("\tc\n", "\tc\n\taccept\n"))
            for name in ("input", "forward")}  # fmt: skip
    before = {PATH.format(n): old for n in range(1, 5)}
    after = {PATH.format(n): into["forward" if n == 4 else "input"] for n in range(1, 5)}
    assert [len(one.members) for one in group_differences(before, after)] == [1, 3]


def test_what_is_far_from_the_difference_does_not_count() -> None:
    """Files that differ elsewhere, but change in the same way, are one group."""
    before = {PATH.format(n): f"first {n * 7919}\n" + "x\n" * 9 + "port 1\n" for n in range(1, 9)}
    after = {path: text.replace("port 1", "port 2") for path, text in before.items()}
    (group,) = group_differences(before, after)
    assert len(group.members) == 8


def test_a_shared_value_that_is_the_own_of_one_node_is_shared() -> None:
    """The first address of a range stands in every file; in the first node's it is no deviation."""
    (group,) = found("range none\n", "range 10.0.0.1-10.0.0.12\n")
    assert len(group.members) == 12
    assert group.varying == ()


def test_nodes_that_moved_are_one_group() -> None:
    """Each had its own old place and has its own new one; one that did not move is another group."""
    text = "at dc1/a/01/{n:02} U{n}\n"
    later = {
        f"nodes/dc1/web-{n:03}": node_values(f"web-{n:03}", RackPosition(f"dc1/b/01/{n:02}", n), {})
        for n in range(1, 7)
    }
    after = {PATH.format(n): f"at dc1/b/01/{n:02} U{n}\n" for n in range(1, 7)}
    (group,) = group_differences(texts(6, text), after, before=own(6), after=later)
    assert len(group.members) == 6
    assert dict(group.members[0].values)["rack"] == "dc1/a/01/01 -> dc1/b/01/01"


WORDS = st.lists(st.sampled_from(["web-001", "web-002", "10.0.0.1", "10.0.0.2", "U1", "U2", "a", "b"]), max_size=4)
FILES = st.lists(st.lists(WORDS.map(" ".join), max_size=5), min_size=4, max_size=4)


@given(FILES)
def test_a_group_says_the_difference_of_each_of_its_files(lines: list[list[str]]) -> None:
    """Every file that changes is in one group, and what is shown becomes its own difference by its own values."""
    values = own(2)
    names = [PATH.format(1), PATH.format(2)]
    old, new = ({name: "".join(f"{line}\n" for line in some) for name, some in zip(names, part, strict=True)}
                for part in (lines[:2], lines[2:]))  # fmt: skip
    groups = group_differences(old, new, after=values)
    assert sorted(member.path for group in groups for member in group.members) == [
        name for name in names if old[name] != new[name]
    ]
    for group in groups:
        if len(group.members) > 1:
            shapes = set()
            for member in group.members:
                known = tuple(one for one in values[member.path.rsplit("/", 2)[0]] if one.label in group.varying)
                (alone,) = group_differences({member.path: old[member.path]}, {member.path: new[member.path]})
                shapes.add(masked(unified(alone.sample).split("\n", 2)[2], known)[0])
            assert len(shapes) == 1


def test_own_values_are_found_whole() -> None:
    """A value counts where it stands as a whole; of two that overlap the first and longer one."""
    values = (OwnValue("name", "web-1"), OwnValue("address in ipv4", "10.0.0.1"), OwnValue("rack", "dc1/a"))
    text = "web-1.example web-10 10.0.0.1/24 10.0.0.10 x10.0.0.1 dc1/a/02 10.0.0.1-10.0.0.9"
    assert [(one.start, one.label) for one in hits(text, values)] == [
        (0, "name"), (21, "address in ipv4"), (53, "rack"), (62, "address in ipv4"),
    ]  # fmt: skip
    assert masked("a\0name\0 web-1", values) == ("a\0\0name\0\0 web-1", frozenset())


def test_the_id_of_a_group_is_that_of_its_files() -> None:
    """It is the digest of paths and contents, so one byte more in one file is another group."""
    one, two, more = (found("a\n", f"{text}\n") for text in ("b", "b", "c"))
    assert one[0].id == two[0].id != more[0].id
    assert one[0].id.startswith(f"sha256:{one[0].code}")
    assert json.loads(json.dumps(group_data(one[0])))["files"][2] == {"path": PATH.format(3), "own": {}}


def test_a_terminal_shows_a_group_once() -> None:
    """The lines of one file, and above them in how many files they are the same, and in which."""
    (group,) = found("port 1\n", "port 2 web-{n:03}\n")
    assert group_view(group, "unified", columns=80) == (
        "# changed etc/x.conf: the same 2 lines in 12 files, but for name; one of them is shown\n"
        "# nodes/dc1: web-001 to web-012\n"
        "--- a/nodes/dc1/web-001/etc/x.conf\n+++ b/nodes/dc1/web-001/etc/x.conf\n"
        "@@ -1 +1 @@\n-port 1\n+port 2 web-001\n"
    )


def test_side_by_side_breaks_long_lines_and_marks_words() -> None:
    """Nothing of a long line is lost, and what changed in it has marks below."""
    (group,) = found("accept tcp from 10.1.0.0/16 to port 22\n", "accept tcp from 10.1.0.0/16 to port 2222\n")
    assert group_view(group, "side", columns=63).splitlines()[3:] == [
        "   1 accept tcp from 10.1.0.0/ |    1 accept tcp from 10.1.0.0/",
        "     16 to port 22             |      16 to port 2222",
        "                ^^             |                 ^^^^",
    ]


def test_words_that_change() -> None:
    """Only the words that differ are marked; lines with little in common have no marks."""
    assert changed_words("a b 10.0.0.1", "a c 10.0.0.2") == (((2, 3), (11, 12)), ((2, 3), (11, 12)))
    assert changed_words("one line", "something else") == ((), ())
    assert changed_words("a" * 10, "x " * 1000) == ((), ())


def test_names_that_count_up_are_a_span() -> None:
    """Three or more in a row are told by the first and the last; none is left out."""
    assert names_text(["a-1", "a-2", "b", "w-08", "w-09", "w-10", "w-12"]) == "a-1, a-2, b, w-08 to w-10, w-12"


def test_lines_that_count_up_are_a_series() -> None:
    """Decimal, hexadecimal and with several lines for each; what does not count up stays as it is."""
    lines = [text for n in range(5, 25) for text in (f"web-{n:03} A 10.0.0.{n}", f"web-{n:03} AAAA db8::{n:x}")]
    parts = series(["head", *lines, "x", "y"])
    assert [(one.start, one.period, one.count) for one in parts] == [(0, 1, 1), (1, 2, 20), (41, 2, 1)]
    assert counted([f"web-{n:03} U{n}" for n in range(8, 13)]) == ["web-008 U8 to web-012 U12 (5)"]
    assert counted(["a 1", "a 2", "a 4", "a 5"]) == ["a 1", "a 2", "a 4", "a 5"]


@given(st.lists(st.sampled_from(["a 1", "a 2", "a 3", "b 0f", "b 10", "9", "a", "a-09", "a-10", ""]), max_size=30))
def test_series_lose_nothing(lines: list[str]) -> None:
    """The parts cover all lines in order, and a part that counts up is at least four blocks long."""
    at = 0
    for part in series(lines):
        assert part.start == at
        assert part.count == 1 or part.count >= 4
        at = part.stop
    assert at == len(lines)


def test_files_of_signed_zones_are_told_together() -> None:
    """What a site has for each of its zones is one difference; a zone whose key is another one stands alone."""
    zones = ("east.internal", "0.80.10.in-addr.arpa", "1.80.10.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa")
    root = "sites/east/{}.+013+36397.{}"
    keys = {root.format(f"etc/bind/keys/K{one}", "key"): f"{one}. IN DNSKEY key\n" for one in zones}
    content = {"0.80.10.in-addr.arpa": "10.80.0", "1.80.10.in-addr.arpa": "10.80.1", zones[3]: "20010db8"}
    files = {
        root.format(f"var/lib/bind/zonewright-{one}", "zone"): f"$INCLUDE zones/reverse/{name}.zone {one}.\n"
        for one, name in content.items()
    }
    of_files, of_keys = group_differences({}, keys | files)
    assert sentence(of_keys) == "the same 1 line in 4 files, but for zone"
    assert sentence(of_files) == "the same 1 line in 3 files, but for content and zone"
    assert files_line(of_keys).startswith("sites/east: K0.80.10.in-addr.arpa.+013+36397.key, K1.80.10.in-addr.arpa.")
    path = root.format("etc/bind/keys/Keast.internal", "key")
    odd, rest = group_differences({}, keys | {path: "east.internal. IN DNSKEY other\n"})
    assert ([one.path for one in odd.members], len(rest.members)) == ([path], 3)
