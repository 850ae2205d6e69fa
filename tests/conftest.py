"""What all tests share: one printed seed for everything that is random in the long runs."""

from support.soak import FULL, SEED, fix_seed, rounds


def pytest_configure() -> None:
    """Choose the seed before worker processes start."""
    fix_seed()


def pytest_report_header() -> str:
    """Say how to repeat the random part of this run."""
    return f"long runs: {rounds(100)} rounds of 100 ({FULL}=1 runs all), repeat with {SEED}={fix_seed()}"
