"""``zonewright completion``: what a shell needs to complete commands, options and files."""

import argparse
from pathlib import Path

SHELLS = ("bash", "zsh", "tcsh")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``completion``."""
    parser = commands.add_parser(
        "completion",
        help="print the completion of commands for a shell",
        description="Print a script that completes commands, options and names of files in a shell.",
    )
    parser.add_argument("shell", choices=SHELLS, help="which shell")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    import shtab

    from zonewright.cli import parser

    top = parser()
    _complete_files(top, shtab.FILE)
    print(shtab.complete(top, shell=arguments.shell))
    return 0


def _complete_files(parser: argparse.ArgumentParser, how: object) -> None:
    """Have arguments that are paths complete files."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to list them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for sub in action.choices.values():
                _complete_files(sub, how)
        elif action.type is Path:
            action.complete = how  # type: ignore[attr-defined]  # what shtab reads
