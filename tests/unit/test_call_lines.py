"""Which line of a program each part of a declaration has, whatever way it is written."""

import inspect
import textwrap
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from zonewright.model import Cluster, OwnerFile
from zonewright.program.call_lines import sources_of_call

PROGRAM = """\
    web = Cluster(
        site="dc1",
        node_type="one-u",
        count=2,
        places={
            "001": Place(rack="dc1/a/01/01", position=4),
        },
    )
    def made(count):
        return Cluster(site="dc1", node_type="one-u", count=count)
    parts = {"web": web, "api": made(3)}
    frame = call(
        party="one", clusters=parts)
"""


def _sources(folder: Path, text: str) -> dict[str, str]:
    """Lines by path, of a program that calls where `call` stands."""
    from zonewright.model import Place  # noqa: PLC0415 - a name of the program

    frames: list[FrameType] = []
    given: dict[str, Cluster] = {}

    def call(*, party: str, clusters: dict[str, Cluster]) -> None:
        assert party == "one"
        given.update(clusters)
        here = inspect.currentframe()
        assert here is not None
        assert here.f_back is not None
        frames.append(here.f_back)
        owner = OwnerFile(owner=party, clusters=clusters)
        names["told"] = sources_of_call(here.f_back, owner, folder)

    names: dict[str, Any] = {"Cluster": Cluster, "Place": Place, "call": call}
    path = folder / "program.py"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
    return {name.removeprefix("one/"): str(one) for name, one in names["told"].items()}


def test_each_part_has_the_line_that_it_is_written_on(tmp_path: Path) -> None:
    """Names are followed to their values; what a function made has the line where it was given."""
    found = _sources(tmp_path, PROGRAM)
    assert found["clusters.web"] == "program.py:1"
    assert found["clusters.web.count"] == "program.py:4"
    assert found["clusters.web.places.001"] == "program.py:6"
    assert found["clusters.web.places.001.position"] == "program.py:6"
    assert found["clusters.api"] == found["clusters.api.count"] == "program.py:11"
    assert found["owner"] == "program.py:12"


@pytest.mark.parametrize(
    "clusters",
    [
        "{name: Cluster(site='dc1', node_type='one-u', count=1) for name in ['web']}",
        "dict(**{'web': Cluster(site='dc1', node_type='one-u', count=1)})",
        "(lambda: {'web': Cluster(site='dc1', node_type='one-u', count=1)})()",
    ],
)
def test_what_is_made_otherwise_has_the_line_of_the_call(tmp_path: Path, clusters: str) -> None:
    """A loop, a call and a function give the line on which their result is handed over, and no fault of ours."""
    assert _sources(tmp_path, f"\ncall(party='one', clusters={clusters})\n")["clusters.web"] == "program.py:2"


def test_a_program_that_is_not_there_has_its_line(tmp_path: Path) -> None:
    """Where the text is gone, as in a frozen program, the line of the call is what there is."""
    frame = inspect.currentframe()
    assert frame is not None
    code = compile("call()", str(tmp_path / "gone.py"), "exec")
    owner = OwnerFile(owner="one", clusters={"web": Cluster(site="dc1", node_type="one-u", count=1)})
    found: dict[str, Any] = {}

    def call() -> None:
        here = inspect.currentframe()
        assert here is not None
        found.update(sources_of_call(here.f_back, owner, Path("/elsewhere")))

    exec(code, {"call": call})
    assert str(found["one/clusters.web"]) == "gone.py:1"
    assert sources_of_call(None, owner, tmp_path) == {}
