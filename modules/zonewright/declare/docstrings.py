"""What the docstrings below the fields of a declared type say, read from its source when somebody asks.

Reading them when the types are made, as pydantic can, takes a third of a second of every command and every `up`, and
only the published schema and sentences about faults show them.
"""

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema


@cache
def _classes(source: str) -> dict[str, dict[str, str]]:
    """Text below each annotated name of each class of a module, by class and name."""
    return {
        node.name: {
            field.target.id: inspect.cleandoc(text.value.value)
            for field, text in zip(node.body, node.body[1:], strict=False)
            if isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        }
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
    }


def docstrings_of(model: type[Any]) -> Mapping[str, str]:
    """What stands below the fields of a type and of the types that it extends, by field."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__[:-1]):
        module = inspect.getmodule(one)
        if module is not None and module.__name__.startswith("zonewright."):
            found |= _classes(inspect.getsource(module)).get(one.__name__, {})
    return found


class Described(GenerateJsonSchema):
    """JSON Schema whose fields have their docstrings as descriptions, unless they have others."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """The schema of a type, as pydantic makes it where it reads docstrings itself."""
        made = super().model_schema(schema)
        for name, text in docstrings_of(schema["cls"]).items():
            if name in made.get("properties", {}):
                made["properties"][name].setdefault("description", text)
        return made
