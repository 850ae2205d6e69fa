"""Contexts in, files out: all of them, or an error."""

import re
from collections.abc import Iterable, Iterator, Mapping

from zonewright.model.canonical import canonical_json, digest_of
from zonewright.render.context import leaves
from zonewright.render.errors import RenderError
from zonewright.render.format import AnyContext, File, Format, root_of, subject_text
from zonewright.render.formats import FORMATS
from zonewright.render.quoting import flaw_of
from zonewright.render.templates import load

MAX_FILE_CHARACTERS = 1_000_000


def render_all(contexts: Iterable[AnyContext]) -> Mapping[str, str]:
    """Every configuration of nodes and sites: text by path, in order of path.

    Raises:
        RenderError: for the first value that can not be rendered; nothing is returned then.
    """
    files: dict[str, str] = {}
    for context in contexts:
        root = root_of(context)
        _refuse_flaws(context)
        for format_, file in _files_of(context):
            path = f"{root}/{file.path}"
            if path in files:
                raise RenderError(f"two subjects have one path: {subject_text(context)}", subject=path)
            files[path] = _render(format_, file, context)
    return dict(sorted(files.items()))


def tree_digest(files: Mapping[str, str]) -> str:
    """Digest of a whole tree: of the canonical mapping of path to content digest."""
    return digest_of(canonical_json({path: digest_of(text) for path, text in files.items()}))


def _files_of(context: AnyContext) -> Iterator[tuple[Format, File]]:
    for format_ in FORMATS:
        if format_.applies_to(context):
            for file in format_.files:
                yield format_, file


def _refuse_flaws(context: AnyContext) -> None:
    """Raise for the first value that must not get into a file, naming where a template would print it."""
    uses = [(file, use) for format_, file in _files_of(context) for use in load(format_, file).expressions]
    for path, value in leaves(context, _name(context)):
        flaw = flaw_of(value)
        if flaw is None:
            continue
        field = re.sub(r"\[[0-9]+\]", "[]", path)
        subject = subject_text(context)
        for file, use in uses:
            if use.path == field:
                raise RenderError(
                    flaw, template=file.template, line=use.line, variable=use.text, data_path=path, subject=subject
                )
        raise RenderError(flaw, data_path=path, subject=subject)


def _name(context: AnyContext) -> str:
    return next(format_.subject for format_, _ in _files_of(context))


def _render(format_: Format, file: File, context: AnyContext) -> str:
    loaded = load(format_, file)
    subject = subject_text(context)
    try:
        text = loaded.template.render({format_.subject: context})
    except Exception as error:  # whatever a template stumbles over, the caller gets a sentence and no text
        line = _template_line(error, file.template)
        uses = [use.text for use in loaded.expressions if use.line == line]
        variable = uses[0] if len(uses) == 1 else ""
        raise RenderError(str(error), template=file.template, line=line, variable=variable, subject=subject) from error
    if len(text) > MAX_FILE_CHARACTERS:
        what = f"the file would have {len(text):,} characters; at most {MAX_FILE_CHARACTERS:,} are written"
        raise RenderError(what, template=file.template, subject=subject)
    return text if text.endswith("\n") else f"{text}\n"


def _template_line(error: BaseException, template: str) -> int:
    """Line of the template, from the innermost frame that Jinja2 maps to it."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(template):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
