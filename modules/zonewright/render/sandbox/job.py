"""One file to render: its template with what it sees."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from zonewright.render.errors import RenderError
from zonewright.render.formats.format import ITEM, AnyContext, File, Format, Subject, items_of, subject_of, subject_text
from zonewright.render.formats.format_set import FormatSet
from zonewright.render.formats.template_text import TemplateText
from zonewright.render.sandbox.templates import LoadedTemplate, load

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
    source: TemplateText | None = None

    def names(self) -> dict[str, object]:
        """What the template starts from."""
        return {subject_of(self.context): self.context, **({ITEM: self.item} if self.file.each else {})}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file of a format with its template, ready to be rendered for any subject.

    Attributes:
        format: the format.
        file: the file.
        source: text of the template where it is a user's, which is not rendered in this process.
        loaded: the checked template.
        is_one: whether each subject has one such file, at the same path below its root.
    """

    format: Format
    file: File
    source: TemplateText | None
    loaded: LoadedTemplate
    is_one: bool


@lru_cache(maxsize=32)
def prepared(formats: FormatSet) -> Mapping[Subject, tuple[tuple[Format, tuple[Prepared, ...]], ...]]:
    """The files of each format by kind of subject.

    Raises:
        RenderError: when a template is missing, or is not one that may run.
    """
    found: dict[Subject, list[tuple[Format, tuple[Prepared, ...]]]] = {"node": [], "site": [], "group": []}
    for format_ in formats.formats:
        files = tuple(_prepared(format_, file, formats.source(file)) for file in format_.files)
        found[format_.subject].append((format_, files))
    return {subject: tuple(of_subject) for subject, of_subject in found.items()}


def _prepared(format_: Format, file: File, source: TemplateText | None) -> Prepared:
    is_one = not file.each and "{" not in file.path
    return Prepared(format_, file, source, load(format_, file, source), is_one)


def jobs_of(context: AnyContext, root: str, formats: FormatSet) -> Iterator[Job]:
    """The files of a subject, in order of formats.

    Raises:
        RenderError: when a path could lead to another folder.
    """
    for format_, files in prepared(formats)[subject_of(context)]:
        if format_.applies_to(context):
            for one in files:
                for path, item in items_of(one.file, context):
                    yield Job(
                        path=f"{root}/{path}",
                        format=one.format,
                        file=one.file,
                        context=context,
                        item=item,
                        source=one.source,
                    )


def rendered(context: AnyContext, root: str, formats: FormatSet) -> Iterator[tuple[str, str | Job]]:
    """Path and text of each file of a subject; a user's template is not run, and its job is given.

    Raises:
        RenderError: when a file cannot be rendered, with template, line and variable as far as known.
    """
    subject = subject_of(context)
    for format_, files in prepared(formats)[subject]:
        if not format_.applies_to(context):
            continue
        for one in files:
            if one.is_one and one.source is None:
                try:
                    text = one.loaded.text({subject: context})
                except Exception as error:  # whatever it stumbles over, the caller gets a sentence and no text
                    raise _told(error, one.loaded, one.file, context) from error
                yield f"{root}/{one.file.path}", _whole(text, one.file, context)
                continue
            for path, item in items_of(one.file, context):
                job = Job(
                    path=f"{root}/{path}",
                    format=one.format,
                    file=one.file,
                    context=context,
                    item=item,
                    source=one.source,
                )
                yield job.path, job if one.source is not None else render(job)


def render(job: Job) -> str:
    """The text of a file.

    Raises:
        RenderError: when it cannot be rendered, with template, line and variable as far as known.
    """
    loaded = load(job.format, job.file, job.source)
    try:
        text = loaded.text(job.names())
    except MemoryError:  # the limit of a process that users' templates run in; it is told there
        raise
    except Exception as error:  # whatever a template stumbles over, the caller gets a sentence and no text
        raise _told(error, loaded, job.file, job.context) from error
    return _whole(text, job.file, job.context)


def _whole(text: str, file: File, context: AnyContext) -> str:
    """The text with its last line ended, when it is not too long."""
    if len(text) > MAX_FILE_CHARACTERS:
        what = f"the file would have {len(text):,} characters; at most {MAX_FILE_CHARACTERS:,} are written"
        raise RenderError(what, template=file.template, subject=subject_text(context))
    return text if text.endswith("\n") else f"{text}\n"


def _told(error: Exception, loaded: LoadedTemplate, file: File, context: AnyContext) -> RenderError:
    """What a template stumbled over, as a sentence with its place."""
    line = _template_line(error, file.template)
    uses = [use for use in loaded.expressions if use.line == line]
    variable, path = (uses[0].text, uses[0].path) if len(uses) == 1 else ("", "")
    template, number = loaded.place(file.template, line)
    return RenderError(
        str(error) or type(error).__name__,
        template=template,
        line=number,
        variable=variable,
        data_path=path,
        subject=subject_text(context),
    )


def _template_line(error: BaseException, template: str) -> int:
    """Line of the template, from the innermost frame that Jinja2 maps to it."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(template):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
