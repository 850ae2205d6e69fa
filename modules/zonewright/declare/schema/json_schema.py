"""The published JSON Schema of the files that people write, for editors and other tools.

``python -m zonewright.declare.schema.json_schema --write`` writes it and the reference pages under ``docs/reference``.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Literal

from zonewright.declare.schema.reference_page import page, sections
from zonewright.declare.schema.shape import FileType, schema_of
from zonewright.declare.yaml_text.compose import MAX_DEPTH, MAX_VALUES
from zonewright.declare.yaml_text.text import MAX_BYTES
from zonewright.model import OwnerFile, Zone
from zonewright.model.csv_map import CsvMap
from zonewright.model.device_type import TypeOverlays

SchemaKind = Literal["zone", "owner", "overlay", "meters-csv"]
KINDS: dict[SchemaKind, FileType] = {
    "zone": Zone,
    "owner": OwnerFile,
    "overlay": TypeOverlays,
    "meters-csv": CsvMap,
}
_DECLARATIONS: tuple[SchemaKind, ...] = ("zone", "owner", "overlay")
_MAP_HEAD = """<!-- Generated: python -m zonewright.declare.schema.json_schema --write -->

# Maps of exports

A map says how the export of a building is read: `zonewright pue import EXPORT --map meters-csv.yaml`. A how-to
[reads a building's export](../how-to/read-a-buildings-export.md). Editors complete and check a map if its first line
names its schema:

```yaml
# yaml-language-server: $schema=docs/reference/schema/meters-csv.schema.json
```

A column is its name in the header, or its number such as `"#2"`, in quotes.
"""
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(kind: SchemaKind) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a kind of file.

    Example:
        >>> schema("owner")["$id"]
        'urn:zonewright:schema:owner:1'
    """
    return {"$schema": _DIALECT, "$id": f"urn:zonewright:schema:{kind}:1", **published(KINDS[kind])}


def schema_text(kind: SchemaKind) -> str:
    """The schema as it is committed."""
    return json.dumps(schema(kind), indent=2, ensure_ascii=False, sort_keys=False) + "\n"


def reference_markdown() -> str:
    """The reference page of all fields, made from the same schema."""
    limits = {"KiB": f"{MAX_BYTES // 1024:,}", "levels": str(MAX_DEPTH), "values": f"{MAX_VALUES:,}"}
    return page([schema(kind) for kind in _DECLARATIONS], limits)


def map_markdown() -> str:
    """The reference page of maps of exports."""
    return "".join([_MAP_HEAD, *sections([schema("meters-csv")])]).rstrip() + "\n"


def published(kind: FileType) -> dict[str, Any]:
    """The schema of a kind of file as it is shown to people and other tools."""
    made: dict[str, Any] = _published(schema_of(kind))
    return made


def _published(shape: Any) -> Any:
    """The shape with closed mappings, and descriptions in Markdown's quotes."""
    if isinstance(shape, list):
        return [_published(item) for item in shape]
    if not isinstance(shape, dict):
        return shape
    made = {key: _published(value) for key, value in shape.items()}
    if isinstance(made.get("description"), str):
        made["description"] = made["description"].replace("``", "`")
    if "patternProperties" in made:
        made["additionalProperties"] = False
    return made


def main(arguments: list[str] | None = None) -> int:
    """Write or print the schema and the reference page."""
    parser = argparse.ArgumentParser(prog="python -m zonewright.declare.schema.json_schema", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write below --folder instead of printing")
    parser.add_argument("--folder", type=Path, default=Path("docs/reference"), help="the folder of the reference")
    options = parser.parse_args(arguments)
    texts = {f"schema/{kind}.schema.json": schema_text(kind) for kind in KINDS}
    texts |= {"declaration.md": reference_markdown(), "meters-csv.md": map_markdown()}
    for name, text in texts.items():
        if options.write:
            path = options.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        else:
            sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
