"""Each row of the gate's table, the load model behind it, and the forecast of the command line."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.golden import compare_golden
from support.judged import judge_once
from zonewright.cli import main
from zonewright.model.overhead_fit import OverheadFit
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


def seen(it_kw: float, *, sure_kw: float = 0, up_to_kw: int = 11_500, d: float = 0) -> LoadModelState:
    """A site in kilowatts with a fit to loads of up to 10,000 kW: 900 kW + 0.13 P, sure to so many kilowatts."""
    spread = round(sure_kw * 10**6 / 2) ** 2
    fit = OverheadFit(
        scale_w=10_000_000,
        reach_w=up_to_kw * 1000,
        curve=(900 * 10**6, 1_300 * 10**6, 0),
        covariance=(spread, 0, 0, 0, 0, 0),
        bands=(),
        first="2026-01-01",
        days=360,
        left_out=0,
        plant="",
        it_w=8_000_000,
    )
    one = state(it_kw, d=d) if d else state(it_kw)
    return replace(one, model=replace(one.model, fit=fit))


@pytest.mark.parametrize(
    ("trigger", "states", "decision", "strict"),
    [
        ("within", (seen(9_000), seen(9_600)), "admitted", "admitted"),
        ("within", (seen(8_000), seen(8_060, d=150)), "refused", "refused"),  # crosses
        ("within", (seen(8_000, sure_kw=100), seen(8_600, sure_kw=100)), "admitted", "admitted"),  # at most 1.2464
        ("within", (seen(7_600, sure_kw=100), seen(7_700, sure_kw=100)), "approval", "refused"),  # 1.2469, perhaps 1.26
        ("within", (seen(9_000), seen(11_600)), "approval", "refused"),  # beyond what was seen
        ("breach", (seen(9_000), seen(11_600, d=900)), "approval", "refused"),
        ("within", (seen(7_000), seen(7_300)), "approval", "approval"),  # both would breach, better
        ("within", (seen(7_000), seen(7_060, d=150)), "refused", "refused"),  # both would breach, worse
        ("breach", (seen(8_000, sure_kw=90), seen(8_600, sure_kw=90)), "approval", "approval"),  # better all the same
        ("undetermined", (seen(8_000), seen(8_600, d=150)), "refused", "refused"),
        ("undetermined", (seen(8_000), seen(8_600, d=68)), "approval", "refused"),  # a room a tenth off decides
        ("undetermined", (seen(8_000, sure_kw=850), seen(8_600, d=20, sure_kw=850)), "approval", "refused"),
    ],
)
def test_a_row_of_the_table_by_a_fitted_model(
    trigger: EnergyVerdict, states: tuple[LoadModelState, LoadModelState], decision: GateDecision, strict: GateDecision
) -> None:
    """A fit decides by its interval, as far as it reaches; what it cannot tell needs an approval, or is refused."""
    without, with_ = states
    for refuse_inside, wanted in ((False, decision), (True, strict)):
        gate = decide(
            trigger=trigger,
            kind="addition",
            without=without,
            with_=with_,
            limit=LIMIT,
            refuse_inside=refuse_inside,
        )
        assert gate.decision == wanted, gate.reason


def test_a_removal_is_admitted_whatever_a_fit_says() -> None:
    """Who takes load away needs no model, also beyond what it reaches."""
    gate = decide(trigger="breach", kind="removal", without=seen(12_000), with_=seen(11_700), limit=LIMIT)
    assert gate.decision == "admitted"


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
