"""The published schema and reference page are up to date, and the schema is one that editors can use."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zonewright.declare.schema.json_schema import KINDS, SchemaKind, main, reference_markdown, schema, schema_text

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
ZONE = Path(__file__).parents[2] / "stacks" / "zones" / "reference"
REMEDY = "run: python -m zonewright.declare.schema.json_schema --write"


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    """All mappings of a JSON value."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from mappings(item)


@pytest.mark.parametrize("kind", KINDS)
def test_the_committed_schema_is_up_to_date(kind: SchemaKind) -> None:
    """The committed schema is the one that the types give."""
    assert (REFERENCE / "schema" / f"{kind}.schema.json").read_text(encoding="utf-8") == schema_text(kind), REMEDY


def test_the_committed_reference_is_up_to_date() -> None:
    """The committed reference page is the one that the types give."""
    assert (REFERENCE / "declaration.md").read_text(encoding="utf-8") == reference_markdown(), REMEDY


def test_writing_gives_the_committed_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command in the page's first line writes exactly the committed files, and prints them without --write."""
    assert main(["--write", "--folder", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""
    for path in tmp_path.rglob("*.*"):
        assert path.read_text(encoding="utf-8") == (REFERENCE / path.relative_to(tmp_path)).read_text(encoding="utf-8")
    assert main([]) == 0
    assert reference_markdown() in capsys.readouterr().out


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_described_and_every_mapping_closed(kind: SchemaKind) -> None:
    """Editors show a description for each field, and refuse unknown fields and ids."""
    top = schema(kind)
    assert top["$schema"].endswith("2020-12/schema")
    for shape in mappings(top):
        if isinstance(shape.get("properties"), dict) and "type" in shape:
            assert shape["additionalProperties"] is False
            assert all(field.get("description") for field in shape["properties"].values())
        for pattern in shape.get("patternProperties", ()):
            assert shape["additionalProperties"] is False
            assert re.compile(pattern)
        reference = shape.get("$ref")
        if reference is not None:
            assert reference.removeprefix("#/$defs/") in top["$defs"]


def test_declarations_of_the_reference_zone_name_their_schema() -> None:
    """The first line of each file names a schema that is there, and whose title fits the file."""
    for path in ZONE.glob("*.yaml"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        named = (path.parent / first.removeprefix("# yaml-language-server: $schema=")).resolve()
        title = json.loads(named.read_text(encoding="utf-8"))["title"]
        assert title == {"zone.yaml": "Zone", "device-types.overlay.yaml": "TypeOverlays"}.get(path.name, "OwnerFile")
