"""The program that runs one rule of a zone in its place: it reads facts, calls ``check`` and writes figures.

It is sent there as text, and zonewright is not there: it imports the standard library only.
"""

import json
import os
import sys
import traceback
from typing import Any

MOST = 10_000
"""Findings of one rule; one more is written, so that it is told that there are more."""


def main(folder: str) -> None:
    """Run ``rule.py`` on ``given.json``, and write the answer to the standard output, where ``print`` has no way."""
    answers = os.dup(1)
    os.dup2(2, 1)
    with open(f"{folder}/rule.py", encoding="utf-8") as file:  # noqa: PTH123 - no more modules than these
        text = file.read()
    with open(f"{folder}/given.json", encoding="utf-8") as file:  # noqa: PTH123
        given = json.load(file)
    try:
        space: dict[str, Any] = {"__name__": "rule"}
        exec(compile(text, "rule.py", "exec"), space)  # noqa: S102 - that is what this place is for
        found = []
        for one in space["check"](given["facts"], given["limit"]) or ():
            found.append(one)
            if len(found) > MOST:
                break
        answer = json.dumps({"found": found})
    except BaseException as error:  # noqa: BLE001 - whatever the code does, it is told in a sentence
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "rule.py"]
        line = lines[-1] if lines else 0
        answer = json.dumps({"kind": type(error).__name__, "line": line, "text": str(error)[:500]})
    with open(answers, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(answer)


if __name__ == "__main__":
    main(sys.argv[1])
