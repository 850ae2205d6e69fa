"""Contexts in, files out."""

from collections.abc import Iterable, Mapping

from jinja2 import TemplateError, UndefinedError
from jinja2.exceptions import SecurityError

from zonewright.model.canonical import canonical_json, digest_of
from zonewright.render.context import NodeContext
from zonewright.render.environment import environment
from zonewright.render.errors import RenderError
from zonewright.render.formats import NODE_FORMATS, Format


def render_nodes(contexts: Iterable[NodeContext]) -> Mapping[str, str]:
    """Every configuration of the nodes: text by path, in order of path.

    Raises:
        RenderError: for the first value that can not be rendered; nothing is returned then.
    """
    files: dict[str, str] = {}
    for context in contexts:
        for format_ in NODE_FORMATS:
            files[format_.path.format(site=context.site, name=context.name)] = _render(format_, context)
    return dict(sorted(files.items()))


def _render(format_: Format, context: NodeContext) -> str:
    template = environment().get_template(format_.template)
    try:
        text = template.render(node=context)
    except (RenderError, TemplateError, SecurityError) as error:
        line = _template_line(error, format_.template)
        what = "undefined value: " if isinstance(error, UndefinedError) else ""
        raise RenderError(f"{format_.template}{line}: {context.name} ({context.rack}): {what}{error}") from error
    return text if text.endswith("\n") else f"{text}\n"


def _template_line(error: BaseException, template: str) -> str:
    """``:line`` of the template, from the innermost frame that Jinja2 maps to it."""
    line, trace = "", error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(template):
            line = f":{trace.tb_lineno}"
        trace = trace.tb_next
    return line


def tree_digest(files: Mapping[str, str]) -> str:
    """Digest of a whole tree: of the canonical mapping of path to content digest."""
    return digest_of(canonical_json({path: digest_of(text) for path, text in files.items()}))
