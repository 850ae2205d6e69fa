"""The engine that zonewright builds reads its lists of passwords when it is asked about one, and answers as before."""

import re
from typing import TYPE_CHECKING

import pytest

from zonewright import engine as engine_room

if TYPE_CHECKING:
    from support.trial_project import Project

pytestmark = pytest.mark.engine


def test_a_start_reads_no_list(project: "Project", engine: engine_room.Engine) -> None:
    """What Go says of the packages that an engine of ours loads at its start does not name the lists."""
    if engine.how != "build":
        pytest.skip(
            "the engine here is an official one; unset ZONEWRIGHT_PULUMI, and take pulumi off PATH, to build one"
        )
    project.environment["GODEBUG"] = "inittrace=1"
    lines = [line for line in project.run("version").stderr.splitlines() if "zxcvbn-go/" in line]
    read = {found[1]: int(found[2]) for line in lines if (found := re.match(r"init (\S+) .* (\d+) bytes", line))}
    assert any(name.endswith("/adjacency") for name in read)  # its keyboards are small, and read as before
    assert max(read.values()) < 1_000_000


@pytest.mark.parametrize(
    ("value", "is_refused"),
    [("1415fc1f4eaeb5e096ee58c1480016638fff29bf", True), ("Zq3#vT9!mW5$kR7&", True), ("basketballspider", False)],
)
def test_a_password_is_told_from_words(project: "Project", value: str, is_refused: bool) -> None:  # noqa: FBT001 - a case
    """`pulumi config set` refuses in clear text what is hard to guess, and not what its lists hold as words."""
    result = project.run("config", "set", "zone:token", value)
    assert ("looks like a secret" in result.stderr) is is_refused, result.stderr
    assert (result.returncode != 0) is is_refused
