"""What PyYAML's parser says of a text that is no YAML, in words that tell how to put it right."""

import yaml

from zonewright.declare.problem import Problem, shown

_INDENTED = "give the line the indentation of its neighbours, or close the quote that is open above it"
_UNCLOSED = "close the bracket, or add the missing comma"
_WORDS: tuple[tuple[str, str, str], ...] = (
    (
        "mapping values are not allowed",
        "one 'key: value' on a line",
        "put the value into quotes if it holds ': ', or correct the indentation",
    ),
    ("could not find expected ':'", "a line such as 'key: value'", "add ':' and a space after the key"),
    ("found unexpected end of stream", "a closing quote before the end of the file", "add the missing quote"),
    ("found unexpected document", "a closing quote before the end of the document", "add the missing quote"),
    ("but found ','", "a value before the comma", "delete one of the commas"),
    ("did not find expected node content", "a value", "write the value, or delete the comma or bracket before it"),
    ("',' or '", "a comma or the closing bracket", _UNCLOSED),
    ("did not find expected key", "a key in line with those above it", _INDENTED),
    ("did not find expected '-'", "a list item in line with those above it", _INDENTED),
    ("expected <block end>", "a key in line with those above it", _INDENTED),
    ("unknown escape", "an escape such as \\n or \\u00e9", "write \\\\ for a backslash, or use single quotes"),
    ("escape", "an escape such as \\n or \\u00e9", "write \\\\ for a backslash, or use single quotes"),
    ("expected hexdecimal", "an escape such as \\n or \\u00e9", "write \\\\ for a backslash, or use single quotes"),
    ("cannot start any token", "text in quotes", "put the value into quotes"),
    (
        "block sequence entries are not allowed",
        "a list that begins on a new line",
        "begin a new line before '-'",
    ),
    ("sequence entries are not allowed", "a list that begins on a new line", "begin a new line before '-'"),
)


def syntax_problem(error: Exception, file: str, text: str, *, line: int) -> Problem:
    """The sentence for a syntax error, with the line where it was noticed.

    Args:
        error: what the parser raised.
        file: name of the file.
        text: the whole document.
        line: the line that the parser had come to, for errors that name none.
    """
    lines = text.rstrip("\n").split("\n")
    mark = getattr(error, "problem_mark", None)
    began = getattr(error, "context_mark", None)
    at = max(1, min(mark.line + 1 if mark else line, len(lines)))
    said = str(getattr(error, "problem", None) or "impossible escape")
    words = lines[at - 1]
    before = words[: len(words) - len(words.lstrip())]
    if "\t" in before or (mark and mark.line < len(lines) and words[mark.column : mark.column + 1] == "\t"):
        expected, fix, got = "spaces for indentation", "replace the tab by spaces", "a tab"
    else:
        expected, fix = next((row[1:] for row in _WORDS if row[0] in said), ("YAML", "correct this line"))
        got = shown(words.strip()) if words.strip() else "an empty line"
    if got != "a tab" and isinstance(error, yaml.MarkedYAMLError) and began is not None and began.line + 1 < at:
        fix = f"{fix} (the part around it begins on line {began.line + 1})"
    return Problem(file=file, line=at, path="", what="not YAML", expected=expected, got=got, fix=fix)
