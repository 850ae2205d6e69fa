"""A pattern is only tried on a text with one of its signs; that must never lose a secret."""

import dataclasses
from unittest import mock

from hypothesis import example, given
from hypothesis import strategies as st

from zonewright.model import secret_scan

_PIECES = (
    *("password", "passphrase: ", "PASSWD=", "secrets", "ENABLE secret abcdef", "key-string abcd1234", "api_key: zzzz"),
    *("credentials='abcd'", "private-key=qqqq", "token=", " neighbor 10.0.0.1 password abcdef", "wxyz", "\n", " "),
    *("https", "://", "u:p@", "AKIA", "asia", "A1B2C3D4E5F6G7H8", "ghp_", "xoxb-", "glpat-", "a1B2" * 8, ":", "=", '"'),
    *("eyJhbGciOiJI.eyJhbGciOiJI.abcdefghij", "Bearer ", "basic ", "$6$abcdefghijkl", "-----BEGIN PRIVATE KEY-----"),
    *("cGFzc3dvcmQ9aHVudGVyMmh1bnRlcjI=", f"sha256:{'a1' * 32}", "12345678-1234-1234-1234-123456789abc"),
    *("pa\u017f\u017fword=", "to\u212aen: ", "api-\u212aey=", "pr\u0131vate_key: ", "\u00e9", "{", "ref+vault://"),
)


@given(st.lists(st.sampled_from(_PIECES), min_size=1, max_size=9).map("".join))
@example("-----BEGIN PRIVATE KEY-----")
@example("https://u:p@")
@example("\nENABLE secret abcdef\n")
@example("\nkey-string abcd1234\n")
@example("AKIAA1B2C3D4E5F6G7H8")
@example("ASIAA1B2C3D4E5F6G7H8")
@example(f"ghp_{'a1B2' * 8}")
@example(f"xoxb-{'a1B2' * 8}")
@example(f"glpat-{'a1B2' * 8}")
@example("eyJhbGciOiJI.eyJhbGciOiJI.abcdefghij")
@example("BASIC A1B2C3D4E5F6G7H8")
@example("$6$abcdefghijkl")
@example("pa\u017f\u017fword=wxyz")
@example("to\u212aen: wxyz")
@example("12345678-1234-1234-1234-123456789abc12345678-1234-1234-1234-123456789abc")
def test_signs_lose_nothing(text: str) -> None:
    """What is found by the signs is what is found when every pattern is tried on every text."""
    found = secret_scan.suspicions({"text": text})
    everywhere = tuple(dataclasses.replace(one, signs=("",)) for one in secret_scan._PATTERNS)
    with mock.patch.object(secret_scan, "_PATTERNS", everywhere):
        assert secret_scan.suspicions({"text": text}) == found
