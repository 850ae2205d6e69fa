"""Parts of a machine that some tests need: without one they skip loudly and name the Debian package that brings it."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest


def skip_or_fail(message: str) -> NoReturn:
    """What a missing part does: skip loudly for a user, fail where it must be there (``CI`` is set)."""
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def search_path() -> str:
    """The PATH and, beside each of its folders ``bin``, where Debian puts daemons: not every user's PATH has them."""
    folders = [Path(one) for one in os.environ["PATH"].split(os.pathsep)]
    beside = [one.parent / name for one in folders if one.name == "bin" for name in ("sbin", "lib/frr")]
    return os.pathsep.join(map(str, [*folders, *beside]))


def find(program: str) -> str | None:
    """The path of a program; None where it is not installed."""
    return shutil.which(program, path=search_path())


def require(program: str, package: str, untested: str) -> str:
    """The path of a program.

    Args:
        program: its name.
        package: Debian's package that brings it.
        untested: what is NOT tested without it, as in "roll-out over SSH".
    """
    found = find(program)
    if found is None:
        skip_or_fail(f"{program} is not installed (Debian package {package}): {untested} is NOT tested")
    return found


def keygen() -> str:
    """OpenSSH's program for keys."""
    return require("ssh-keygen", "openssh-client", "what is done with keys of OpenSSH")
