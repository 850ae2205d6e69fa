"""Which Python runs a program, and how its virtual environment is switched on.

Must not start a process.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from pulumi.runtime.proto import language_pb2

from zonewright.errors import Exit, ZonewrightError


class InterpreterError(ZonewrightError, RuntimeError):
    """A program's Python cannot be found; the text is a sentence for the user."""

    exit_code = Exit.MISUSE


def resolve(info: language_pb2.ProgramInfo, environment: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Find the Python of a program or plugin and the environment to start it in.

    `runtime.options.virtualenv` of its project file comes first and is taken from the folder of that file, as the
    official host does; then `PULUMI_PYTHON_CMD`; then the Python that runs this host, which surely has the SDK.

    Args:
        info: Where the program is and its runtime options.
        environment: The environment to start from.

    Returns:
        The path of a Python, and the environment.

    Raises:
        InterpreterError: When the project names a Python that is not there.
    """
    virtual_environment = _option(info, "virtualenv")
    if virtual_environment:
        folder = Path(os.path.normpath(Path(info.root_directory, virtual_environment)))
        python = folder / "bin" / "python"
        if not os.access(python, os.X_OK):
            raise InterpreterError(
                f"runtime.options.virtualenv in {info.root_directory} is {virtual_environment!r}, "
                f"but there is no Python at {python}; run 'make setup', or make it with 'python3 -m venv {folder}' "
                f"and install the project into it"
            )
        return str(python), _activated(folder, environment)
    command = environment.get("PULUMI_PYTHON_CMD")
    if command:
        found = shutil.which(command, path=environment.get("PATH"))
        if found is None:
            raise InterpreterError(f"PULUMI_PYTHON_CMD is {command!r}, which is not on PATH; correct or unset it")
        return found, dict(environment)
    return sys.executable, dict(environment)


def _option(info: language_pb2.ProgramInfo, name: str) -> str:
    """Give one runtime option as text, empty when it is not set."""
    fields = info.options.fields
    return fields[name].string_value if name in fields else ""


def _activated(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Give the environment that `activate` of a virtual environment would make."""
    rest = {name: value for name, value in environment.items() if name not in {"PYTHONHOME", "VIRTUAL_ENV"}}
    path = os.pathsep.join(part for part in (str(folder / "bin"), rest.get("PATH", "")) if part)
    return {**rest, "PATH": path, "VIRTUAL_ENV": str(folder)}
