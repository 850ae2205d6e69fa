"""The parser that all commands share: it guesses what was meant, and shows examples below the help."""

import argparse
import re
from typing import NoReturn

from zonewright.cli.examples import lines_of

_CHOICE = re.compile(
    r"argument (?P<name>[^:]+): invalid choice: '(?P<given>.*)' \(choose from (?P<known>.*)\)", re.DOTALL
)
_WORD = re.compile(r"[\w.-]+")


class Parser(argparse.ArgumentParser):
    """A parser of arguments, whose sub-commands have parsers of the same kind."""

    def format_help(self) -> str:
        """The help, with examples of the command at its end."""
        lines = lines_of(self.prog.partition(" ")[2])
        word = "Example" if len(lines) == 1 else "Examples"
        return super().format_help() + (f"\n{word}:\n" + "".join(f"  {line}\n" for line in lines) if lines else "")

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, with what was probably meant; exit code 2."""
        from difflib import get_close_matches

        found = _CHOICE.fullmatch(message)
        if found is None:
            super().error(message)
        known = _WORD.findall(found["known"])
        near = get_close_matches(found["given"][:80], known, n=1, cutoff=0.6)
        guess = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(known)}"
        what = "there is no command" if found["name"].isupper() else f"argument {found['name']}: there is no"
        super().error(f"{what} '{found['given']}'; {guess}")
