"""Environments with the locked dependencies, kept between runs: pip needs a minute for one, and a copy takes seconds.

    python tools/kept_environment.py VENV     fills a new environment from a kept one; exit code 1 if there is none

They lie in ``$XDG_CACHE_HOME/zonewright/wheel`` by the digest of the lock and the Python. `tools/test_wheel.py` makes
them, and puts its wheel into them, which is not copied.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "requirements-dev.lock"
_OURS = "zonewright"
_LONGEST_SHEBANG = 127
_KEPT = 6
"""Environments of half a gigabyte: those of three Pythons, for two locks."""
_IN_USE_S = 6 * 3600.0
"""One that was asked for so short a time ago may still be in use by another checkout."""


def place_of(python: str | Path) -> Path:
    """Where the environment of an interpreter is kept; it is whole if it has the file ``complete``."""
    seen = subprocess.run([python, "-c", "import sys; print(sys.version)"], capture_output=True, check=True).stdout
    key = hashlib.sha256(LOCK.read_bytes() + seen).hexdigest()[:16]
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zonewright" / "wheel" / key


def ready(folder: Path) -> bool:
    """Whether an environment is whole; then it counts as used now, and those that nobody used for long are removed."""
    try:
        os.utime(folder / "complete")
    except FileNotFoundError:
        return False
    except OSError:  # somebody else's, or on a disk that nobody may write to: it is whole all the same
        return True
    others = sorted(folder.parent.iterdir(), key=_last_used_s, reverse=True)
    for old in others[_KEPT:]:
        if _last_used_s(old) < time.time() - _IN_USE_S:
            shutil.rmtree(old, ignore_errors=True)
    return True


def _last_used_s(folder: Path) -> float:
    """When an environment was used last, in seconds of the epoch; one that was never whole when it was begun."""
    mark = folder / "complete"
    try:
        return (mark if mark.exists() else folder).stat().st_mtime
    except FileNotFoundError:  # another process removes it
        return 0.0


def fill(target: Path, kept: Path) -> None:
    """Copy all that is installed, without what is ours; scripts name the Python of their new place."""
    (source,) = kept.glob("lib/python*/site-packages")
    packages = target / source.relative_to(kept)
    subprocess.run(["cp", "-a", f"{source}/.", packages], check=True)
    for path in packages.glob(f"{_OURS}*"):
        shutil.rmtree(path)
    for script in (kept / "bin").iterdir():
        copy = target / "bin" / script.name
        if script.is_symlink() or copy.exists() or script.name.startswith("activate"):
            continue
        shutil.copy2(script, copy)
        content = copy.read_bytes()
        if content.startswith(b"#!"):
            copy.write_bytes(content.replace(os.fsencode(kept), os.fsencode(target)))


def main() -> int:
    """Fill the environment that is named; gives the exit code."""
    target = Path(sys.argv[1]).absolute()
    python = target / "bin" / "python"
    kept = place_of(python)
    is_plain = " " not in str(python) and len(str(python)) + 2 <= _LONGEST_SHEBANG
    if not is_plain or not ready(kept):
        return 1
    fill(target, kept)
    return 0


if __name__ == "__main__":
    sys.exit(main())
