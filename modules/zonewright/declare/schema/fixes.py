"""The smallest remedy for a wrong value: the value that was probably meant."""

import re
from ipaddress import ip_address, ip_network

from zonewright.declare.problem import did_you_mean, shown
from zonewright.declare.schema.shape import Shape, options_of, unit_of
from zonewright.declare.yaml_text.tree import Fields, Items, Scalar, YamlNode
from zonewright.model.base import IDENTIFIER_PATTERN

_KILO = 1000
_WITH_UNIT = re.compile(r"\s*+([-+]?[0-9][0-9_,]*+(?:\.[0-9]+)?+)\s*+([A-Za-z%]*+)\s*+")
_YES_NO = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_CONTROL = r"\x00-\x1f\x7f\u0085\u2028\u2029"
_SPACE, _BREAK = re.compile(rf"[\s{_CONTROL}]+"), re.compile(f"[{_CONTROL}]")


def fix_of_range(node: YamlNode, shape: Shape) -> str:
    """The fix of a number beyond its range; kilowatts where watts are wanted are the usual slip."""
    value = node.value if isinstance(node, Scalar) else None
    if unit_of(shape) == "watts" and isinstance(value, int | float) and not isinstance(value, bool):
        watts = round(value * _KILO)
        if value < shape.get("minimum", 0) <= watts <= shape.get("maximum", watts):
            return f"write watts: {watts} if you mean {node.text if isinstance(node, Scalar) else value} kW"
    return "write a number in this range"


def fix_of_type(node: YamlNode, shape: Shape, *, required: bool) -> str:
    """The fix of a value of another type than wanted."""
    kind = str(shape.get("type", ""))
    if isinstance(node, Scalar) and node.value is None:
        return f"write a value after the ':'{'' if required else ', or delete the line'}"
    by_kind = {
        "integer": _for_number,
        "number": _for_number,
        "boolean": _for_boolean,
        "string": _for_text,
        "array": _for_list,
        "object": _for_mapping,
    }
    return by_kind[kind](node, shape) if kind in by_kind else "correct the value"


def _for_number(node: YamlNode, shape: Shape) -> str:
    if not isinstance(node, Scalar):
        return "write one number"
    match = _WITH_UNIT.fullmatch(node.text)
    unit = unit_of(shape)
    if match is None:
        return "write a number in digits"
    number, suffix = match[1].replace("_", "").replace(",", ""), match[2].lower()
    if (suffix == "kw" or (isinstance(node.value, float) and float(number) < _KILO)) and unit == "watts":
        return f"write watts: {round(float(number) * _KILO)} if you mean {number} kW"
    if "." in number and shape.get("type") == "integer":
        return "write a whole number"
    return f"write {number}{f', the bare number of {unit}' if suffix and unit else ' without quotes or separators'}"


def _for_boolean(node: YamlNode, _: Shape) -> str:
    text = node.text.lower() if isinstance(node, Scalar) else ""
    return f"write {_YES_NO[text]}" if text in _YES_NO else "write true or false, without quotes"


def _for_text(node: YamlNode, shape: Shape) -> str:
    if not isinstance(node, Scalar):
        return "write one text"
    better = better_text(node.text, shape)
    return f"write '{better or node.text}' in quotes"


def _for_list(node: YamlNode, _: Shape) -> str:
    return f"write [{node.text}]" if isinstance(node, Scalar) else "write '- ' before each item, without keys"


def _for_mapping(node: YamlNode, _: Shape) -> str:
    return "write 'key: value' lines without '- '" if isinstance(node, Items) else "write 'key: value' lines below it"


def better_text(text: str, shape: Shape) -> str | None:
    """A text near to this one that has the wanted pattern, or None."""
    pattern = shape.get("pattern", "")
    if pattern == IDENTIFIER_PATTERN:
        better = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")[:63].strip("-")
    elif text.isascii() and text.isdigit():
        better = (text.lstrip("0") or "0").zfill(3)
    else:
        better = _SPACE.sub(lambda found: " " if _BREAK.search(found[0]) else found[0], text).strip()
    return better if better and better != text and re.search(pattern, better) else None


def fix_of_text(text: str, shape: Shape) -> str:
    """The fix of a text that has not the wanted pattern."""
    better = better_text(text, shape)
    return f"write {shown(better)}" if better else "correct the text"


def fix_of_choice(node: YamlNode, options: tuple[str, ...]) -> str:
    """The fix of a value that is none of those allowed."""
    text = node.text if isinstance(node, Scalar) else ""
    otherwise = f"write {options[0]}" if len(options) == 1 else "write one of those"
    return did_you_mean(text, options, otherwise) if text else otherwise


def fix_of_address(node: YamlNode, shape: Shape) -> str:
    """The fix of what is no address or network."""
    if isinstance(node, Items | Fields):
        return "write one address as text"
    formats = {option.get("format", "") for option in options_of(shape)}
    network = any("network" in one for one in formats)
    if isinstance(node.value, int) and not isinstance(node.value, bool) and 0 <= node.value < 2**32:
        return f"write {ip_address(node.value)}{'/...' if network else ''} if you mean this address"
    if "%" in node.text:
        return "leave out '%' and everything after it"
    try:
        whole = ip_network(node.text, strict=False)
    except ValueError:
        return "write it in digits, with its prefix length" if network else "write it in digits, without port or name"
    if not isinstance(node.value, str) or (formats == {"ipv4"} and whole.version != 4):  # noqa: PLR2004
        return f"write {'an IPv4' if isinstance(node.value, str) else 'the'} address as text"
    return f"write {whole}, which has no host bits" if network else f"write {node.text.split('/')[0]}"
