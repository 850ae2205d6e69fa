"""Contexts in, files out: all of them, or an error."""

import re
from collections.abc import Iterable, Mapping

from zonewright.model.canonical import canonical_json, digest_of
from zonewright.render.contexts.node_context import leaves
from zonewright.render.errors import RenderError
from zonewright.render.formats.format import AnyContext, root_of, subject_of, subject_text
from zonewright.render.formats.format_set import BUILT_IN, FormatSet
from zonewright.render.quoting import flaw_of
from zonewright.render.sandbox.confined import render_confined
from zonewright.render.sandbox.job import Job, rendered
from zonewright.render.sandbox.templates import load


def render_all(contexts: Iterable[AnyContext], formats: FormatSet = BUILT_IN) -> Mapping[str, str]:
    """Every configuration of nodes, sites and groups: text by path, in order of path.

    Args:
        contexts: what is to be rendered.
        formats: the formats; those of zonewright itself unless a zone adds some.

    Raises:
        RenderError: for the first value that cannot be rendered; nothing is returned then.
    """
    files: dict[str, str] = {}
    by_users: list[Job] = []
    for context in contexts:
        made = _files_of(context, formats)
        for path, text in made.items():
            if path in files:
                raise RenderError(f"two subjects have the same path: {subject_text(context)}", subject=path)
            files[path] = text if isinstance(text, str) else ""
            if not isinstance(text, str):
                by_users.append(text)
    if by_users:
        files |= render_confined(by_users)
    return {path: files[path] for path in sorted(files)}


def _files_of(context: AnyContext, formats: FormatSet) -> Mapping[str, str | Job]:
    """The files of one subject by path; those of users' templates are jobs."""
    root = root_of(context)
    try:
        return dict(rendered(context, root, formats))
    except RenderError:
        # Filters refuse what must not get into a file; which one of a list's values it was is found by looking.
        _refuse_flaws(context, formats)
        raise


def tree_digest(files: Mapping[str, str]) -> str:
    """Digest of a whole tree: of the canonical mapping of path to content digest."""
    return digest_of(canonical_json({path: digest_of(text) for path, text in files.items()}))


def _refuse_flaws(context: AnyContext, formats: FormatSet) -> None:
    """Raise for the first value that must not get into a file, naming where a template would print it."""
    for path, value in leaves(context, subject_of(context)):
        flaw = flaw_of(value)
        if flaw is None:
            continue
        field = re.sub(r"\[[0-9]+\]", "[]", path)
        subject = subject_text(context)
        for format_ in formats.of(context):
            for file in format_.files:
                loaded = load(format_, file, formats.source(file))
                for use in loaded.expressions:
                    if use.path == field:
                        template, line = loaded.place(file.template, use.line)
                        raise RenderError(
                            flaw,
                            template=template,
                            line=line,
                            variable=use.text,
                            data_path=path,
                            subject=subject,
                        )
        raise RenderError(flaw, data_path=path, subject=subject)
