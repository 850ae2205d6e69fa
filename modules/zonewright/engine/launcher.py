"""The commands that stand beside a built engine: language hosts, and the plugin of dynamic providers in Python.

Must not depend on one checkout: the engine in the cache serves all of a user's checkouts and environments.
"""

import os
import tempfile
from pathlib import Path

from zonewright.engine import find

EXECUTOR = "pulumi-language-python-exec"
"""The SDK's own script that runs a program; built engines have it beside the launcher, as the official ones do."""

_MODULE = "zonewright.engine.language_host"
_PASSED_OVER = "--passed-over="  # of the launcher's own: what it has tried before it starts itself again
_START = f"""
import sys
if sys.path[:1] == [\\"\\"]:
    del sys.path[0]
import importlib.util, os, runpy
launcher, passed_over, module = sys.argv[1:4]
try:
    found = importlib.util.find_spec(\\"zonewright.engine\\")
except ImportError:
    found = None
if found is None:
    os.execv(launcher, [launcher, \\"{_PASSED_OVER}\\" + passed_over] + sys.argv[6:])
sys.argv[1:4] = []
runpy.run_module(module, run_name=\\"__main__\\", alter_sys=True)
"""
"""Becomes the host, or starts the launcher again where zonewright is missing. To ask in a process of its own would cost
another start of Python, twice in each run. Older Pythons understand it too."""

_FIND_PYTHON = f"""
# `zonewright engine ensure` writes this file, `pulumi` starts it. The Python with zonewright in it is found when it
# runs: the one that `zonewright engine env` names, the active virtual environment, or the .venv beside or above the
# project.

# A named Python that does not have zonewright (an older virtual environment, say) is passed over, but not in silence.
try() {{
    [ -n "$1" ] || return 0
    case "$passed_over " in *" $1 "*) return 0 ;; esac
    if [ -x "$1" ]; then
        python="$1"
    else
        tried="$tried $1"
    fi
}}

passed_over=""
case "$1" in {_PASSED_OVER}*)
    passed_over="${{1#{_PASSED_OVER}}}"
    shift
    ;;
esac
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
    tried="$passed_over$tried"
    echo "$(basename "$0"): found no Python with zonewright in it (tried:${{tried:- none}}); run" \\
        "'eval \\"\\$(zonewright engine env)\\"' in this shell, or set ZONEWRIGHT_PYTHON to such a Python" >&2
    exit 1
fi
"""

_FIND_SELF = """
here="$0"
case "$0" in
/*) [ ! -L "$0" ] || here="$(readlink -f "$0")" ;; # as an engine starts it: without a process of its own
*) here="$(readlink -f "$0")" ;;
esac
"""
_BECOME_HOST = f'exec "$python" -c "{_START}" "$0" "$passed_over $python" {_MODULE}'
TEXT = f"""#!/bin/sh
# The Python language host of an engine that zonewright built.{_FIND_SELF}executor="${{here%/*}}/{EXECUTOR}"
{_FIND_PYTHON}
{_BECOME_HOST} --executor "$executor" "$@"
"""
NODE = "pulumi-language-nodejs"
NODE_TEXT = f"""#!/bin/sh
# The language host of TypeScript and JavaScript of an engine that zonewright built.
{_FIND_PYTHON}
{_BECOME_HOST} --language nodejs "$@"
"""
DYNAMIC = "pulumi-resource-pulumi-python"
DYNAMIC_TEXT = f"""#!/bin/sh
# The plugin of dynamic providers in Python, as the official engine has it, for an engine that zonewright built.
{_FIND_PYTHON}
export PYTHONUNBUFFERED=1
exec "$python" -m pulumi.dynamic "$@"
"""


def write(folder: Path) -> None:
    """Put the launchers into a folder, each whole, unless the same one is there."""
    for name, text in ((find.HOST, TEXT), (NODE, NODE_TEXT), (DYNAMIC, DYNAMIC_TEXT)):
        _write(folder / name, text)


def _write(target: Path, text: str) -> None:
    if target.is_file() and target.read_text(encoding="utf-8") == text:
        return
    descriptor, unfinished = tempfile.mkstemp(prefix=target.name, dir=target.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    Path(unfinished).chmod(0o755)
    Path(unfinished).replace(target)
