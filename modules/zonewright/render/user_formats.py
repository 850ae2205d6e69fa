"""Formats of a zone's own folder ``templates/``, through the same interface as those of zonewright itself.

A folder with a ``format.yaml`` is a format of the zone's own. A folder that is called like a format of zonewright, and
has none, puts its templates in the place of those with the same names.
"""

import os
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from zonewright.declare.document import read_document
from zonewright.declare.problem import Problem, in_order, one_of, shown
from zonewright.declare.secrets import secret_lines, secret_problems
from zonewright.declare.yaml_text.regular import read_regular
from zonewright.model.base import IDENTIFIER_PATTERN
from zonewright.model.format_file import TEMPLATES as FOLDER
from zonewright.model.format_file import FormatFile
from zonewright.render.errors import RenderError
from zonewright.render.formats import FORMATS
from zonewright.render.formats.format import CONTEXTS, File, Format, ValidatorCommand
from zonewright.render.formats.format_set import BUILT_IN, PART, FormatSet, TemplateText
from zonewright.render.quoting import FILTERS
from zonewright.render.sandbox.templates import check

FORMAT_FILE = "format.yaml"
_MAX_BYTES = 200_000
_ESCAPED = re.compile(r"\\[^0-9]|\[\^?\]?[^\]]{0,200}\]")
"""A character by itself, or a set of them: what stands in it repeats nothing."""
_REPEATED = re.compile(r"[*+?]\??|\{")
_HEAD_OF_GROUP = re.compile(r"\(\?(?::|i\))")
_TOO_CLEVER = re.compile(r"\)[*+?{]|\(\?|\\[0-9]")
"""A group that repeats, looks around or is asked for again."""


def load_formats(zone: Path) -> tuple[FormatSet, tuple[Problem, ...]]:
    """The formats of a zone, and all that is wrong with its own ones.

    Args:
        zone: the zone's folder, which may have a folder ``templates``.
    """
    folder = zone / FOLDER
    if not folder.is_dir():
        return BUILT_IN, ()
    formats: dict[str, Format] = {one.id: one for one in FORMATS}
    sources: dict[str, str] = {}
    problems: list[Problem] = []
    inside = Path(os.path.realpath(zone))
    if way := _way_out(folder, inside):
        return BUILT_IN, (_leads_out("", folder, way),)
    for sub in sorted(one for one in folder.iterdir() if not one.name.startswith((".", "_"))):
        held = (one for one in (sub.iterdir() if sub.is_dir() else ()) if not one.name.startswith("."))
        if out := {one: way for one in (sub, *held) if (way := _way_out(one, inside))}:
            problems += [_leads_out(str(one.relative_to(folder)), one, way) for one, way in out.items()]
            continue
        found, texts, wrong = _read(sub)
        problems += wrong
        sources |= texts
        if found is not None:
            formats[found.id] = found
    return FormatSet(tuple(formats.values()), sources), in_order(problems)


def _way_out(path: Path, inside: Path) -> str:
    """Where a link leads that is not followed, for whatever lies there would be read into the zone's files; or empty.

    Within the zone's folder that is what is hidden: a checkout keeps its credentials in ``.git``.
    """
    if not path.is_symlink():
        return ""
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(inside):
        return "out of the zone's folder"
    return "to a hidden file" if any(part.startswith(".") for part in real.relative_to(inside).parts) else ""


def _leads_out(name: str, path: Path, way: str) -> Problem:
    got = f"a link to {shown(str(path.readlink()))}"
    expected, fix = "files within the zone's folder, of which none is hidden", "put a copy in its place"
    return _problem(name, f"a link {way}", expected, got, fix)


def _read(sub: Path) -> tuple[Format | None, dict[str, str], list[Problem]]:
    """One folder: its format, its templates by name, and what is wrong with them."""
    name = sub.name
    if not sub.is_dir() or re.fullmatch(IDENTIFIER_PATTERN, name) is None:
        expected = "a folder for each format, named by an id of a-z, 0-9 and '-'"
        return None, {}, [_problem(name, "not a format", expected, shown(name), "rename it, or remove it")]
    known = next((one for one in FORMATS if one.id == name), None)
    declared = sub / FORMAT_FILE
    problems: list[Problem] = []
    if declared.is_file():
        if known is not None:
            fix = "give it another name; only templates can replace zonewright's own"
            wrong = _problem(f"{name}/{FORMAT_FILE}", "a format that exists already", "a new id", shown(name), fix)
            return None, {}, [wrong]
        made, problems = _declared(declared)
    else:
        made = known
        if made is None:
            ids = one_of(one.id for one in FORMATS)
            fix = f"add {FORMAT_FILE}, or rename the folder"
            return None, {}, [_problem(name, "an unknown format", f"{ids}, or a {FORMAT_FILE}", "neither", fix)]
    if made is None:
        return None, {}, problems
    texts, wrongs = _templates(sub, made)
    return (made if known is None else None), texts, [*problems, *wrongs]


def _declared(path: Path) -> tuple[Format | None, list[Problem]]:
    """A format from its file; its templates are not looked at."""
    file = f"{path.parent.name}/{path.name}"
    document = read_document(path, FormatFile)
    problems = [replace(one, file=f"{FOLDER}/{file}") for one in document.problems]
    content = document.content
    if problems or not isinstance(content, FormatFile):
        return None, problems
    fix = "choose those that quote for the format"
    problems += [
        _problem(file, "an unknown filter", one_of(sorted(FILTERS)), shown(name), fix)
        for name in content.filters
        if name not in FILTERS
    ]
    fields = typing.get_type_hints(CONTEXTS[content.subject])
    for name in (content.needs, *(one.each for one in content.files)):
        if name and name not in fields:
            expected = f"a field of the {content.subject}: {', '.join(sorted(fields))}"
            problems.append(_problem(file, "an unknown field", expected, shown(name), "correct it"))
    for pattern in (content.check.complaint,) if content.check is not None else ():
        if not _is_pattern(pattern):
            expected = "one of Python's with at most one of '*', '+', '?', '{', and none after a group"
            problems.append(_problem(file, "not a regular expression", expected, shown(pattern), "correct it"))
    return (None if problems else _format(path.parent.name, content)), problems


def _is_pattern(text: str) -> bool:
    """Whether it is a regular expression that looks at each character of a line so many times and no more."""
    plain = _HEAD_OF_GROUP.sub(lambda match: "(" if match[0] == "(?:" else "", _ESCAPED.sub("x", text))
    if len(_REPEATED.findall(plain)) > 1 or _TOO_CLEVER.search(plain) is not None:
        return False
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def _format(name: str, content: FormatFile) -> Format:
    return Format(
        id=name,
        title=content.title,
        description=content.description,
        subject=content.subject,
        files=tuple(File(template=f"{name}/{one.template}", path=one.path, each=one.each) for one in content.files),
        filters=frozenset(content.filters),
        check=None if content.check is None else ValidatorCommand(**content.check.model_dump(), of_zone=True),
        needs=content.needs,
        of_routers=any(one.id == name and one.of_routers and one.subject == content.subject for one in FORMATS),
    )


def _templates(sub: Path, format_: Format) -> tuple[dict[str, str], list[Problem]]:
    """The templates of a folder, each checked before it is ever run."""
    wanted = {file.template: file for file in format_.files}
    is_own = (sub / FORMAT_FILE).is_file()
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for path in sorted(sub.iterdir()):
        name = f"{sub.name}/{path.name}"
        if path.name == FORMAT_FILE or path.name.startswith("."):
            continue
        if name not in wanted and not path.name.startswith(PART):
            expected = f"{one_of(Path(one).name for one in wanted)}, or a name with '{PART}' of one that others include"
            problems.append(_problem(name, "a template that no file uses", expected, shown(path.name), "rename it"))
            continue
        text = _text(path, name, problems)
        if text is not None:
            texts[name] = text
    problems += _all_checked(sub.name, texts, format_, wanted)
    for name in sorted(wanted.keys() - texts.keys()) if is_own else ():
        if not (sub / Path(name).name).exists():
            problems.append(_problem(name, "a template that is missing", "a file", "none", "write it"))
    return texts, problems


def _text(path: Path, name: str, problems: list[Problem]) -> str | None:
    try:
        raw = read_regular(path, _MAX_BYTES)
        if len(raw) > _MAX_BYTES:
            fix = "split it into several files"
            problems.append(_problem(name, "a long template", f"at most {_MAX_BYTES:,} bytes", "more", fix))
            return None
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = "a template that cannot be read"
        got = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        problems.append(_problem(name, what, "an ordinary file of UTF-8 text", shown(got), "correct it"))
        return None
    return text.replace("\r\n", "\n")


def _all_checked(
    folder: str, texts: Mapping[str, str], format_: Format, wanted: Mapping[str, File]
) -> Iterator[Problem]:
    """What is wrong with templates of a folder, and with what they include; each fault is told once."""
    parts = tuple((name.rpartition("/")[2], text) for name, text in texts.items() if name not in wanted)
    used: set[str] = set()
    told: dict[tuple[str, int, str], Problem] = {}
    is_sure = True
    for name, text in texts.items():
        yield from secret_problems(secret_lines(text), f"{FOLDER}/{name}", ())
        if name in wanted:
            try:
                used |= check(TemplateText(text, parts), format_=format_, file=wanted[name])
            except RenderError as error:
                is_sure = False  # it stops at the first fault, so it may use more
                told.setdefault((error.template, error.line, error.what), _refused(error))
    yield from told.values()
    for name, _ in parts if is_sure else ():
        if name not in used:
            expected = "a file that a template includes or imports"
            yield _problem(f"{folder}/{name}", "a part that no template uses", expected, shown(name), "remove it")


def _refused(error: RenderError) -> Problem:
    return Problem(
        file=f"{FOLDER}/{error.template}",
        line=error.line,
        path=error.variable,
        what="a template that may not run",
        expected="fields of the context through filters, 'for' and 'if'",
        got=error.what,
        fix="correct this line",
    )


def _problem(file: str, what: str, expected: str, got: str, fix: str) -> Problem:
    return Problem(file=f"{FOLDER}/{file}".rstrip("/"), line=0, path="", what=what, expected=expected, got=got, fix=fix)
