"""pyavd in an environment of its own, in the cache: it needs versions that are not ours."""

import os
import subprocess
import sys
from pathlib import Path

PYAVD = "6.4.0"


def pyavd_python() -> Path:
    """Its Python; the first time it is installed."""
    base = (
        Path(os.environ.get("ZONEWRIGHT_CACHE") or Path.home() / ".cache" / "zonewright") / "bench" / f"pyavd-{PYAVD}"
    )
    python = base / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(base)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", f"pyavd=={PYAVD}"], check=True)
    return python
