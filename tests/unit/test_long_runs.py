"""Long runs keep to their share of time, prove what they are for in any case, and are whole in a soak."""

from pathlib import Path

import pytest

from support import soak
from support.cpu import budget_s, folder_of, table
from support.once import made_once

SHARES_OF_MANY = {"engine kills": 4, "last unit": 2, "admit kills": 3, "confirm kills": 2, "property": 43}
"""How many tests have the same share each."""


def test_the_shares_are_a_minute_at_most() -> None:
    """What the table of shares gives away is what `make test` may spend on long runs."""
    assert sum(share * SHARES_OF_MANY.get(name, 1) for name, share in soak.shares_s().items()) <= 60


def test_a_share_that_is_over_ends_a_run_after_its_first_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without time two rounds are done, with time all that begin in it, and in a soak all."""
    monkeypatch.delenv(soak.FULL, raising=False)
    monkeypatch.setattr(soak, "shares_s", lambda: {"none": 0.0, "much": 1e9})
    assert list(soak.rounds("none", 9)) == [0, 1]
    assert list(soak.rounds("none", 9, least=5)) == [0, 1, 2, 3, 4]
    assert list(soak.rounds("much", 9)) == list(range(9))
    monkeypatch.setenv(soak.FULL, "1")
    assert list(soak.rounds("none", 9)) == list(range(9))


def test_examples_are_made_again_while_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """With time a tenth of the examples is made, ten at once; without time the first ten; in a soak all at once."""
    monkeypatch.delenv(soak.FULL, raising=False)
    assert (soak.examples(1000), soak.examples(60), soak.examples(3)) == (10, 6, 2)
    passes: list[int] = []
    soak.again(1e9, lambda: passes.append(1))
    assert len(passes) == 9
    soak.again(0.0, lambda: passes.append(1))
    monkeypatch.setenv(soak.FULL, "1")
    soak.again(1e9, lambda: passes.append(1))
    assert (len(passes), soak.examples(1000)) == (9, 1000)


def test_what_a_folder_costs_stands_beside_what_it_may_cost() -> None:
    """A folder over its budget says so, and so does one without."""
    assert folder_of("tests/unit/test_x.py::test_y[a/b]") == "unit"
    assert table({"unit": 9.0, "new": 1.0}, {"unit": 8.0}) == [
        "     9.0 s  unit       of 8 s  OVER",
        "     1.0 s  new        no budget",
        "    10.0 s  in all",
    ]
    folders = {path.name for path in Path(__file__).parents[1].iterdir() if any(path.glob("test_*.py"))}
    assert set(budget_s()) == folders


def test_what_is_made_once_is_made_by_the_first_who_asks(tmp_path: Path) -> None:
    """A second one gets what the first has made; what failed half-way is made again."""
    made: list[int] = []

    def make(folder: Path) -> None:
        made.append(len(list(folder.iterdir())))
        (folder / "content").touch()
        if len(made) == 1:
            raise OSError("the disk is full")

    name = f"test-{tmp_path.name}"
    with pytest.raises(OSError, match="full"):
        made_once(name, make)
    assert made_once(name, make) == made_once(name, make)
    assert made == [0, 0]
