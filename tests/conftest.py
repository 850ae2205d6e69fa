"""What all tests share: a seed that is printed, temporary folders in memory, a folder of the run, and its cost."""

import gc
import os
import signal

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers

from support import once
from support.compiled import CompiledOnce
from support.cpu import CpuReport
from support.order import LongFirst
from support.soak import FULL, SEED, fix_seed, is_full

settings.register_profile("without-deadline", deadline=None)  # machines are shared: no test depends on a time
settings.load_profile("without-deadline")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed before worker processes start; let Ctrl-C reach what the tests start.

    A shell that runs the tests in the background has them ignore SIGINT, and their children too. Where byte code is
    not to be written each of the thousands of processes would compile all its modules again, which doubles their cost.
    Zones and journals that tests keep are many objects: to look through them for cycles as often as Python does by
    itself is a tenth of what tests in this process cost. Programs in Go (the engine, Prometheus) look for garbage only
    when they have grown. Hypothesis would read each of 800 modules of ours for numbers and texts to try, in each
    process, before the first test: 15 s of CPU in a fresh checkout. A soak lets it.
    """
    if not is_full():
        providers._get_local_constants = lambda: providers._local_constants
    gc.set_threshold(200_000, 50, 1000)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ |= {"GOGC": "off", "GOMEMLIMIT": "512MiB"}
    fix_seed()
    if once.begin():
        config.add_cleanup(once.end)
    config.pluginmanager.register(CompiledOnce())
    config.pluginmanager.register(CpuReport())
    config.pluginmanager.register(LongFirst())
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """What was imported and collected stays until the end: whoever looks for garbage need not go through it."""
    gc.freeze()


def pytest_report_header() -> str:
    """Say how to repeat the random part of this run."""
    length = "whole" if is_full() else f"their shares of a minute ({FULL}=1 runs all)"
    return f"long runs: {length}, repeat with {SEED}={fix_seed()}"
