"""Each format's quoting alone: what it takes, and what it refuses."""

import pytest

from zonewright.render.errors import RenderError
from zonewright.render.quoting import FILTERS, Quoted, address, addresses, shown


@pytest.mark.parametrize("text", ["10.0.0.1", "10.0.0.0/24", "2001:db8::1", "2001:db8::/64", "fe80::1"])
def test_an_address_in_its_usual_form_is_taken(text: str) -> None:
    """An address or network of either version comes through as it is."""
    assert str(address(text)) == text


@pytest.mark.parametrize("text", ["fe80::1%eth0", "fe80::1%$(reboot)", "fe80::1%25", "fe80::1% up"])
def test_an_address_with_a_zone_is_refused(text: str) -> None:
    """What follows a ``%`` may be any text, so no address with one gets into a file, alone or in a range."""
    for filter_ in (address, addresses):
        with pytest.raises(RenderError, match="expected an IP address or a network"):
            filter_(text)
    with pytest.raises(RenderError, match="expected an IP address or a network"):
        addresses(f"fe80::0-{text}")


TAKEN: tuple[tuple[str, object, str], ...] = (
    ("word", "a.b:c/d_e-f", "a.b:c/d_e-f"),
    ("word", 0, "0"),
    ("word", "9a", "9a"),
    ("name", "@", "@"),
    ("name", "a-1.example.", "a-1.example."),
    ("name", "a" * 63, "a" * 63),
    ("name", f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 61}.", f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 61}."),
    ("addresses", "10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9"),
    ("addresses", "10.0.0.0/24", "10.0.0.0/24"),
    ("unquoted", "a._/:@+-9", "a._/:@+-9"),
    ("comment", 'any "text" # at \\ all', 'any "text" # at \\ all'),
    ("comment", 7, "7"),
    ("yaml", 'a"b\\c', '"a\\"b\\\\c"'),
    ("toml", "", '""'),
    ("json", "ß 表", '"ß 表"'),
    ("promql", 'a"b\\c', '"a\\"b\\\\c"'),
    ("alert", 'x {{ "y" }}', '"x {{ \\"{{\\" }} \\"y\\" }}"'),
    ("html", '<a href="x">\'&', "&lt;a href=&quot;x&quot;&gt;&#x27;&amp;"),
    ("secret", "ref+env://A", "ref+env://A"),
    ("comment", "see ref+ and ref+x", "see ref+ and ref+x"),
)


@pytest.mark.parametrize(("name", "value", "expected"), TAKEN)
def test_each_filter_quotes_in_its_own_way(name: str, value: object, expected: str) -> None:
    """What a filter takes comes out quoted for its format, and marked as such; the second time too."""
    for _ in range(2):
        found = FILTERS[name](value)
        assert isinstance(found, Quoted)
        assert str(found) == expected


REFUSED: tuple[tuple[str, object, str], ...] = (
    ("word", "", "expected one word of A-Z a-z 0-9 . : / _ -, got ''"),
    ("word", "-a", "expected one word of A-Z a-z 0-9 . : / _ -, got '-a'"),
    ("word", "a b", "expected one word of A-Z a-z 0-9 . : / _ -, got 'a b'"),
    ("name", "A", "expected a name of a-z 0-9 - and dots, got 'A'"),
    ("name", "a-", "expected a name of a-z 0-9 - and dots, got 'a-'"),
    ("name", "a" * 64, f"expected a name of a-z 0-9 - and dots, got '{'a' * 60}...'"),
    (
        "name",
        f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 62}.",
        f"expected a name of a-z 0-9 - and dots, got '{'a' * 60}...'",
    ),
    ("address", "10.0.0.1/24", "expected an IP address or a network, got '10.0.0.1/24'"),
    ("address", "10.0.0", "expected an IP address or a network, got '10.0.0'"),
    ("address", "2001:DB8::1", "expected an IP address or a network, got '2001:DB8::1'"),
    ("address", 167772161, "expected an IP address or a network, got '167772161'"),
    ("addresses", "10.0.0.1-", "expected an IP address or a network, got ''"),
    ("addresses", "-10.0.0.1", "expected an IP address or a network, got ''"),
    ("unquoted", "", "expected one word of letters, digits and . _ / : @ + -, got ''"),
    ("unquoted", "a'b", 'expected one word of letters, digits and . _ / : @ + -, got "a\'b"'),
    ("comment", None, "expected text or a whole number, got None"),
    ("comment", True, "expected text or a whole number, got bool"),
    ("comment", 1.5, "expected text or a whole number, got float"),
    ("comment", "a\nb", "character 2 of 'a\\nb' is U+000A a control character, which must not get into a file"),
    ("comment", "\x9f", "character 1 of '\\x9f' is U+009F a control character, which must not get into a file"),
    (
        "comment",
        "a\u202eb",
        "character 2 of 'a\\u202eb' is U+202E RIGHT-TO-LEFT OVERRIDE, which must not get into a file",
    ),
    ("comment", "\u0378", "character 1 of '\\u0378' is U+0378, which must not get into a file"),
    ("comment", "x ref+env://A", "a reference to a secret is not allowed here: 'x ref+env://A'"),
)


@pytest.mark.parametrize(("name", "value", "sentence"), REFUSED)
def test_each_filter_refuses_in_one_sentence(name: str, value: object, sentence: str) -> None:
    """What a format has no quotes for is refused with what was expected and what it got; the second time too."""
    for _ in range(2):
        with pytest.raises(RenderError) as caught:
            FILTERS[name](value)
        assert str(caught.value) == sentence


def test_a_space_that_is_no_control_is_taken() -> None:
    """A character that is not printable, such as a wide space, is taken unless its category is forbidden."""
    assert str(FILTERS["comment"]("a\u00a0b")) == "a\u00a0b"


@pytest.mark.parametrize("value", [7, "s3cret", "x ref+env://A", None])
def test_a_secret_is_only_a_reference(value: object) -> None:
    """What is no reference is refused and not repeated, since it may be the secret itself."""
    with pytest.raises(RenderError) as caught:
        FILTERS["secret"](value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(("length", "is_cut"), [(60, False), (61, True)])
def test_a_long_value_is_cut_in_messages(length: int, is_cut: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    """Sixty characters are shown whole; of more there are sixty and dots."""
    assert shown("x" * length) == repr("x" * 60 + "..." * is_cut)


def test_the_same_number_and_truth_are_told_apart() -> None:
    """One that was quoted before does not let ``True`` pass, although both are equal."""
    assert str(FILTERS["comment"](1)) == "1"
    with pytest.raises(RenderError, match="got bool"):
        FILTERS["comment"](True)  # noqa: FBT003 - the value itself
