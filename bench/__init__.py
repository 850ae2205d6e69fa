"""Benchmarks: every figure stands beside a bare baseline of the same run, and beside its limit where it has one."""

import sys
from pathlib import Path

# The projects and parties of the tests are those that are measured, and the agent of this checkout.
sys.path += [str(Path(__file__).resolve().parent.parent / folder) for folder in ("tests", "agents")]
