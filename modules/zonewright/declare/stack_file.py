"""A stack's configuration file, ``stacks/Pulumi.<stack>.yaml``, as far as zonewright reads and writes it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from zonewright.errors import Exit, ZonewrightError, sentences_of
from zonewright.model.base import STACK_ID_PATTERN

NAMESPACE = "zone"
DEFAULT_LEDGER = "sqlite:///.zonewright/ledger.db"
_STACK_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")


KEYS = ("declaration", "ledger", "stackId", "fleet", "configurations")
"""All settings of a stack, below the namespace."""


class StackFileError(ZonewrightError, ValueError):
    """The file is missing or is not what was expected; ``str()`` is a sentence."""

    exit_code = Exit.MISUSE


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFile:
    """The settings of one stack.

    Attributes:
        name: name of the stack.
        declaration: the owner's file, relative to the project's root.
        ledger: the ledger's URL.
        stack_id: identity of the stack in the ledger.
    """

    name: str
    declaration: str
    ledger: str
    stack_id: str

    def text(self) -> str:
        """The file's content."""
        values = {"declaration": self.declaration, "ledger": self.ledger, "stackId": self.stack_id}
        lines = [f"  {NAMESPACE}:{key}: {value}" for key, value in values.items()]
        return "\n".join(["config:", *lines]) + "\n"


def project_root(start: Path) -> Path:
    """The nearest folder with a Pulumi.yaml, from ``start`` upward; ``start`` itself where there is none."""
    here = start.resolve()
    return next((folder for folder in (here, *here.parents) if (folder / "Pulumi.yaml").is_file()), here)


def project_folder(root: Path) -> Path:
    """The folder of the stacks' configuration files, as Pulumi.yaml says.

    Raises:
        StackFileError: when there is no Pulumi.yaml, or it cannot be read.
    """
    document = _mapping(root / "Pulumi.yaml", "run this in the folder of a project")
    return root / str(document.get("stackConfigDir", "."))


def stack_path(root: Path, name: str) -> Path:
    """Path of a stack's configuration file.

    Raises:
        StackFileError: when the name is none that Pulumi takes.
    """
    if not _STACK_NAME.match(name):
        raise StackFileError(f"'{name}' is not a stack name: expected letters, digits, '-', '_' and '.'")
    return project_folder(root) / f"Pulumi.{name}.yaml"


def read_stack_file(root: Path, name: str) -> StackFile:
    """Read the settings of a stack.

    Raises:
        StackFileError: one sentence for everything that is missing.
    """
    path = stack_path(root, name)
    how = f"make it with: zonewright stack new {name} --party PARTY --declaration FILE"
    config = _mapping(path, how).get("config")
    values = config if isinstance(config, dict) else {}
    unknown = unknown_settings(values)
    if unknown:
        raise StackFileError(f"{path}: {unknown}")
    wanted = ("declaration", "ledger", "stackId")
    missing = [f"{NAMESPACE}:{key}" for key in wanted if not isinstance(values.get(f"{NAMESPACE}:{key}"), str)]
    if missing:
        raise StackFileError(f"{path}: {', '.join(missing)} must be given as text; {how}")
    declaration, ledger, stack_id = (values[f"{NAMESPACE}:{key}"] for key in wanted)
    if fault := stack_id_fault(stack_id):
        raise StackFileError(f"{path}: {fault}")
    return StackFile(name=name, declaration=declaration, ledger=ledger, stack_id=stack_id)


def stack_id_fault(stack_id: str) -> str:
    """What is wrong with a stack's identity, as a sentence; empty where it is one."""
    if re.search(STACK_ID_PATTERN, stack_id) and stack_id.isprintable():
        return ""
    return (
        f"{NAMESPACE}:stackId: expected 8 to 64 letters, digits, '.', '_' and '-', the first of them a letter or a "
        f"digit, got {stack_id[:80]!r}; zonewright stack new writes one"
    )


def unknown_settings(keys: Iterable[str]) -> str:
    """What is wrong with keys of a stack's configuration that are in our namespace and none of ours; else empty.

    Args:
        keys: all keys, such as ``zone:ledger``.
    """
    prefix = f"{NAMESPACE}:"
    unknown = sorted(key for key in map(str, keys) if key.startswith(prefix) and key.removeprefix(prefix) not in KEYS)
    if not unknown:
        return ""
    return (
        f"{', '.join(unknown)}: not a setting of zonewright (expected {', '.join(prefix + key for key in KEYS)}); "
        "remove it; tokens and passwords come from the environment or a file, see docs/how-to/keep-secrets-out.md"
    )


def _mapping(path: Path, how: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StackFileError(f"{path} does not exist; {how}") from None
    except OSError as error:
        raise StackFileError(*sentences_of(error)) from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        first = str(error).splitlines()[0]
        raise StackFileError(f"{path} cannot be read: {first}") from None
    if not isinstance(document, dict):
        raise StackFileError(f"{path}: expected a mapping, got {type(document).__name__}; {how}")
    return document
