"""Protobuf structs become plain data and back.

The engine sends numbers as floats and unknown values as one sentinel string, which it also takes back.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the signature that marks a secret, not one


class _Unknown:
    """The one value that stands for 'not known until the update'."""

    def __repr__(self) -> str:
        return "unknown"


unknown = _Unknown()


def from_struct(struct: struct_pb2.Struct) -> dict[str, Any]:
    """Plain data; integral floats are ints, secrets are unwrapped, the sentinel is ``unknown``."""
    return {key: _from_value(value) for key, value in struct.fields.items()}


def _from_value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "string_value":
        return unknown if value.string_value == UNKNOWN else value.string_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_from_value(item) for item in value.list_value.values]
    if kind == "struct_value":
        data = from_struct(value.struct_value)
        return data.get("value") if data.get(_SIGNATURE) == _SECRET else data
    return None


def to_struct(data: Mapping[str, Any]) -> struct_pb2.Struct:
    """The reverse of ``from_struct``; None is left out, and ``unknown`` is the engine's sentinel again."""
    struct = struct_pb2.Struct()
    for key, value in data.items():
        if value is not None:
            _set(struct.fields[key], value)
    return struct


def _set(target: struct_pb2.Value, value: Any) -> None:
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int | float):
        target.number_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif value is unknown:
        target.string_value = UNKNOWN
    elif isinstance(value, Mapping):
        target.struct_value.CopyFrom(to_struct(value))
    elif isinstance(value, list | tuple):
        target.list_value.SetInParent()  # one without items is no missing value
        for item in value:
            _set(target.list_value.values.add(), item)
    else:
        raise TypeError(f"expected text, number, bool, list or mapping as a property, got {type(value).__name__}")


def has_unknown(value: Any) -> bool:
    """Whether anything inside is not known yet."""
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is unknown


def has_missing(value: Any) -> bool:
    """Whether anything inside is None, which the reverse of ``from_struct`` leaves out."""
    if isinstance(value, Mapping):
        return any(has_missing(item) for item in value.values())
    if isinstance(value, list):
        return any(has_missing(item) for item in value)
    return value is None


def mark_secrets(made: struct_pb2.Struct, given: struct_pb2.Struct) -> struct_pb2.Struct:
    """Keep secret in an answer what was a secret in the request, by name; changes ``made`` and gives it.

    The engine does this for a provider that takes no secrets, but such a one may have no components.
    """
    for key, value in given.fields.items():
        if key not in made.fields:
            continue
        inner = made.fields[key]
        if value.HasField("struct_value") and inner.HasField("struct_value") and not _is_secret(value):
            mark_secrets(inner.struct_value, value.struct_value)
        elif _holds_secret(value) and not _is_secret(inner):
            wrapped = struct_pb2.Struct()
            wrapped.fields[_SIGNATURE].string_value = _SECRET
            wrapped.fields["value"].CopyFrom(inner)
            inner.struct_value.CopyFrom(wrapped)
    return made


def _is_secret(value: struct_pb2.Value) -> bool:
    fields = value.struct_value.fields
    return value.HasField("struct_value") and _SIGNATURE in fields and fields[_SIGNATURE].string_value == _SECRET


def _holds_secret(value: struct_pb2.Value) -> bool:
    if value.HasField("list_value"):
        return any(_holds_secret(item) for item in value.list_value.values)
    inner = value.struct_value.fields.values() if value.HasField("struct_value") else ()
    return _is_secret(value) or any(_holds_secret(item) for item in inner)
