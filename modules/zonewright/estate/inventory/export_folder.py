"""A folder of exports: for each endpoint a JSON file with its objects, as the API gives them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from zonewright.estate.inventory.errors import InventoryMisuseError

_MOST_BYTES = 512 * 1024 * 1024
NEEDED = ("dcim/sites", "dcim/racks", "dcim/devices", "dcim/device-types")


def file_of(endpoint: str) -> str:
    """The name of an endpoint's file: ``dcim/racks`` is in ``dcim.racks.json``."""
    return f"{endpoint.replace('/', '.')}.json"


def read_folder(folder: Path, endpoints: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
    """The objects of all endpoints; one without a file has none, apart from those that nothing goes without.

    Args:
        folder: where the files lie.
        endpoints: such as ``dcim/racks``.

    Raises:
        InventoryMisuseError: with all that is wrong with the files.
    """
    if not folder.is_dir():
        raise InventoryMisuseError(f"{folder}: expected a folder with files such as {file_of(NEEDED[0])}")
    wrong: list[str] = []
    found = {endpoint: _read(folder / file_of(endpoint), endpoint, wrong) for endpoint in endpoints}
    if wrong:
        raise InventoryMisuseError(*wrong)
    return found


def _read(path: Path, endpoint: str, wrong: list[str]) -> list[Mapping[str, Any]]:
    name = path.name
    try:
        if path.stat().st_size > _MOST_BYTES:
            wrong.append(f"{name}: expected at most {_MOST_BYTES // 2**20} MiB; export in parts by site")
            return []
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if endpoint in NEEDED:
            wrong.append(f"{name}: is missing in {path.parent}; save what /api/{endpoint}/?limit=0 answers in it")
        return []
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        wrong.append(f"{name}: is no JSON: {' '.join(str(error).split())[:120]}; export it again")
        return []
    results = document.get("results") if isinstance(document, Mapping) else document
    if not isinstance(results, list):
        wrong.append(f"{name}: expected a list of objects, or an answer with 'results'; export it again")
        return []
    if isinstance(document, Mapping) and (document.get("next") or document.get("count", len(results)) != len(results)):
        wrong.append(
            f"{name}: expected all {document.get('count')} objects, got {len(results)}: it is one of several pages; "
            f"save what /api/{endpoint}/?limit=0 answers"
        )
    return results
