"""The secret scan takes time in proportion to the text, whatever somebody writes into a comment or a key."""

import time

import pytest

from zonewright.model.secret_scan import suspicions

HOSTILE = {
    "letters": "a",
    "scheme letters": "a+",
    "schemes": "a://",
    "users": "a://x:y",
    "colons": "a://:",
    "words of secrets": "token",
    "words and spaces": "token ",
    "names of files": "secret: a/b.",
    "spaces": "password" + " " * 50,
    "tabs": "\t",
    "neighbours": "neighbor x ",
    "lines": "password x y\n",
    "web tokens": "eyJaaaaaaaa-",
    "parts of web tokens": "eyJaaaaaaaa.",
    "keys": "-----BEGIN ",
    "long keys": "-----BEGIN AAAA",
    "headers": "basic ",
    "hashes": "$5$",
    "digests": "sha256:",
    "words": "aB3aB3aB3aB3aB3aB3aB3\n",
    "base64": "YWFhYWFhYWFhYWFhYWFhYWFh",
    "line ends": "\n",
    "marks": "glpat-xoxb-ghp_",
}


def seconds(text: str) -> float:
    """Processor time of one scan, the least of three."""
    found = []
    for _ in range(3):
        begin = time.process_time()
        suspicions({"x": text})
        found.append(time.process_time() - begin)
    return min(found)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_text_of_four_times_the_length_takes_no_more_than_eight_times_as_long(name: str) -> None:
    """Linear is four times as long, quadratic sixteen times; what takes next to nothing is not compared."""
    part, length = HOSTILE[name], 10_000
    short, long = ((part * (size // len(part))) for size in (length, 4 * length))
    assert seconds(long) < max(8 * seconds(short), 0.25)


def test_a_long_space_does_not_hide_lines() -> None:
    """Line numbers are those of the text, also of the last of many finds."""
    text = "\n".join(f"password: hunter2{number}" for number in range(500))
    assert [one.line for one in suspicions({"x": text})] == list(range(1, 501))
