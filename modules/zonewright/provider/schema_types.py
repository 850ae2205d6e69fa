"""Types of the package schema, made from the JSON Schema of declarations: one description of each field for both."""

from collections.abc import Collection, Mapping
from typing import Any

from zonewright.declare.schema.json_schema import schema
from zonewright.model.asset_properties import property_name

PACKAGE = "zonewright:index:"
_ANYTHING: Mapping[str, Any] = {"$ref": "pulumi.json#/Any"}


class DeclaredTypes:
    """The types of a declaration's parts.

    Args:
        taken: tokens of resources; a part of the same name is called ``Declared``, as in ``DeclaredSite``.
    """

    def __init__(self, taken: Collection[str]) -> None:
        self._definitions: Mapping[str, Any] = schema("owner")["$defs"]
        self._taken = taken

    def token(self, part: str) -> str:
        """The token of a part such as ``Cluster``."""
        return f"{PACKAGE}Declared{part}" if f"{PACKAGE}{part}" in self._taken else f"{PACKAGE}{part}"

    def reference(self, part: str) -> dict[str, Any]:
        """What refers to a part."""
        return {"$ref": f"#/types/{self.token(part)}"}

    def types(self) -> dict[str, Any]:
        """All types by token."""
        objects = {name: shape for name, shape in self._definitions.items() if "properties" in shape}
        return {self.token(name): self._object(shape) for name, shape in sorted(objects.items())}

    def _object(self, shape: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "description": shape.get("description", ""),
            "properties": {property_name(name): self._property(item) for name, item in shape["properties"].items()},
            "required": [property_name(name) for name in shape.get("required", ())],
        }

    def _property(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {**self._type(item), "description": _described(item)}

    def _type(self, item: Mapping[str, Any]) -> dict[str, Any]:
        if "$ref" in item:
            name = item["$ref"].rpartition("/")[2]
            shape = self._definitions[name]
            return self.reference(name) if "properties" in shape else self._type(shape)
        if "anyOf" in item:
            kinds = [self._type(one) for one in item["anyOf"] if one.get("type") != "null"]
            return kinds[0] if all(one == kinds[0] for one in kinds) else dict(_ANYTHING)
        kind = item.get("type")
        if kind == "object":
            members = [*item.get("patternProperties", {}).values(), item.get("additionalProperties")]
            member = next((one for one in members if isinstance(one, Mapping)), None)
            return {"type": "object", "additionalProperties": self._type(member) if member else dict(_ANYTHING)}
        if kind == "array":
            return {"type": "array", "items": self._type(item["items"]) if "items" in item else dict(_ANYTHING)}
        if kind in {"string", "integer", "number", "boolean"}:
            return {"type": kind}
        return {"type": "string"} if all(isinstance(one, str) for one in item.get("enum", (0,))) else dict(_ANYTHING)


def _described(item: Mapping[str, Any]) -> str:
    """What a field is, the words that it takes, and what it is without."""
    shapes = [item, *item.get("anyOf", ())]
    words = next((shape["enum"] for shape in shapes if "enum" in shape), ())
    parts = [str(item.get("description", "")).strip()]
    if words:
        parts.append(f"One of: {', '.join(f'`{word}`' for word in words)}.")
    default = item.get("default")
    if default not in (None, "", [], {}):
        parts.append(f"Default: `{default}`.")
    return " ".join(part for part in parts if part)
