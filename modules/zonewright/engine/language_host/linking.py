"""What `pulumi package add` changes in a project: its list of what it needs names the SDK that lies in it.

The lines are those that the official hosts write. Must not install anything: the answer says what to run.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pulumi.runtime.proto import language_pb2 as messages

from zonewright.engine.errors import EngineError

_REQUIREMENTS, _PACKAGE = "requirements.txt", "package.json"
_PLUGIN = "pulumi-plugin.json"


def linked_in_python(request: messages.LinkRequest) -> str:
    """Name the SDKs in `requirements.txt`, which is made where there is none; gives what to do next.

    Args:
        request: What the engine asks.

    Raises:
        EngineError: When a folder is no SDK; the text is a sentence.
    """
    root = Path(request.info.root_directory)
    imports = [_module(root / one.path, one.package.name) for one in request.packages]
    file = root / _REQUIREMENTS
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    there = {line.split("#", 1)[0].strip().removeprefix("./") for line in before.splitlines()}
    new = [one.path for one in request.packages if one.path not in there]
    if new:
        begun = before if not before or before.endswith("\n") else f"{before}\n"
        file.write_text(begun + "".join(f"{path}\n" for path in new), encoding="utf-8")
    return _told(request, _REQUIREMENTS, f"pip install -r {_REQUIREMENTS}", imports)


def linked_in_node(request: messages.LinkRequest) -> str:
    """Name the SDKs in `package.json` as folders; gives what to do next.

    Args:
        request: What the engine asks.

    Raises:
        EngineError: When there is no `package.json`, or a folder is no SDK; the text is a sentence.
    """
    root = Path(request.info.root_directory)
    names = [str(_json(root / one.path / _PACKAGE).get("name") or one.package.name) for one in request.packages]
    described = _json(root / _PACKAGE)
    needed = described.setdefault("dependencies", {})
    if not isinstance(needed, dict):
        raise EngineError(f"{root / _PACKAGE}: expected names and versions in 'dependencies'; correct it")
    wanted = {name: f"file:{one.path}" for name, one in zip(names, request.packages, strict=True)}
    if any(needed.get(name) != path for name, path in wanted.items()):
        needed.update(wanted)
        text = json.dumps(described, indent=2, ensure_ascii=False)
        (root / _PACKAGE).write_text(f"{text}\n", encoding="utf-8")
    imports = [
        f'import * as {one.package.name.replace("-", "_")} from "{name}";'
        for name, one in zip(names, request.packages, strict=True)
    ]
    return _told(request, _PACKAGE, "npm install", imports)


def _module(folder: Path, package: str) -> str:
    """The line that imports an SDK of Python: the folder in it that says which plugin it is for."""
    found = next(iter(sorted(folder.glob(f"*/{_PLUGIN}"))), None)
    if found is None:
        raise EngineError(f"{folder} has no SDK for Python in it; remove it, and run 'pulumi package add' again")
    return f"import {found.parent.name} as {package.replace('-', '_')}"


def _json(file: Path) -> dict[str, Any]:
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EngineError(f"there is no {file}; run 'npm init' in {file.parent}, and then this again") from None
    except (OSError, ValueError) as error:
        raise EngineError(f"{file} cannot be read: {error}; correct it, and run this again") from error
    if not isinstance(read, dict):
        raise EngineError(f"{file}: expected an object; correct it, and run this again")
    return read


def _told(request: messages.LinkRequest, file: str, command: str, imports: Sequence[str]) -> str:
    def lines() -> Iterator[str]:
        yield f"{file} names {' and '.join(one.path for one in request.packages)}. Install it in your environment:"
        yield f"  {command}"
        yield "Then import it:"
        yield from (f"  {one}" for one in imports)

    return "\n".join(lines())
