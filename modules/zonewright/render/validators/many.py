"""One place for many calls of a validator: the files of each subject below a name that nobody can guess or list.

Making a place costs more than most programs take. So the calls on many subjects share one, as commands for the shell;
each call has its own time, and a line behind it with its exit code. What Python runs is loaded once. What comes of it
is only ever taken for a pass: whatever else was said is asked again, of that subject by itself.
"""

import json
import re
import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MOST = 100
"""Subjects of one place."""
_LOADED_ONCE = """\
import importlib, json, os, sys
token, calls = sys.argv[1], json.loads(sys.argv[2])
for module, words in calls:
    try:
        code = importlib.import_module(module + ".__main__").main(words)
    except SystemExit as end:
        code = end.code
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(1, ("\\n%s %d\\n" % (token, code if isinstance(code, int) else 1)).encode())
"""


@dataclass(frozen=True, slots=True)
class Many:
    """The calls on many subjects.

    Attributes:
        names: the folder of each subject.
        token: begins the lines behind the calls.
    """

    names: tuple[str, ...]
    token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @classmethod
    def of(cls, count: int) -> "Many":
        """So many subjects."""
        return cls(tuple(secrets.token_hex(16) for _ in range(count)))

    def files(self, each: Sequence[Mapping[str, str]]) -> dict[str, str]:
        """The files of all subjects by path below one folder.

        Args:
            each: the files of each subject.
        """
        pairs = zip(self.names, each, strict=True)
        return {f"{name}/{path}": text for name, files in pairs for path, text in files.items()}

    def command(self, program: str, commands: Sequence[Sequence[str]], root: str, *, limit_s: float) -> list[str]:
        """The one command that does all calls, subject by subject.

        Args:
            program: by its absolute path.
            commands: arguments of each call of one subject, with ``{root}``.
            root: folder that has the folders of the subjects.
            limit_s: seconds for each call.
        """
        calls = [[item.replace("{root}", f"{root}/{name}") for item in one] for name in self.names for one in commands]
        if all(one[:1] == ["-m"] for one in calls):
            words = json.dumps([(one[1], one[2:]) for one in calls])
            return [program, "-c", _LOADED_ONCE, self.token, words]
        lines = [
            f"timeout -k 1 {limit_s:g} {shlex.join([program, *one])}; printf '\\n%s %s\\n' {self.token} $?"
            for one in calls
        ]
        return ["/bin/sh", "-c", "\n".join(lines)]

    def told(self, output: str, calls: int) -> list[list[tuple[int, str]]]:
        """Exit code and output of each call of each subject; of one that did not come that far, fewer or none.

        Args:
            output: what all of it printed.
            calls: of each subject.
        """
        pieces = re.split(rf"\n{self.token} (\d+)\n", output)
        pairs = [(int(code), text) for text, code in zip(pieces[:-1:2], pieces[1::2], strict=True)]
        return [pairs[at * calls : (at + 1) * calls] for at in range(len(self.names))]
