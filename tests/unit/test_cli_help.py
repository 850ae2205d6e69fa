"""The help of commands: examples that parse, guesses that are right, completion that a shell takes."""

import argparse
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache

import pytest

from zonewright.cli import main, parser
from zonewright.cli.completion import SHELLS
from zonewright.cli.examples import EXAMPLES, lines_of


def leaves(top: argparse.ArgumentParser, name: str = "") -> Iterator[str]:
    """The commands that do something, by their words."""
    actions = [action for action in top._actions if isinstance(action, argparse._SubParsersAction)]
    for action in actions:
        for child, sub in action.choices.items():
            yield from leaves(sub, f"{name} {child}".strip())
    if not any(action.required for action in actions) and name:
        yield name


def test_each_command_has_an_example() -> None:
    """Neither a command without an example, nor an example of a command that is gone."""
    assert sorted(leaves(parser())) == sorted(EXAMPLES)


@cache
def whole() -> argparse.ArgumentParser:
    """The parser of all commands, which takes 20 ms to make."""
    return parser()


@pytest.mark.parametrize("command", sorted(EXAMPLES))
def test_an_example_is_a_call_that_parses(command: str) -> None:
    """What the help shows is taken by the parser, for the command that shows it."""
    for line in lines_of(command):
        words = shlex.split(line.removeprefix('eval "$(').removesuffix(')"'))
        words = words[: words.index(">")] if ">" in words else words
        assert words[0] == "zonewright"
        assert words[1:][: len(command.split())] == command.split()
        whole().parse_args(words[1:])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("chek",), "there is no command 'chek'; did you mean 'check'?"),
        (("ledger", "stauts"), "there is no command 'stauts'; did you mean 'status'?"),
        (("check", "x", "--format", "jsn"), "argument --format: there is no 'jsn'; did you mean 'json'?"),
        (("schema", "q"), "choose from zone, owner, overlay, meters-csv"),
    ],
)
def test_a_word_that_is_not_known(given: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped command or choice ends with 2, and with what was probably meant."""
    with pytest.raises(SystemExit) as caught:
        main(given)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_is_a_script_with_all_commands(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The script names each command, and a shell that is here finds no mistake in it."""
    assert main(("completion", shell)) == 0
    script = capsys.readouterr().out
    assert [word for name in leaves(parser()) for word in name.split() if word not in script] == []
    if shell != "tcsh" and (program := shutil.which(shell)):
        subprocess.run([program, "-n"], input=script, text=True, check=True)


def test_bash_completes_a_command() -> None:
    """Bash offers what begins with what was typed."""
    code = (
        'eval "$({0} -m zonewright completion bash)"; COMP_WORDS=(zonewright ledger ver); COMP_CWORD=2; '
        '_shtab_zonewright; echo "${{COMPREPLY[@]}}"'
    )
    shown = subprocess.run(
        ["bash", "-c", code.format(shlex.quote(sys.executable))], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "verify"
