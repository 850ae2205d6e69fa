"""Secrets in declarations: only references, only where one is taken; no sentence repeats what looks like a secret."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from zonewright.declare.problem import Problem, dotted
from zonewright.declare.schema.sentences import NO_REFERENCE
from zonewright.declare.schema.shape import FileType, shape_at
from zonewright.declare.yaml_text.tree import YamlNode, scalars
from zonewright.model.device_type import DeviceType
from zonewright.model.secret import EXAMPLE, HIDDEN, LIKE_ONE, REFERENCE_PATTERN
from zonewright.model.secret_scan import suspicions

_FIX = f"put it into a secret store and write a reference, such as {EXAMPLE}, in a field that accepts one"


def secret_lines(text: str, model: FileType) -> dict[int, str]:
    """Lines that hold what looks like a secret, with its kind.

    Args:
        text: the file's text.
        model: what it holds.
    """
    read = without_comments(text) if model is DeviceType else text
    return {one.line: one.kind for one in reversed(suspicions({"": read}))}


def without_comments(text: str) -> str:
    r"""The text of a NetBox device type with empty lines where its ``comments`` are.

    They are for people and go nowhere: most link to a data sheet, whose address often looks random.

    Example:
        >>> without_comments("model: X\ncomments: |\n  see a link\nu_height: 1\n")
        'model: X\n\n\nu_height: 1\n'
    """
    kept: list[str] = []
    is_comment = False
    for line in text.split("\n"):
        if line.strip() and not line.startswith((" ", "\t")):
            is_comment = line.startswith("comments:")
        kept.append("" if is_comment else line)
    return "\n".join(kept)


def secret_problems(lines: dict[int, str], file: str, said: Iterable[Problem]) -> Iterator[Problem]:
    """One problem for each line that holds what looks like a secret.

    Args:
        lines: what ``secret_lines`` found.
        file: name of the file.
        said: the other problems of the file; where a reference was expected, that was said.
    """
    told = {problem.line for problem in said if problem.what == NO_REFERENCE}
    for line, kind in sorted(lines.items()):
        if line in told:
            continue
        yield Problem(
            file=file,
            line=line,
            path="",
            what="a value that looks like a secret",
            expected="no secret: everything here goes into the ledger, plans and reports",
            got=f"{kind}, which is not shown",
            fix=_FIX,
        )


def misplaced_references(root: YamlNode, model: FileType, file: str) -> Iterator[Problem]:
    """References where none is taken: they would be resolved wherever the text is rendered.

    Args:
        root: the document.
        model: type of the file.
        file: name of the file.
    """
    said: set[int] = set()
    for path, node in scalars(root):
        if id(node) in said or LIKE_ONE.search(node.text) is None:
            continue
        said.add(id(node))
        if (shape_at(model, path) or {}).get("pattern") != REFERENCE_PATTERN:
            yield Problem(
                file=file,
                line=node.line,
                path=dotted(path),
                what="a reference to a secret in a field that does not accept one",
                expected="a reference only in a field for references, such as the password of a link",
                got=HIDDEN,
                fix="delete it, or write a value that is not secret",
            )


def without_secrets(problems: Iterable[Problem], hidden: Collection[int]) -> list[Problem]:
    """Problems whose sentences do not repeat a value that looks like a secret.

    Args:
        problems: the problems of one file.
        hidden: lines of it that hold one; a value of several lines begins on the line before.
    """
    return [_without(problem, hidden) for problem in problems]


def _without(problem: Problem, hidden: Collection[int]) -> Problem:
    if suspicions({"": problem.path}):
        problem = replace(problem, path="", got=HIDDEN, fix="write no secret here, neither as a key nor as a value")
    if problem.got == HIDDEN:
        return problem
    said = f"{problem.what}\n{problem.got}\n{problem.fix}"
    if problem.line in hidden or problem.line + 1 in hidden or suspicions({"": said}):
        return replace(problem, got=HIDDEN, fix="correct it, and write no secret here")
    return problem
