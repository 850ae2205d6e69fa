"""NVIDIA's boards through the real nvidia-ml-py, over a libnvidia-ml of ours that gcc compiles."""

import ctypes
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from support.parts import require, skip_or_fail
from zonewright_agent.configuration import from_text
from zonewright_agent.points import Moment, Point
from zonewright_agent.running import make_sources
from zonewright_agent.sources.nvml import Nvml

SOURCE = Path(__file__).parents[1] / "support" / "nvml_stand_in.c"
SETTINGS = 'agent = "h"\nurl = "http://127.0.0.1:1/"\ntoken_file = "t"\nspool = "s"\nsources = ["nvml"]\n'
OLD, NEW = "GPU-0000-old", "GPU-1111-new"


@pytest.fixture(name="driver", scope="module")
def _driver(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The library, loaded under the name by which nvidia-ml-py asks for it."""
    if find_spec("pynvml") is None:
        skip_or_fail(
            "nvidia-ml-py is not installed (make setup): what the agent reads of NVIDIA's boards is NOT tested"
        )
    path = tmp_path_factory.mktemp("nvml") / "libnvidia-ml.so.1"
    command = [
        require("gcc", "gcc", "what the agent reads of NVIDIA's boards"),
        "-shared",
        "-fPIC",
        f"-Wl,-soname,{path.name}",
        "-o",
        str(path),
        str(SOURCE),
    ]
    subprocess.run(command, check=True)
    library = ctypes.CDLL(str(path))
    library.stand_in_board.argtypes = [
        ctypes.c_uint,
        ctypes.c_char_p,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_ulonglong,
        ctypes.c_int,
        ctypes.c_int,
    ]
    return library


class Boards:
    """Boards that a test sets."""

    def __init__(self, library: Any) -> None:
        self.library = library

    def show(self, at: int, uuid: str, watts: float, joules: float | None = None, *, is_lost: bool = False) -> None:
        """What one shows from now on; each may draw up to 400 W."""
        energy = (0, 0) if joules is None else (round(joules * 1_000), 1)
        self.library.stand_in_board(at, uuid.encode(), round(watts * 1_000), 400_000, *energy, int(is_lost))


@pytest.fixture(name="boards")
def _boards(driver: Any) -> Iterator[Boards]:
    driver.stand_in_clear()
    yield Boards(driver)
    while driver.stand_in_opened():
        driver.nvmlShutdown()


def moment(seconds: float) -> Moment:
    """A moment so many seconds after the begin."""
    return Moment(round(seconds * 1e9), seconds, "a")


def shown(points: list[Point]) -> dict[str, tuple[float | None, str]]:
    """Value and quality by metric and board."""
    return {f"{one.name} {one.attributes['hw.id'].partition('/')[2]}": (one.value, one.quality) for one in points}


def source() -> Nvml:
    """The source as the agent makes it."""
    (made,) = make_sources(from_text(SETTINGS, "a.toml"))
    assert isinstance(made, Nvml)
    return made


def test_boards_are_parts_with_their_own_counters(boards: Boards) -> None:
    """Millijoules since the driver was loaded are the energy; an older board's comes from its power. Each is itself."""
    boards.show(0, OLD, 150.0)
    boards.show(1, NEW, 300.0, 5_000_000.0)
    nvml = source()
    assert shown(nvml.read(moment(0))) == {f"hw.power {OLD}": (150.0, "good"), f"hw.power {NEW}": (300.0, "good")}
    boards.show(1, NEW, 310.0, 5_003_050.5)
    points = nvml.read(moment(10))
    assert shown(points) == {
        f"hw.power {OLD}": (150.0, "good"),
        f"hw.energy {OLD}": (1500.0, "good"),
        f"hw.power {NEW}": (310.0, "good"),
        f"hw.energy {NEW}": (3050.5, "good"),
    }
    assert {one.attributes["hw.type"] for one in points} == {"gpu"}
    boards.show(1, NEW, 9_000.0, 5_203_050.5)  # 20 kW
    found = shown(nvml.read(moment(20)))
    assert (found[f"hw.power {NEW}"], found[f"hw.energy {NEW}"]) == ((None, "implausible"), (None, "implausible"))


def test_a_board_that_is_lost_silences_no_other(boards: Boards) -> None:
    """It has no value; when all are, the source has a fault, and what came before another load is not counted."""
    boards.show(0, OLD, 150.0, 10.0)
    boards.show(1, NEW, 300.0, 900.0)
    nvml = source()
    nvml.read(moment(0))
    boards.show(0, OLD, 150.0, 10.0, is_lost=True)
    boards.show(1, NEW, 300.0, 3_900.0)
    found = shown(nvml.read(moment(10)))
    assert (found[f"hw.power {OLD}"], found[f"hw.energy {NEW}"]) == ((None, "unreadable"), (3000.0, "good"))
    boards.library.stand_in_driver(0)
    with pytest.raises(ValueError, match=f"{OLD}: Uninitialized; {NEW}: Uninitialized"):
        nvml.read(moment(20))
    with pytest.raises(ValueError, match="NVML: Driver Not Loaded"):
        nvml.read(moment(30))
    boards.library.stand_in_driver(1)
    boards.show(0, OLD, 150.0, 0.5)
    boards.show(1, NEW, 300.0, 6_900.0)  # of the new load: 3,000 J more by chance
    assert {one.name for one in nvml.read(moment(40))} == {"hw.power"}
    boards.show(1, NEW, 300.0, 9_900.0)
    assert shown(nvml.read(moment(50)))[f"hw.energy {NEW}"] == (3000.0, "good")


def test_without_the_library_it_is_said_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without nvidia-ml-py, or without a board, has a source with a fault, and reads everything else."""
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    absent, host = make_sources(from_text(SETTINGS.replace('["nvml"]', '["nvml", "host"]'), "a.toml"))
    with pytest.raises(ValueError, match=r"the library nvidia-ml-py is missing .*; install it, or leave out 'nvml'"):
        absent.read(moment(0))
    assert host.read(moment(0))


def test_a_driver_without_a_board(boards: Boards) -> None:
    """It is a fault of the source, again and again, until there is one."""
    nvml = source()
    for _ in range(2):
        with pytest.raises(ValueError, match="the driver has no board"):
            nvml.read(moment(0))
    boards.show(0, NEW, 300.0)
    assert shown(nvml.read(moment(1))) == {f"hw.power {NEW}": (300.0, "good")}
