"""Ties a process to the one that starts it: the kernel kills it when its parent dies, however that happens.

Must import nothing but the standard library's smallest parts: it stands in the way of every start.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

# Runs first in the new process and then becomes the command. prctl(PR_SET_PDEATHSIG) survives exec; it is set here
# and not by `preexec_fn`, because only exec is safe after a fork of a process with threads, and gRPC has some. The
# parent may have died before the call: then its number has changed, and the process ends by itself. Other systems
# than Linux have no such call: there a parent that is killed leaves its children. `os`, `signal` and `ctypes` take as
# long to import as Python takes to start, so it does with what they are made of.
_SCRIPT = """
import sys
from posix import execv, getppid
if sys.platform == "linux":
    try:
        from _ctypes import call_function, dlopen, dlsym
        call_function(dlsym(dlopen(None, 0), "prctl"), (1, 9))
    except (ImportError, TypeError):
        import ctypes
        ctypes.CDLL(None).prctl(1, 9)
if getppid() != int(sys.argv[1]):
    sys.exit(1)
try:
    if "/" in sys.argv[2]:
        execv(sys.argv[2], sys.argv[2:])
    import os
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"{sys.argv[2]} does not start: {error.strerror}")
"""


def tethered(command: Sequence[str | Path]) -> list[str]:
    """Give the command that starts `command` as a tethered child of this process.

    The tether follows the thread that starts it: start it from one that stays until the child has ended.
    """
    return [sys.executable, "-I", "-S", "-c", _SCRIPT, str(os.getpid()), *(os.fspath(part) for part in command)]
