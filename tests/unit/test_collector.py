"""Imports are not looked through by the garbage collector, and it is as before afterwards."""

import gc
import importlib
import subprocess
import sys

import pytest

from zonewright.collector import THRESHOLDS, imports_stay


def test_while_something_is_imported_nothing_is_collected() -> None:
    """The collector is off inside and on afterwards, also where the import fails."""
    seen = []

    def imports() -> None:
        with imports_stay():
            seen.append(gc.isenabled())
            importlib.import_module("no.such")

    with pytest.raises(ModuleNotFoundError):
        imports()
    assert (seen, gc.isenabled()) == ([False], True)


def test_a_collector_that_was_off_stays_off() -> None:
    """Who has switched it off finds it off."""
    gc.disable()
    try:
        with imports_stay():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_users_program_keeps_its_own_settings() -> None:
    """Only processes of ours collect rarely: a program that imports ours has Python's own thresholds."""
    code = (
        "import gc; was = gc.get_threshold(); import zonewright; zonewright.Row; "
        "assert gc.get_threshold() == was and gc.isenabled(); "
        "from zonewright.collector import collect_rarely; collect_rarely(); print(gc.get_threshold())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{THRESHOLDS}\n", "")
