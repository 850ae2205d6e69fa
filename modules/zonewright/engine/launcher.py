"""The command `pulumi-language-python` that stands beside a built engine.

Must not depend on one checkout: the engine in the cache serves all of a user's checkouts and environments.
"""

import os
import tempfile
from pathlib import Path

from zonewright.engine import find

EXECUTOR = "pulumi-language-python-exec"
"""The SDK's own script that runs a program; built engines have it beside the launcher, as the official ones do."""

_MODULE = "zonewright.engine.language_host"
_PASSED_OVER = "ZONEWRIGHT_PASSED_OVER"  # of the launcher's own: what it has tried before it starts itself again
_START = f"""
import sys
if sys.path[:1] == [\\"\\"]:
    del sys.path[0]
import importlib.util, os, runpy
launcher, python, module = sys.argv[1:4]
try:
    found = importlib.util.find_spec(\\"zonewright.engine\\")
except ImportError:
    found = None
passed_over = os.environ.pop(\\"{_PASSED_OVER}\\", \\"\\")
if found is None:
    os.environ[\\"{_PASSED_OVER}\\"] = passed_over + \\" \\" + python
    os.execv(launcher, [launcher] + sys.argv[6:])
sys.argv[1:4] = []
runpy.run_module(module, run_name=\\"__main__\\", alter_sys=True)
"""
"""Becomes the host, or starts the launcher again where zonewright is missing. To ask in a process of its own would cost
another start of Python, twice in each run. Older Pythons understand it too."""

TEXT = f"""#!/bin/sh
# The Python language host of an engine that zonewright built. `zonewright engine ensure` writes this file, `pulumi`
# starts it. The Python with zonewright in it is found when it runs: the one that `zonewright engine env` names, the
# active virtual environment, or the .venv beside or above the project.
executor="$(dirname "$(readlink -f "$0")")/{EXECUTOR}"

# A named Python that does not have zonewright (an older virtual environment, say) is passed over, but not in silence.
try() {{
    [ -n "$1" ] || return 0
    case "${_PASSED_OVER} " in *" $1 "*) return 0 ;; esac
    if [ -x "$1" ]; then
        python="$1"
    else
        tried="$tried $1"
    fi
}}

python=""
tried=""
try "$ZONEWRIGHT_PYTHON"
[ -n "$python" ] || try "${{VIRTUAL_ENV:+$VIRTUAL_ENV/bin/python}}"
folder="$PWD"
while [ -z "$python" ] && [ -n "$folder" ]; do
    [ -e "$folder/.venv/bin/python" ] && try "$folder/.venv/bin/python"
    folder="${{folder%/*}}"
done
if [ -z "$python" ]; then
    tried="${_PASSED_OVER}$tried"
    echo "{find.HOST}: found no Python with zonewright in it (tried:${{tried:- none}}); run" \\
        "'eval \\"\\$(zonewright engine env)\\"' in this shell, or set ZONEWRIGHT_PYTHON to such a Python" >&2
    exit 1
fi
exec "$python" -c "{_START}" "$0" "$python" {_MODULE} --executor "$executor" "$@"
"""


def write(folder: Path) -> None:
    """Put the launcher into a folder, whole, unless the same one is there."""
    target = folder / find.HOST
    if target.is_file() and target.read_text(encoding="utf-8") == TEXT:
        return
    descriptor, unfinished = tempfile.mkstemp(prefix=find.HOST, dir=folder)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(TEXT)
    Path(unfinished).chmod(0o755)
    Path(unfinished).replace(target)
