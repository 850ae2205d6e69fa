"""Each row of the gate's table, the load model behind it, and the forecast of the command line."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.golden import compare_golden
from support.judged import judge_once
from zonewright.cli import main
from zonewright.model.world import EnergyVerdict
from zonewright.pue.gate import GateDecision, LoadChangeKind, decide, worst
from zonewright.pue.load_model import LoadModel, LoadModelState, difference

pytestmark = pytest.mark.slow

LIMIT = Fraction(5, 4)
REFERENCE = str(Path(__file__).parents[2] / "stacks" / "zones" / "reference")


def state(it_kw: float, *, plant_kw: float = 1_050, slope: str = "0.13", **rooms: float) -> LoadModelState:
    """A site in kilowatts."""
    opened = tuple((name, Fraction(str(kw)) * 1000) for name, kw in rooms.items())
    model = LoadModel(plant_w=Fraction(str(plant_kw)) * 1000, rooms_w=opened, slope=Fraction(slope))
    return LoadModelState(model=model, it_w=Fraction(str(it_kw)) * 1000)


@pytest.mark.parametrize(
    ("trigger", "kind", "states", "decision"),
    [
        ("within", "addition", (state(9_000), state(9_600)), "admitted"),  # within, stays within
        ("within", "addition", (state(8_760), state(8_820, d=150)), "refused"),  # would breach, without it would not
        ("within", "addition", (state(8_000), state(8_600)), "approval"),  # both would breach, better
        ("within", "addition", (state(8_000), state(8_060, d=150)), "refused"),  # both would breach, worse
        ("breach", "addition", (state(8_000), state(8_600, d=150)), "refused"),  # worse
        ("undetermined", "addition", (state(8_000), state(8_600, d=150)), "refused"),
        ("breach", "addition", (state(8_000), state(8_600)), "approval"),  # better
        ("undetermined", "addition", (state(9_000), state(9_600)), "approval"),
        ("breach", "addition", (state(8_000), state(8_600, d=78.75)), "approval"),  # inside the interval
        ("breach", "addition", (state(8_000), state(8_000)), "approval"),  # changes nothing
        ("breach", "removal", (state(8_000), state(7_400)), "admitted"),
        ("undetermined", "removal", (state(8_000), state(0)), "admitted"),
        ("within", "addition", (state(0), state(9_000)), "admitted"),  # the first load of a site
        ("within", "addition", (state(0), state(100)), "refused"),
    ],
)
def test_a_row_of_the_table(
    trigger: EnergyVerdict, kind: LoadChangeKind, states: tuple[LoadModelState, LoadModelState], decision: GateDecision
) -> None:
    """Trigger and projection without and with the change give the decision of the table."""
    gate = decide(trigger=trigger, kind=kind, without=states[0], with_=states[1], limit=LIMIT)
    assert gate.decision == decision
    assert gate.reason


def test_what_is_inside_may_be_refused() -> None:
    """Where the pack says so, what is neither better nor worse for certain is refused."""
    without, with_ = state(8_000), state(8_600, d=78.75)
    assert difference(without, with_).direction == "inside"
    gate = decide(trigger="breach", kind="addition", without=without, with_=with_, limit=LIMIT, refuse_inside=True)
    assert gate.decision == "refused"


def test_the_numbers_of_the_demonstration() -> None:
    """8,000 kW flat, 600 kW in open rooms, in a new room, and 600 kW less: the stated ratios, to five decimals."""
    shown = [state(8_000), state(8_600), state(8_600, d=150), state(7_400)]
    assert [f"{float(one.ratio or 0):.5f}" for one in shown] == ["1.26125", "1.25209", "1.26953", "1.27189"]


def test_break_even_of_the_zones_halls() -> None:
    """The load from which a hall is within 1.25: 16.0 and 8.75 MW, and none where the slope alone is over."""
    assert state(1, plant_kw=2_400, slope="0.10").model.break_even_w(LIMIT) == 16_000_000
    assert state(1).model.break_even_w(LIMIT) == 8_750_000
    assert state(1, slope="0.25").model.break_even_w(LIMIT) is None


@given(
    first=st.integers(1, 20_000),
    more=st.integers(0, 20_000),
    plant=st.integers(0, 5_000),
    room=st.integers(0, 500),
    slope=st.integers(0, 400),
)
def test_load_in_open_rooms_never_makes_it_worse(first: int, more: int, plant: int, room: int, slope: int) -> None:
    """More load without a new room is better or the same; the interval holds the difference, and signs agree."""
    share = f"{slope / 1000:.3f}"
    without = state(first, plant_kw=plant, slope=share)
    found = difference(without, state(first + more, plant_kw=plant, slope=share))
    assert found.value is not None
    assert found.value <= 0
    assert found.direction in {"better", "same", "inside"}
    opened = difference(without, state(first + more, plant_kw=plant, slope=share, new=room))
    assert opened.low is not None
    assert opened.high is not None
    assert opened.value is not None
    assert opened.low <= opened.value <= opened.high
    assert opened.value >= found.value


def test_the_worst_verdict() -> None:
    """A breach is worse than what is undetermined, and that is worse than within."""
    assert worst("within", "undetermined", "breach") == "breach"
    assert worst("within", "undetermined") == "undetermined"
    assert worst("within", "within") == worst() == "within"


@pytest.fixture(name="_judged")
def _judge_once(monkeypatch: pytest.MonkeyPatch) -> None:
    judge_once(monkeypatch)


@pytest.mark.slow
@pytest.mark.usefixtures("_judged")
def test_forecast_of_the_reference_zone(capsys: pytest.CaptureFixture[str]) -> None:
    """At qp-dc1, 600 kW in open rooms are admitted; in room d they still are, with another ratio."""
    code = main(["pue", "forecast", "--zone", REFERENCE, "--site", "qp-dc1", "--add", "600kW", "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (found["without"], found["with"], found["decision"]) == ("1.246667", "1.239375", "admitted")
    compare_golden("findings/forecast.json", json.dumps(found, indent=1) + "\n")
    code = main(["pue", "forecast", "--zone", REFERENCE, "--site", "qp-dc1", "--add", "60kW", "--room", "d"])
    text = capsys.readouterr().out
    assert code == 1
    assert text.startswith("refused: it would take the site beyond the limit\n")
    assert "1.262450 with, limit 1.25" in text
    assert "in room d (opens it)" in text
    compare_golden("findings/forecast.txt", text)
    assert main(["pue", "forecast", "--zone", REFERENCE, "--site", "qp-dc1", "--add", "0kW", "--room", "d"]) == 0
    assert "in room d\n" in capsys.readouterr().out, "nothing opens no room"
    main(["pue", "forecast", "--zone", REFERENCE, "--site", "js-dc1", "--add", "6kW"])
    assert "js-dc1, medium, the limit does not apply to it\n" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("_judged")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--site", "qp-dc1", "--add", "lots"), "expected a load such as 600kW"),
        (
            ("--site", "qp-edge-zjj", "--add", "6kW"),
            "expected a data centre (js-dc1, qp-dc1, wj-dc1), got 'qp-edge-zjj'",
        ),
        (("--site", "qp-dc1", "--add", "6kW", "--room", "z"), "expected a room of qp-dc1 (a, b, c, d), got 'z'"),
        (("--site", "qp-dc1", "--add=-6MW", "--room", "b"), "room b has 3,000.0 kW in use"),
    ],
)
def test_forecast_of_nothing(arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What does not exist is one sentence."""
    assert main(["pue", "forecast", "--zone", REFERENCE, *arguments]) == 2
    assert sentence in capsys.readouterr().err
