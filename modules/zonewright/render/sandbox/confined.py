"""Templates of users run in a process of their own, which can use so much memory and time and no more."""

import json
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence

from zonewright.render.errors import RenderError
from zonewright.render.sandbox.job import Job

MEMORY_BYTES = 512 * 1024 * 1024
CPU_S = 20
WALL_S = 60.0
OUTPUT_BYTES = 64 * 1024 * 1024


def render_confined(jobs: Sequence[Job]) -> Mapping[str, str]:
    """Text by path of files whose templates are a user's.

    What goes there is our own data, pickled; what comes back is read as JSON, and is text or a refusal.

    Raises:
        RenderError: when one cannot be rendered, or the process went beyond what it may use.
    """
    command = [sys.executable, "-I", "-m", "zonewright.render.sandbox.confined_main"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603
    names = sorted({job.file.template for job in jobs})
    what = f"template{'s' if len(names) != 1 else ''} {', '.join(names[:4])}{' and more' if len(names) > 4 else ''}"  # noqa: PLR2004
    given = pickle.dumps((MEMORY_BYTES, CPU_S, OUTPUT_BYTES, tuple(jobs)))
    with process:
        try:
            output, _ = process.communicate(given, timeout=WALL_S)
        except subprocess.TimeoutExpired:
            raise RenderError(f"the {what} ran longer than {WALL_S:g} s; nothing was rendered") from None
        finally:
            process.kill()
    try:
        answer = json.loads(output)
    except ValueError:
        raise RenderError(f"the {what} {_end(process.returncode)}; nothing was rendered") from None
    if "error" in answer:
        raise RenderError(**answer["error"])
    return {str(path): str(text) for path, text in answer["files"].items()}


def _end(code: int) -> str:
    if code == -9 or code == -24:  # noqa: PLR1714, PLR2004 - SIGKILL at the hard limit, SIGXCPU at the soft one
        return f"took more than {CPU_S} s of processor time"
    return f"took more than {MEMORY_BYTES // 1024**2} MB of memory, or ended the process ({code})"
