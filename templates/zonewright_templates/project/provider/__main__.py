"""Starts zonewright's provider with the Python of this project, or the command that another environment has on PATH."""

import os
import sys

try:
    from zonewright.provider import main
except ImportError:
    os.execvp("pulumi-resource-zonewright", ["pulumi-resource-zonewright", *sys.argv[1:]])  # noqa: S606, S607 - as pip has it

main()
