"""One file to render: its template with what it sees."""

from collections.abc import Iterator
from dataclasses import dataclass

from zonewright.render.errors import RenderError
from zonewright.render.format import ITEM, AnyContext, File, Format, items_of, subject_of, subject_text
from zonewright.render.format_set import FormatSet
from zonewright.render.templates import load

MAX_FILE_CHARACTERS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One file to render.

    Attributes:
        path: its path among all rendered files.
        format: its format.
        file: which of the format's files it is.
        context: what its template sees.
        item: the thing that the file is for, where there is a file for each.
        source: text of the template where it is a user's.
    """

    path: str
    format: Format
    file: File
    context: AnyContext
    item: object = None
    source: str | None = None

    def names(self) -> dict[str, object]:
        """What the template starts from."""
        return {subject_of(self.context): self.context, **({ITEM: self.item} if self.file.each else {})}


def jobs_of(context: AnyContext, root: str, formats: FormatSet) -> Iterator[Job]:
    """The files of a subject, in order of formats.

    Raises:
        RenderError: when a path could lead to another folder.
    """
    for format_ in formats.of(context):
        for file in format_.files:
            for path, item in items_of(file, context):
                yield Job(
                    path=f"{root}/{path}",
                    format=format_,
                    file=file,
                    context=context,
                    item=item,
                    source=formats.source(file),
                )


def render(job: Job) -> str:
    """The text of a file.

    Raises:
        RenderError: when it can not be rendered, with template, line and variable as far as known.
    """
    loaded = load(job.format, job.file, job.source)
    name, subject = job.file.template, subject_text(job.context)
    try:
        text = loaded.template.render(job.names())
    except MemoryError:  # the limit of a process that users' templates run in; it is told there
        raise
    except Exception as error:  # whatever a template stumbles over, the caller gets a sentence and no text
        line = _template_line(error, name)
        uses = [use for use in loaded.expressions if use.line == line]
        variable, path = (uses[0].text, uses[0].path) if len(uses) == 1 else ("", "")
        raise RenderError(
            str(error) or type(error).__name__,
            template=name,
            line=line,
            variable=variable,
            data_path=path,
            subject=subject,
        ) from error
    if len(text) > MAX_FILE_CHARACTERS:
        what = f"the file would have {len(text):,} characters; at most {MAX_FILE_CHARACTERS:,} are written"
        raise RenderError(what, template=name, subject=subject)
    return text if text.endswith("\n") else f"{text}\n"


def _template_line(error: BaseException, template: str) -> int:
    """Line of the template, from the innermost frame that Jinja2 maps to it."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(template):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
