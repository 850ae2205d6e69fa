"""From a file to its text: what cannot be read, is too long or holds what no editor shows is said in a sentence."""

import re
from itertools import islice
from pathlib import Path

from zonewright.declare.problem import Problem
from zonewright.declare.yaml_text.regular import NotAnOrdinaryFileError, read_regular

MAX_BYTES = 2 * 1024 * 1024
_MAX_LINES_NAMED = 20

UNSEEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
"""Characters that change what a reader sees, or end a line where no editor does."""

_NAMES = {"\x00": "a NUL character", "\x1b": "an escape character", "\ufeff": "a byte order mark within the text"}


def name_of(character: str) -> str:
    """A character that cannot be shown, in words."""
    kind = "the invisible character" if ord(character) > 0x9F else "the control character"  # noqa: PLR2004 - end of C1
    return _NAMES.get(character, f"{kind} U+{ord(character):04X}")


def read_text(path: Path, name: str, problems: list[Problem]) -> str | None:
    """The text of a file with line feeds as its only line breaks, or None with the reasons added to ``problems``.

    Args:
        path: the file.
        name: what to call it.
        problems: where to say what is wrong.
    """
    try:
        if not path.exists():
            problems.append(_whole(name, "the file is missing", "a YAML file", "no file", f"create {name}"))
            return None
        raw = read_regular(path, MAX_BYTES)
    except (NotAnOrdinaryFileError, IsADirectoryError):
        problems.append(_whole(name, "not an ordinary file", "a text file", "a folder or device", f"replace {name}"))
        return None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "a name that no file can have"
        problems.append(
            _whole(name, "the file cannot be read", "a readable file", reason.lower(), "check its name and permissions")
        )
        return None
    if len(raw) > MAX_BYTES:
        problems.append(
            _whole(
                name,
                "the file is too large",
                f"at most {MAX_BYTES // 1024:,} KiB",
                "more",
                "use ranges of rows and counts of nodes instead of writing each one out",
            )
        )
        return None
    return decode(raw, name, problems)


def decode(raw: bytes, name: str, problems: list[Problem]) -> str | None:
    """The text of the bytes of a file; see :func:`read_text`."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        utf_16 = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
        problems.append(
            Problem(
                file=name,
                line=_line(raw[: error.start].decode("latin-1")),
                path="",
                what="the file is not UTF-8 text",
                expected="UTF-8",
                got="UTF-16" if utf_16 else f"the byte 0x{raw[error.start]:02X}",
                fix="save the file as UTF-8",
            )
        )
        return None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    found = ((line, UNSEEN.search(words)) for line, words in enumerate(text.split("\n"), 1))
    unseen = list(islice(((line, match[0]) for line, match in found if match), _MAX_LINES_NAMED))
    problems += [
        Problem(
            file=name,
            line=line,
            path="",
            what="a character that cannot be seen",
            expected="text with visible characters only",
            got=name_of(character),
            fix="delete that character",
        )
        for line, character in unseen
    ]
    return None if unseen else text


def _line(before: str) -> int:
    return len(re.findall(r"\r\n|\r|\n", before)) + 1


def _whole(name: str, what: str, expected: str, got: str, fix: str) -> Problem:
    return Problem(file=name, line=0, path="", what=what, expected=expected, got=got, fix=fix)
