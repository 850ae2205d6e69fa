"""Started by the engine as ``python modules/zonewright/provider``."""

import sys
from pathlib import Path

# Python puts this folder first on the path when it is started as a folder; its modules are not top-level ones.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]

from zonewright.provider import main  # noqa: E402 - after the path is right

main()
