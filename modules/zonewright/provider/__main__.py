"""Started by the engine as ``python modules/zonewright/provider``."""

import sys
from pathlib import Path

# Python puts this folder first on the path when it is started as a folder; its modules are not top-level ones.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]

from zonewright.collector import collect_rarely  # noqa: E402 - after the path is right

collect_rarely()
from zonewright.provider.server import serve  # noqa: E402 - its imports are what is meant

serve(sys.argv[1:])
