"""Contexts in, files out: all of them, or an error."""

import re
from collections.abc import Iterable, Mapping

from zonewright.model.canonical import canonical_json, digest_of
from zonewright.render.context import NodeContext, leaves
from zonewright.render.errors import RenderError
from zonewright.render.formats import FORMATS, Format
from zonewright.render.quoting import flaw_of
from zonewright.render.templates import load

MAX_FILE_CHARACTERS = 1_000_000


def render_nodes(contexts: Iterable[NodeContext]) -> Mapping[str, str]:
    """Every configuration of the nodes: text by path, in order of path.

    Raises:
        RenderError: for the first value that can not be rendered; nothing is returned then.
    """
    files: dict[str, str] = {}
    for context in contexts:
        _refuse_flaws(context)
        for format_ in FORMATS:
            path = format_.path_of(context)
            if path in files:
                raise RenderError(f"two nodes of site {context.site} are called {context.name}", subject=path)
            files[path] = _render(format_, context)
    return dict(sorted(files.items()))


def tree_digest(files: Mapping[str, str]) -> str:
    """Digest of a whole tree: of the canonical mapping of path to content digest."""
    return digest_of(canonical_json({path: digest_of(text) for path, text in files.items()}))


def _refuse_flaws(context: NodeContext) -> None:
    """Raise for the first value that must not get into a file, naming where a template would print it."""
    for path, value in leaves(context, "node"):
        flaw = flaw_of(value)
        if flaw is None:
            continue
        field = re.sub(r"\[[0-9]+\]", "[]", path)
        subject = f"node {context.name!r} in {context.rack!r}"
        for format_ in FORMATS:
            for use in load(format_).expressions:
                if use.path == field:
                    raise RenderError(
                        flaw,
                        template=format_.template,
                        line=use.line,
                        variable=use.text,
                        data_path=path,
                        subject=subject,
                    )
        raise RenderError(flaw, data_path=path, subject=subject)


def _render(format_: Format, context: NodeContext) -> str:
    loaded = load(format_)
    subject = f"node {context.name} in {context.rack}"
    try:
        text = loaded.template.render(node=context)
    except Exception as error:  # whatever a template stumbles over, the caller gets a sentence and no text
        line = _template_line(error, format_.template)
        uses = [use.text for use in loaded.expressions if use.line == line]
        variable = uses[0] if len(uses) == 1 else ""
        raise RenderError(
            str(error), template=format_.template, line=line, variable=variable, subject=subject
        ) from error
    if len(text) > MAX_FILE_CHARACTERS:
        what = f"the file would have {len(text):,} characters; at most {MAX_FILE_CHARACTERS:,} are written"
        raise RenderError(what, template=format_.template, subject=subject)
    return text if text.endswith("\n") else f"{text}\n"


def _template_line(error: BaseException, template: str) -> int:
    """Line of the template, from the innermost frame that Jinja2 maps to it."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(template):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
