"""The variables under which `pulumi` works in a zonewright project, without touching the user's own Pulumi.

Must not print a secret: the passphrase stays in its file.
"""

import os
import secrets
import shlex
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from zonewright.engine.errors import EngineError
from zonewright.engine.obtain import Engine

STATE_FOLDER = ".zonewright"
"""The folder of a project that holds its state, passphrase and Pulumi home; git ignores what is in it."""

_PASSPHRASE = "passphrase"  # noqa: S105 - the file's name
_IGNORE_ALL = "# What a run leaves behind: state, passphrase, plugins. The folder itself must exist.\n*\n!.gitignore\n"


def environment(engine: Engine, *, root: Path, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Give the variables to set, and make the files they point to.

    Args:
        engine: The engine to use, from `ensure`.
        root: The project's root, where Pulumi.yaml is.
        base: The environment that they will be added to; only its PATH is read.

    Returns:
        The variables by name. A process's whole environment is `{**base, **environment(...)}`.

    Raises:
        EngineError: When the project's state folder cannot be written.
    """
    state = root.absolute() / STATE_FOLDER
    try:
        _prepare(state)
    except OSError as error:
        raise EngineError(
            f"{state} cannot be written, but it holds the stacks' state: {error.strerror or error}"
        ) from error
    folders = [str(folder) for folder in engine.folders]
    path = [part for part in base.get("PATH", os.defpath).split(os.pathsep) if part and part not in folders]
    return {
        "PATH": os.pathsep.join([*folders, *path]),
        # Plugins, credentials and the selected stack: the user's ~/.pulumi stays as it is.
        "PULUMI_HOME": str(state / "pulumi-home"),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(state / _PASSPHRASE),
        # No run may wait for, or change with, what the network has today.
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "ZONEWRIGHT_PYTHON": sys.executable,
    }


def find_root(start: Path) -> Path:
    """Find the project's root: the nearest folder at or above `start` with a Pulumi.yaml.

    Raises:
        EngineError: When there is none.
    """
    for folder in (start.absolute(), *start.absolute().parents):
        if (folder / "Pulumi.yaml").is_file():
            return folder
    raise EngineError(f"no Pulumi.yaml is in {start.absolute()} or above it; run this in a zonewright project")


def exports(variables: Mapping[str, str]) -> str:
    """Give lines of shell that set the variables, for `eval "$(zonewright engine env)"`."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(variables.items()))


def _prepare(state: Path) -> None:
    """Make the state folder, with what keeps it out of git, and the passphrase."""
    state.mkdir(parents=True, exist_ok=True)
    (state / "pulumi-home").mkdir(exist_ok=True)
    ignore = state / ".gitignore"
    if not ignore.exists():
        ignore.write_text(_IGNORE_ALL, encoding="utf-8")
    _make_passphrase(state / _PASSPHRASE)


def _make_passphrase(file: Path) -> None:
    """Make a random passphrase, readable for its owner only, unless there is one.

    It is written aside and linked into place, so that of two callers one wins and neither sees half a file. An
    existing one is never replaced: secrets in the state could no longer be read.
    """
    if file.exists():
        file.chmod(0o600)
        return
    descriptor, unfinished = tempfile.mkstemp(prefix=f"{file.name}.", dir=file.parent)  # made with mode 0600
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(secrets.token_urlsafe(32) + "\n")
    with suppress(FileExistsError):
        os.link(unfinished, file)
    Path(unfinished).unlink()
