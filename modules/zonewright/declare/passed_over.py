"""What of a file has no meaning here and is passed over: fields of a library's files that node types have no use for.

Nothing is said of such a field, be it a number that is written in another way, or a link that looks like a secret; and
a bundle does not carry it.
"""

from zonewright.declare.schema.shape import FileType, fields_of, schema_of, shape_at
from zonewright.declare.yaml_text.compose import FAST_LOADER, compose
from zonewright.declare.yaml_text.tree import Fields, YamlNode, scalars


def without_ignored(text: str, root: YamlNode, model: FileType) -> tuple[str, frozenset[int]]:
    """The text with empty lines in place of fields that are passed over, and the lines of all that is.

    Args:
        text: the file.
        root: its tree; fields that are passed over are taken out of it.
        model: what it holds; nothing is passed over where it allows no other fields.
    """
    if model.model_config.get("extra") != "ignore" or not isinstance(root, Fields):
        return text, frozenset()
    wanted = fields_of(schema_of(model))
    lines = text.split("\n")
    begins = sorted({entry.line for entry in root.entries.values()})
    kept = {entry.line for key, entry in root.entries.items() if key in wanted}
    gone: set[int] = set()
    for begin, end in zip(begins, [*begins[1:], len(lines) + 1], strict=True):
        if begin not in kept:
            gone |= set(range(begin, end))
    for key in [key for key in root.entries if key not in wanted]:
        del root.entries[key]
    inside = {
        node.line for path, node in scalars(root) if node.refused and len(path) > 1 and shape_at(model, path) is None
    }
    return "\n".join("" if number in gone else line for number, line in enumerate(lines, 1)), frozenset(gone | inside)


def counted_text(text: str, model: FileType, *, loader: type = FAST_LOADER) -> str:
    """A file's text with empty lines in place of what is passed over; as it is, where it is no YAML.

    Args:
        text: the file.
        model: what it holds.
        loader: PyYAML's parser to use.
    """
    root = compose(text, "", [], loader=loader)
    return text if root is None else without_ignored(text, root, model)[0]
