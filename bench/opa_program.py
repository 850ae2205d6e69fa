"""OPA, the Open Policy Agent, as a peer of the rules: ``python -m bench.opa_program`` builds it into the cache."""

import os
import subprocess
import sys
from pathlib import Path

OPA = "v1.22.4"


def opa_program() -> Path | None:
    """The program; None where it has not been built."""
    path = _folder() / "opa"
    return path if path.exists() else None


def _folder() -> Path:
    cache = Path(os.environ.get("ZONEWRIGHT_CACHE") or Path.home() / ".cache" / "zonewright")
    return cache / "bench" / f"opa-{OPA}"


def build() -> None:
    """Build it with Go, from the module proxy; this takes minutes."""
    settings = {**os.environ, "GOBIN": str(_folder()), "GOFLAGS": "-p=1", "CGO_ENABLED": "0"}
    subprocess.run(["go", "install", f"github.com/open-policy-agent/opa@{OPA}"], check=True, env=settings)


if __name__ == "__main__":
    build()
    sys.exit(0 if opa_program() else 1)
