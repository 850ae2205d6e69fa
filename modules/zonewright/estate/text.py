"""Declarations as YAML that people go on with: short lines, ids in quotes where YAML could take them for numbers."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

_LIKE_A_NUMBER = re.compile(r"[-+.]?[0-9].*")
_WIDTH = 110


class _Writer(yaml.SafeDumper):
    """Repeats what is equal instead of naming it once: each place is then edited by itself."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's form
        return True


def _text(writer: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if _LIKE_A_NUMBER.fullmatch(value) else None
    return writer.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Writer.add_representer(str, _text)


def yaml_text(tree: Mapping[str, Any], *head: str) -> str:
    """A declaration as text.

    Args:
        tree: plain values.
        head: lines of the comment that it begins with.
    """
    comment = "".join(f"# {line}\n" for line in head)
    body = yaml.dump(
        dict(tree), Dumper=_Writer, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=None
    )
    return f"{comment}{body}"


def leaves(tree: Any, path: str = "") -> dict[str, Any]:
    """Each value that holds no others, by its path; an empty mapping is one.

    Example:
        >>> leaves({"a": {"b": 1, "c": []}})
        {'a.b': 1, 'a.c': []}
    """
    if isinstance(tree, Mapping) and tree:
        return {
            key: value
            for name, inner in tree.items()
            for key, value in leaves(inner, f"{path}.{name}" if path else str(name)).items()
        }
    return {path: tree}
