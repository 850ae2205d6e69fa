"""Finds an engine that is already on the machine: the one named by the user, then the one on PATH.

Must not install, build or write anything.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zonewright.engine.errors import EngineError
from zonewright.engine.version import RANGE, Version

COMMAND = "pulumi"
HOST = "pulumi-language-python"
VARIABLE = "ZONEWRIGHT_PULUMI"

_VERSION_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class FoundEngine:
    """An engine on the disk that zonewright can use.

    Attributes:
        pulumi: The absolute path of its command.
        version: What `pulumi version` says.
        folders: What must be on PATH, in order: the folder of `pulumi`, and that of the language host if it is
            another one.
    """

    pulumi: Path
    version: Version
    folders: tuple[Path, ...]


def named(value: str, path: str) -> FoundEngine:
    """Use the engine that `ZONEWRIGHT_PULUMI` names.

    Args:
        value: Path of the `pulumi` command, or of a folder that holds it, directly or in `bin`.
        path: The PATH on which its language host may be.

    Returns:
        The engine.

    Raises:
        EngineError: When it cannot be used; a named engine is never passed over.
    """
    given = Path(value).expanduser().absolute()
    candidates = [given / COMMAND, given / "bin" / COMMAND] if given.is_dir() else [given]
    command = next((candidate for candidate in candidates if _executable(candidate)), None)
    if command is None:
        expected = f"a folder with {COMMAND} in it" if given.is_dir() else "an executable file or a folder"
        raise EngineError(
            f"{VARIABLE} is {value!r}: expected {expected}, found none; set it to the path of pulumi {RANGE}, "
            "or unset it and zonewright will find an engine itself"
        )
    try:
        return inspect(command, path)
    except EngineError as error:
        raise EngineError(f"{VARIABLE} is {value!r}: {error}; set it to another engine, or unset it") from error


def on_path(path: str) -> FoundEngine:
    """Use the first `pulumi` on PATH.

    Raises:
        EngineError: When there is none, or zonewright cannot use it.
    """
    command = shutil.which(COMMAND, path=path)
    if command is None:
        raise EngineError(f"no {COMMAND} is on PATH")
    return inspect(Path(command).absolute(), path)


def is_on_path(folder: Path, path: str) -> bool:
    """Whether the first `pulumi` on PATH lies in a folder."""
    command = shutil.which(COMMAND, path=path)
    return command is not None and Path(command).absolute().is_relative_to(folder)


def inspect(command: Path, path: str) -> FoundEngine:
    """Look at one `pulumi`: its version and its Python language host.

    Args:
        command: The absolute path of a `pulumi`.
        path: The PATH on which its language host may be, when it is not beside it.

    Returns:
        The engine.

    Raises:
        EngineError: When it does not run, has another version or no Python language host.
    """
    version = _version(command)
    if not version.accepted:
        raise EngineError(f"{command} is version {version}, expected {RANGE}")
    for folder in (command.parent, command.resolve().parent):
        if _executable(folder / HOST):
            return FoundEngine(command, version, tuple(dict.fromkeys((command.parent, folder))))
    host = shutil.which(HOST, path=path)
    if host is None:
        raise EngineError(f"{command} (version {version}) has no {HOST} beside it or on PATH, so it cannot run Python")
    return FoundEngine(command, version, tuple(dict.fromkeys((command.parent, Path(host).absolute().parent))))


def _version(command: Path) -> Version:
    """Ask a `pulumi` for its version, without its look at the network for a newer one."""
    environment: Mapping[str, str] = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        answer = subprocess.run(  # noqa: S603 - the command is the user's own choice of engine
            [command, "version"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_VERSION_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise EngineError(f"{command} does not start: {error.strerror or error}") from error
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"{command} did not give its version within {_VERSION_TIMEOUT_S:.0f} s") from error
    version = Version.parse(answer.stdout)
    if answer.returncode != 0 or version is None:
        said = (answer.stdout.strip() or answer.stderr.strip() or "nothing").splitlines()[-1][:200]
        raise EngineError(
            f"{command} does not print its version: 'pulumi version' ended with {answer.returncode} and "
            f"printed {said!r}"
        )
    return version


def _executable(path: Path) -> bool:
    """Whether a path is a file that may be run."""
    return path.is_file() and os.access(path, os.X_OK)
