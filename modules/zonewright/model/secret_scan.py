"""Does a text hold a secret? Patterns of well-known ones, and words that are too random to be anything else.

It is a net below the rule that secrets stand in a declaration as references only; what it finds is named by place and
kind, never by its text. What is scanned is anybody's, so each pattern is linear: what repeats is bounded, or begins
only where nothing of its kind stands before it.
"""

import base64
import binascii
import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MIN_RANDOM, MIN_BITS = 24, 4.0
_MIN_FLAT, _MANY_BITS = 32, 4.5
_DEPTH = 3
RANDOM_WORD = "a word that is too random"


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What a kind of secret looks like.

    Attributes:
        kind: what it is.
        signs: in lower case; a text that it matches has one of them. To look for these is a hundredth of the work.
        form: what it looks like.
    """

    kind: str
    signs: tuple[str, ...]
    form: re.Pattern[str]


_PATTERNS = (
    _Pattern("a private key", ("private key-----",), re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----")),
    _Pattern(
        "a password in a URL",
        ("://",),
        re.compile(r"[a-z][a-z0-9+.-]{0,30}://[^\s/:@'\"]{0,200}:[^\s/@'\"]{1,1000}@", re.IGNORECASE),
    ),
    _Pattern(
        "a password or token",
        ("pass", "secret", "token", "api", "private", "credential"),
        re.compile(
            r"(?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|private[_-]?key|credential)s?[\"']?\s{0,100}[:=]\s{0,100}"
            r"[\"']?(?!ref\+[a-z]{1,20}://|\{\{|[\w./-]{1,200}\.ya?ml:[0-9]{1,7}\b|\\?[\"']|[\[{]|null\b|true\b|false\b)[^\s\"',}]{4,}",
            re.IGNORECASE,
        ),
    ),
    # As routers and name servers write it, without a sign between the word and its value.
    _Pattern(
        "a password in a configuration",
        ("password", "secret", "key-string"),
        re.compile(
            r"^[ \t]*+(?:neighbor[ \t]++\S++[ \t]++password|password|enable secret|key-string|secret)[ \t]++"
            r"[\"']?(?!ref\+[a-z]{1,20}://|\{\{|[=:])[^\s\"';]{4,}+[\"']?;?[ \t]*+$",
            re.IGNORECASE | re.MULTILINE,
        ),
    ),
    _Pattern("a cloud access key", ("akia", "asia"), re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    _Pattern(
        "an access token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "glpat-", "xox"),
        re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,})"),
    ),
    _Pattern("a JSON web token", ("eyj",), re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}")),
    _Pattern(
        "an authorization header",
        ("bearer", "basic"),
        re.compile(r"\b(?:bearer|basic)\s+[A-Za-z0-9+/_=.-]{16,}", re.IGNORECASE),
    ),
    _Pattern("a password hash", ("$",), re.compile(r"\$(?:1|2[aby]|5|6|y|argon2(?:id?|d))\$[^\s\"']{10,}")),
)
_PUBLIC = re.compile(
    r"sha256:[0-9a-f]{64}|SHA256:[A-Za-z0-9+/]{43}|ssh-ed25519 AAAA[A-Za-z0-9+/]{64}|"
    r"\b257 3 13 \"?(?:[A-Za-z0-9+/] ?){86}==|"
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
)
"""What is random and no secret: digests, fingerprints, public keys of SSH and of the DNS, UUIDs."""
_IN_UUID = re.compile(r"-[0-9a-f]{4}-[0-9a-f]{4}-")
_WORD = re.compile(r"[A-Za-z0-9+/_=-]{16,}+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """Something that looks like a secret.

    Attributes:
        path: the file.
        line: its line.
        kind: what it looks like.
    """

    path: str
    line: int
    kind: str

    def __str__(self) -> str:
        """Place and kind, never the text."""
        return f"{self.path}:{self.line}: {self.kind}"


def suspicions(texts: Mapping[str, str], *, words: bool = True) -> tuple[Suspicion, ...]:
    """Everything in some texts that looks like a secret, by path and line.

    Args:
        texts: text by path.
        words: whether random words count; not in a journal, which is full of signatures and names made at random.
    """
    judged: dict[tuple[int, str], tuple[str, ...]] = {}
    return tuple(
        Suspicion(path=path, line=line, kind=kind)
        for path, text in sorted(texts.items())
        for line, kind in sorted(dict.fromkeys(_found(text, 0, judged)))
        if words or kind != RANDOM_WORD
    )


def _found(text: str, depth: int, judged: dict[tuple[int, str], tuple[str, ...]]) -> Iterator[tuple[int, str]]:
    """Line and kind of each secret in a text; what a word is stays in ``judged``, since most words come again."""
    lower = text.lower()
    is_plain = text.isascii()  # other letters may count as these where case does not matter: U+017F is an s
    clean = text
    has_public = any(one in lower for one in ("sha256:", "ssh-ed25519 aaaa", "257 3 13 "))
    if has_public or _IN_UUID.search(text):
        clean = _PUBLIC.sub(lambda match: "." * len(match[0]), text)
    breaks: list[int] = []

    def line_of(start: int) -> int:
        if not breaks:  # few texts have anything in them
            breaks.extend((*(match.start() for match in re.finditer("\n", clean)), len(clean)))
        return bisect_left(breaks, start) + 1

    for pattern in _PATTERNS:
        if is_plain and not any(sign in lower for sign in pattern.signs):
            continue
        for match in pattern.form.finditer(clean):
            yield line_of(match.start()), pattern.kind
    for match in _WORD.finditer(clean):
        known = (depth, match[0])
        if known not in judged:
            judged[known] = tuple(_kinds(match[0], depth, judged))
        for kind in judged[known]:
            yield line_of(match.start()), kind


def _kinds(word: str, depth: int, judged: dict[tuple[int, str], tuple[str, ...]]) -> Iterator[str]:
    """What a word gives away: secrets in base64, or that it is too random."""
    inner = _decoded(word) if depth < _DEPTH else None
    if inner is not None:
        for _, kind in _found(inner, depth + 1, judged):
            yield f"{kind}, in base64"
    elif _is_random(word):
        yield RANDOM_WORD


def _decoded(word: str) -> str | None:
    """The readable text that a word is the base64 of, or None."""
    padded = word.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        text = base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    return text if all(char.isprintable() or char in "\r\n\t" for char in text) else None


def _is_random(word: str) -> bool:
    """Long, of mixed letters and digits, and with nearly as much information as it can have."""
    core = word.strip("=-_/+")
    kinds = (any(c.islower() for c in core), any(c.isupper() for c in core), any(c.isdigit() for c in core))
    if len(core) < MIN_RANDOM or sum(kinds) < 2 or not kinds[2]:  # noqa: PLR2004 - of three kinds
        return False
    parts = re.split(r"[-_/+=]", core)
    longest = max(parts, key=len)
    flat = "".join(parts)
    if all(kinds) and len(flat) >= _MIN_FLAT and bits_of(flat) > _MANY_BITS:
        return True  # base64 for URLs, in which signs stand between short parts; names of paths have fewer bits
    hexadecimal = re.fullmatch(r"[0-9a-f]+|[0-9A-F]+", longest) is not None
    return len(longest) >= MIN_RANDOM and bits_of(longest) > (3.0 if hexadecimal else MIN_BITS)


def bits_of(word: str) -> float:
    """Information in bits for each character, by how often each occurs."""
    counts = Counter(word)
    return -sum(count / len(word) * math.log2(count / len(word)) for count in counts.values())
