"""All errors that a person may read have one root, which is drawn as a tree."""

import ast
import builtins
import copy
import importlib
import inspect
import pickle
import pkgutil
from collections.abc import Iterator

import pytest

import zonewright
from support.sources import parsed
from zonewright.cli import main
from zonewright.cli.output import StoppedError, ending_with, report_error
from zonewright.errors import Exit, ZonewrightError
from zonewright.ledger import LedgerRefusedError
from zonewright.rules.finding import Finding

BROAD = {"Exception", "BaseException", "None"}
APART = {
    "_UnknownFormError": "ends the edit of one file within its module, and becomes part of an EditError",
    "_TwiceError": "ends the reading of JSON within its module, and becomes a NoJsonError",
    "NoJsonError": "is said of a file by who reads it; its room is a program that knows the standard library only",
    "_NotAskedError": "ends one try within its module, and the next one begins with the answer",
    "_StopError": "ends the reading of one file within its module, after the reason has been noted",
}
"""Exceptions that no person reads, each with the reason why it is none of the tree."""


def _modules() -> Iterator[str]:
    for found in pkgutil.walk_packages(zonewright.__path__, "zonewright."):
        if not found.name.endswith("__main__"):
            yield found.name


def _import_all() -> None:
    for name in _modules():
        importlib.import_module(name)


def _own(error: type[ZonewrightError]) -> list[type[ZonewrightError]]:
    """The classes of this package that are directly below."""
    below = {one for one in error.__subclasses__() if one.__module__.startswith("zonewright.")}
    return sorted(below, key=lambda one: one.__name__)


def _rows(error: type[ZonewrightError], lead: str = "") -> Iterator[tuple[str, type[ZonewrightError]]]:
    below = _own(error)
    for number, one in enumerate(below):
        is_last = number == len(below) - 1
        yield f"{lead}{'└── ' if is_last else '├── '}{one.__name__}", one
        yield from _rows(one, lead + ("    " if is_last else "│   "))


def _tree() -> str:
    """The tree as it is: name, exit code, module, and the built-in that it is too."""
    root: tuple[str, type[ZonewrightError]] = ("ZonewrightError", ZonewrightError)
    rows = [root, *_rows(ZonewrightError)]
    width = max(len(name) for name, _ in rows) + 2
    lines = []
    for name, error in rows:
        module = error.__module__.removeprefix("zonewright.") if error is not ZonewrightError else ""
        built_in = ", ".join(base.__name__ for base in error.__bases__ if base.__module__ == "builtins")
        code = "-" if error is StoppedError else str(int(error.exit_code))
        more = f" and {built_in}" if built_in and error is not ZonewrightError else ""
        lines.append(f"{name:<{width}}{code}  {module}{more}".rstrip())
    return "\n".join(lines)


def test_the_tree_is_drawn_as_it_is() -> None:
    """The docstring of the root draws every class of the tree with its exit code, module and built-in."""
    _import_all()
    expected = _tree()
    assert expected in (inspect.getdoc(ZonewrightError) or ""), f"draw this tree in zonewright/errors.py:\n{expected}"


def _exception_classes() -> Iterator[tuple[str, str]]:
    """Name and module of each class in the sources that is an exception by its bases."""
    classes: dict[str, list[tuple[str, list[str]]]] = {}
    for path, (_, nodes) in parsed().items():
        for node in nodes:
            if isinstance(node, ast.ClassDef):
                bases = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
                classes.setdefault(node.name, []).append((path, bases))
    kinds = {name for name, one in vars(builtins).items() if isinstance(one, type) and issubclass(one, BaseException)}
    size = 0
    while size != len(kinds):
        size = len(kinds)
        kinds |= {name for name, places in classes.items() for _, bases in places if kinds & set(bases)}
    for name in sorted(kinds & set(classes)):
        for place, _ in classes[name]:
            yield name, place


def test_every_exception_has_the_root() -> None:
    """Every exception in the sources, wherever it is written, is in the tree or in the list with a reason."""
    _import_all()
    tree = {error.__name__ for _, error in _rows(ZonewrightError)} | {"ZonewrightError"}
    found = {name for name, _ in _exception_classes()}
    assert len(found) > 40
    assert found - tree == set(APART)


def test_names_of_errors_mean_one_thing() -> None:
    """No two errors of the package share a name, and none hides a built-in."""
    names = [name for name, _ in _exception_classes()]
    assert sorted(set(names)) == names
    assert not [name for name in names if hasattr(builtins, name)]
    assert all(name.endswith("Error") for name in names)


class _TwoSentencesError(ZonewrightError):
    """Of this test."""

    exit_code = Exit.MISUSE


def test_an_error_is_its_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    """The command line prints one line for each sentence and ends with the error's own code."""
    assert report_error(_TwoSentencesError("one", "two")) == Exit.MISUSE
    assert capsys.readouterr().err == "error: one\nerror: two\n"
    assert str(_TwoSentencesError("one", "two")) == "one; two"


def test_an_error_passes_to_another_process_as_it_is() -> None:
    """Every error of the tree can be pickled and copied, whatever its constructor asks for, with all that it knows."""
    _import_all()
    kinds: list[type[ZonewrightError]] = [ZonewrightError, *(kind for _, kind in _rows(ZonewrightError))]
    for kind in kinds:
        made = kind.__new__(kind)
        ZonewrightError.__init__(made, "one", "two")
        made.__dict__["code"] = "another-lineage"
        for again in (pickle.loads(pickle.dumps(made)), copy.copy(made)):
            assert type(again) is kind
            assert (again.args, vars(again)) == (made.args, vars(made)), kind
    finding = Finding(rule="unit-overlap", level="mandatory", subject="r", where="w", message="m")
    refused = LedgerRefusedError("findings", "1 finding; nothing was claimed", (finding,))
    again = pickle.loads(pickle.dumps(refused))
    assert (str(again), again.code, again.findings) == (str(refused), "findings", (finding,))


def test_errors_are_printed_in_one_place() -> None:
    """Only the function that maps errors writes a line of ``error:``; all else raises, with a sentence and a code."""
    printing = [
        path
        for path, (_, nodes) in parsed().items()
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("error: ")
    ]
    assert printing == ["cli/output.py"]


def test_an_interrupt_is_told_by_every_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever ends a command by hand reads one sentence and no traceback, with ``--debug`` too."""

    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("zonewright.cli.check._run", interrupted)
    assert main(["--debug", "check", "zone"]) == Exit.NOT_DECIDED
    assert capsys.readouterr().err == "error: interrupted\n"


def test_a_command_may_choose_another_code() -> None:
    """What stops a command within ``ending_with`` has that code, and no other error of its class has."""
    error = _TwoSentencesError("one")
    with pytest.raises(_TwoSentencesError), ending_with(Exit.REFUSED):
        raise error
    assert (error.exit_code, _TwoSentencesError("two").exit_code) == (Exit.REFUSED, Exit.MISUSE)


def test_every_error_stands_for_trouble() -> None:
    """No error of the tree ends a command with 0."""
    _import_all()
    for _, error in _rows(ZonewrightError):
        assert error.exit_code in {Exit.REFUSED, Exit.MISUSE, Exit.NOT_DECIDED}


def test_whoever_takes_all_exceptions_says_why() -> None:
    """An ``except Exception`` that does not raise it again as it was has its reason on the same line."""
    silent = []
    for path, (text, nodes) in parsed().items():
        lines = text.splitlines()
        for node in nodes:
            if not isinstance(node, ast.ExceptHandler) or ast.unparse(node.type or ast.Constant(None)) not in BROAD:
                continue
            again = any(isinstance(one, ast.Raise) and one.exc is None for one in ast.walk(node))
            reason = lines[node.lineno - 1].partition("#")[2].replace("noqa: BLE001", "")
            if not again and len(reason.strip(" -")) < 10:
                silent.append(f"{path}:{node.lineno}")
    assert silent == []
