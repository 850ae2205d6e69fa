"""How values get into files: each format's own quoting, and no value that could add a line."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from html import escape
from ipaddress import ip_address, ip_network

from zonewright.model.secret import LIKE_ONE, SecretError, reference_of
from zonewright.render.errors import RenderError

_FORBIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"})
"""Unicode categories that never reach a file: controls, format marks, surrogates, separators, private, unassigned."""
_SHOWN = 60


class Quoted(str):
    """Text that a format's filter has quoted; besides whole numbers, nothing else is printed into a file."""

    __slots__ = ()


def flaw_of(value: object) -> str | None:
    """Why a value must not get into a file, in words, or None when it may."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return f"expected text or a whole number, got {'None' if value is None else type(value).__name__}"
    if isinstance(value, int) or value.isprintable():
        return None
    for index, character in enumerate(value):
        if unicodedata.category(character) in _FORBIDDEN:
            name = unicodedata.name(character, "a control character" if ord(character) < 0xA0 else "")  # noqa: PLR2004
            point = f"U+{ord(character):04X} {name}".rstrip()
            return f"character {index + 1} of {shown(value)} is {point}, which must not get into a file"
    return None


def shown(text: str) -> str:
    """A value within a message: on one line, without anything that a terminal acts on, and not long."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def plain(value: object) -> str:
    """A value as text that stays on its line.

    Raises:
        RenderError: when the value holds a control or format character, or is no text or whole number.
    """
    flaw = flaw_of(value)
    if flaw is not None:
        raise RenderError(flaw)
    text = str(value)
    if "ref+" in text and LIKE_ONE.search(text) is not None:
        # It would be resolved where the file is installed: whoever writes a title could read another's secret.
        raise RenderError(f"a reference to a secret is not allowed here: {shown(text)}")
    return text


def yaml_string(value: object) -> Quoted:
    r"""A double-quoted string that every reader of YAML 1.1 or 1.2, of JSON or of TOML takes for exactly this text.

    Raises:
        RenderError: as ``plain``.

    Example:
        >>> print(yaml_string('no "quotes", no \\ escapes: # no'))
        "no \"quotes\", no \\ escapes: # no"
    """
    escaped = plain(value).replace("\\", "\\\\").replace('"', '\\"')
    return Quoted(f'"{escaped}"')


def comment(value: object) -> Quoted:
    """Text within a comment that ends with its line.

    Raises:
        RenderError: as ``plain``.
    """
    return Quoted(plain(value))


def alert_text(value: object) -> Quoted:
    r"""A double-quoted YAML scalar that Prometheus, which expands labels of alerts as Go templates, leaves as it is.

    Raises:
        RenderError: as ``plain``.

    Example:
        >>> print(alert_text("{{ $value }}"))
        "{{ \"{{\" }} $value }}"
    """
    return yaml_string(plain(value).replace("{{", '{{ "{{" }}'))


def promql_string(value: object) -> Quoted:
    r"""A string of PromQL within a YAML block scalar, which has no escapes of its own.

    Raises:
        RenderError: as ``plain``.

    Example:
        >>> print(promql_string('a "b" c\d'))
        "a \"b\" c\\d"
    """
    escaped = plain(value).replace("\\", "\\\\").replace('"', '\\"')
    return Quoted(f'"{escaped}"')


_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:/_-]*")


def word(value: object) -> Quoted:
    """A word of a command language without quoting, such as an id, an address or a number.

    Raises:
        RenderError: as ``plain``, and when the value is anything else.
    """
    text = plain(value)
    if _WORD.fullmatch(text) is None:
        raise RenderError(f"expected one word of A-Z a-z 0-9 . : / _ -, got {shown(text)}")
    return Quoted(text)


_NAME = re.compile(r"@|[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*\.?")
_MAX_NAME = 254


def dns_name(value: object) -> Quoted:
    """A name of the DNS: labels of a-z 0-9 -, with or without the last dot, or ``@``.

    Raises:
        RenderError: as ``plain``, and when the value is anything else.
    """
    text = plain(value)
    if _NAME.fullmatch(text) is None or len(text) > _MAX_NAME:
        raise RenderError(f"expected a name of a-z 0-9 - and dots, got {shown(text)}")
    return Quoted(text)


def address(value: object) -> Quoted:
    """An IP address, or a network in its usual form.

    Raises:
        RenderError: as ``plain``, and when the value is anything else.
    """
    text = plain(value)
    try:
        if str(ip_network(text) if "/" in text else ip_address(text)) == text and "%" not in text:
            return Quoted(text)
    except ValueError:
        pass
    raise RenderError(f"expected an IP address or a network, got {shown(text)}")


def addresses(value: object) -> Quoted:
    """An IP address, a network, or a range as two addresses with ``-`` between them.

    Raises:
        RenderError: as ``address``.
    """
    low, dash, high = plain(value).partition("-")
    return Quoted(f"{address(low)}-{address(high)}") if dash else address(low)


def html_text(value: object) -> Quoted:
    """Text within an element or a quoted attribute of HTML.

    Raises:
        RenderError: as ``plain``.

    Example:
        >>> print(html_text("<b> & 'c'"))
        &lt;b&gt; &amp; &#x27;c&#x27;
    """
    return Quoted(escape(plain(value)))


_UNQUOTED = re.compile(r"[A-Za-z0-9._/:@+-]+")


def unquoted(value: object) -> Quoted:
    """One word that needs no quotes in unit files, shell scripts or TOML: letters, digits and ``. _ / : @ + -``.

    Raises:
        RenderError: as ``plain``, and when there is anything else in it, or nothing at all.
    """
    text = plain(value)
    if _UNQUOTED.fullmatch(text) is None:
        raise RenderError(f"expected one word of letters, digits and . _ / : @ + -, got {shown(text)}")
    return Quoted(text)


def secret(value: object) -> Quoted:
    """A reference to a secret, which is resolved where the file is installed; the only way of one into a file.

    Raises:
        RenderError: when the value is anything else; it is not repeated, since it may be a secret.
    """
    try:
        return Quoted(reference_of(value if isinstance(value, str) else "").text)
    except SecretError as error:
        raise RenderError(str(error)) from None


def _once(quote: Callable[[object], Quoted]) -> Callable[[object], Quoted]:
    """The same value is quoted once: thousands of files have the same networks, servers and names.

    Types are told apart, since ``True`` would otherwise be taken for 1; what is refused is not kept.
    """
    return lru_cache(maxsize=100_000, typed=True)(quote)


FILTERS: Mapping[str, Callable[[object], Quoted]] = {
    "address": _once(address),
    "addresses": _once(addresses),
    "alert": _once(alert_text),
    "comment": _once(comment),
    "html": _once(html_text),
    "json": _once(yaml_string),
    "name": _once(dns_name),
    "promql": _once(promql_string),
    "secret": _once(secret),
    "toml": _once(yaml_string),
    "unquoted": _once(unquoted),
    "word": _once(word),
    "yaml": _once(yaml_string),
}
"""All that templates may do with a value, by name."""
