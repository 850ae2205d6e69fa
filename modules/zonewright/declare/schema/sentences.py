"""From pydantic's errors to problems in the words of a person, each with its path."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from zonewright.declare.problem import Path, did_you_mean, nearest, one_of, shown
from zonewright.declare.schema.fixes import (
    fix_of_address,
    fix_of_choice,
    fix_of_range,
    fix_of_text,
    fix_of_type,
)
from zonewright.declare.schema.shape import (
    FileType,
    Shape,
    expected,
    fields_of,
    key_expected,
    options_of,
    shape_at,
    thing,
)
from zonewright.declare.yaml_text.scalars import Refusal
from zonewright.declare.yaml_text.tree import Fields, Scalar, YamlNode, child_of, got_at, walk
from zonewright.model.secret import EXAMPLE, HIDDEN, REFERENCE_PATTERN

NO_REFERENCE = "no reference to a secret"
_KEY = "[key]"
_COMPARED = re.compile(r"(?P<one>\w+) (?P<got>.+) is (?P<how>above|more than|not inside) (?P<other>\w+) (?P<limit>.+)")
_HOW = {"above": "at most", "more than": "at most", "not inside": "an address inside"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """A wrong value, or a missing or unknown field.

    Attributes:
        path: keys to it; to the mapping that lacks it, for a missing field.
        why: the sentence.
        missing: name of a field that is missing.
        of_key: whether the key is wrong, not the value.
        too_short: whether a list or mapping holds too little.
    """

    path: Path
    why: Refusal
    missing: str = ""
    of_key: bool = False
    too_short: bool = False


def wrongs_of(errors: Iterable[Mapping[str, Any]], model: FileType, root: YamlNode) -> tuple[Wrong, ...]:
    """One ``Wrong`` for each place that pydantic complains of, in its order.

    Args:
        errors: what ``ValidationError.errors()`` gives.
        model: type of the file.
        root: the document.
    """
    found: dict[tuple[Path, str, bool], Wrong] = {}
    for error in errors:
        wrong = _wrong(error, model, root)
        found.setdefault((wrong.path, wrong.missing, wrong.of_key), wrong)
    for path, missing, of_key in tuple(found):
        for end in range(len(path)):
            # What is said of an empty list is said of its items when it only has faulty ones.
            if not (missing or of_key) and (above := found.get((path[:end], "", False))) and above.too_short:
                del found[path[:end], "", False]
    renamed = {
        (wrong.path[:-1], meant)
        for wrong in found.values()
        if wrong.of_key and (meant := _meant(wrong.path, model, root)) is not None
    }
    return tuple(wrong for wrong in found.values() if (wrong.path, wrong.missing) not in renamed)


def _wrong(error: Mapping[str, Any], model: FileType, root: YamlNode) -> Wrong:
    keys = tuple(str(key) for key in error["loc"])
    path = keys[: len(list(walk(root, keys))) - 1]
    kind = str(error["type"])
    pair = keys if kind == "too_long" else keys[:-1]
    if kind in ("missing", "too_long") and "prefixItems" in (shape := shape_at(model, pair) or {}):
        why = Refusal("a point that is not a pair", expected(shape), got_at(root, pair), "write [31.0135, 120.8370]")
        return Wrong(path=pair, why=why)
    if kind == "missing":
        return Wrong(path=keys[:-1], missing=keys[-1], why=_missing(keys[:-1], keys[-1], model))
    if kind == "extra_forbidden":
        return Wrong(path=path, of_key=True, why=_unknown(path, model, root))
    if _KEY in keys[len(path) :]:
        why = Refusal("a key that is not allowed", key_expected(shape_at(model, path[:-1])), shown(path[-1]), "")
        return Wrong(path=path, of_key=True, why=_with_fix(why, _fix_of_key(path, model)))
    node = list(walk(root, path))[-1].node
    message = str(error.get("msg", "")).removeprefix("Value error, ")
    compared = _COMPARED.fullmatch(message) if kind == "value_error" else None
    if compared and child_of(node, compared["one"]):
        return Wrong(path=(*path, compared["one"]), why=_comparison(compared))
    required = not path or path[-1] in (shape_at(model, path[:-1]) or {}).get("required", ())
    why = _value(kind, message, node, shape_at(model, path) or {}, got=got_at(root, path), required=required)
    return Wrong(path=path, why=why, too_short=kind == "too_short")


def _with_fix(why: Refusal, fix: str) -> Refusal:
    return Refusal(why.what, why.expected, why.got, fix)


def _missing(path: Path, name: str, model: FileType) -> Refusal:
    shape = shape_at(model, (*path, name))
    owner = thing(shape_at(model, path))
    return Refusal(f"{owner} lacks '{name}'", expected(shape), "no such field", f"add a line '{name}: ...'")


def _meant(path: Path, model: FileType, root: YamlNode) -> str | None:
    """The field that an unknown one was probably meant to be: one that is not there yet."""
    parent = list(walk(root, path[:-1]))[-1].node
    present = parent.entries if isinstance(parent, Fields) else {}
    return nearest(path[-1], [name for name in fields_of(shape_at(model, path[:-1])) if name not in present])


def _unknown(path: Path, model: FileType, root: YamlNode) -> Refusal:
    parent = shape_at(model, path[:-1])
    meant = _meant(path, model, root)
    fix = did_you_mean(path[-1], [meant] if meant else [], "delete it")
    return Refusal(f"unknown field of {thing(parent)}", one_of(fields_of(parent)), shown(path[-1]), fix)


def _fix_of_key(path: Path, model: FileType) -> str:
    shape = shape_at(model, path[:-1]) or {}
    pattern = next(iter(shape.get("patternProperties", ())), "")
    options = shape.get("propertyNames", {}).get("enum", ())
    return (
        fix_of_text(path[-1], {"pattern": pattern})
        if pattern
        else did_you_mean(path[-1], options, f"write {one_of(options)}")
    )


def _comparison(match: re.Match[str]) -> Refusal:
    one, other, how = match["one"], match["other"], match["how"]
    return Refusal(
        f"{one} is {how} {other}",
        f"{_HOW[how]} {match['limit']}",
        match["got"],
        f"correct {one} or {other}",
    )


def _value(kind: str, message: str, node: YamlNode, shape: Shape, *, got: str, required: bool) -> Refusal:
    """The sentence for a value of a kind or size that is not wanted."""
    wanted = expected(shape)
    if shape.get("pattern") == REFERENCE_PATTERN:
        # What stands there is most likely the secret itself.
        fix = f"put it into a secret store and write a reference to it: {EXAMPLE}, ref+file:///PATH or ref+env://NAME"
        return Refusal(NO_REFERENCE, wanted, HIDDEN, fix)
    options = shape.get("enum") or ([shape["const"]] if "const" in shape else [])
    options = options or [one for option in shape.get("anyOf", ()) for one in option.get("enum", ())]
    if options:
        return Refusal("a value that is not allowed", wanted, got, fix_of_choice(node, tuple(options)))
    if any("format" in option for option in options_of(shape)):
        return Refusal(f"not {wanted.split(',')[0]}", wanted, got, fix_of_address(node, shape))
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        return Refusal("out of range", wanted, got, fix_of_range(node, shape))
    if kind in ("value_error", "assertion_error"):
        what, _, fix = message.partition("; ")
        whole = Refusal("values that do not fit together", "values that fit together", message, "correct one of them")
        return Refusal(what, wanted, got, fix or "correct it") if isinstance(node, Scalar) else whole
    return _size(kind, node, shape, got) or Refusal(
        "wrong type", wanted, got, fix_of_type(node, shape, required=required)
    )


def _size(kind: str, node: YamlNode, shape: Shape, got: str) -> Refusal | None:
    """The sentence for a text or a collection of a size or form that is not wanted."""
    text = node.text if isinstance(node, Scalar) else ""
    if kind == "string_pattern_mismatch":
        return Refusal("text that is not allowed", expected(shape), got, fix_of_text(text, shape))
    if kind == "string_too_long":
        wanted = f"text of at most {shape.get('maxLength', 0)} characters"
        return Refusal("too long a text", wanted, f"{len(text):,} characters", "shorten it")
    if kind == "too_short" and shape.get("minItems", 1) > 1:
        return Refusal("too few items", f"at least {shape['minItems']} items", got, "add what is missing")
    if kind == "too_short":
        kind, _, inner = expected(shape).partition(", each ")[2].partition(" ")
        return Refusal("an empty value", f"at least one {kind}: {inner}", got, "add one")
    return None
