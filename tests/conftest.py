"""What all tests share: one printed seed for everything that is random in the long runs."""

import signal

from support.soak import FULL, SEED, fix_seed, rounds


def pytest_configure() -> None:
    """Choose the seed before worker processes start; let Ctrl-C reach what the tests start.

    A shell that runs the tests in the background has them ignore SIGINT, and their children too.
    """
    fix_seed()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    """Say how to repeat the random part of this run."""
    return f"long runs: {rounds(100)} rounds of 100 ({FULL}=1 runs all), repeat with {SEED}={fix_seed()}"
