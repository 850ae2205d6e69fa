"""Differences of two trees of files, as git would show them."""

from zonewright.render.difference import MAX_LINES, file_differences


def test_kinds_and_order() -> None:
    """Added, removed and changed files are told apart and come in order of path; equal ones are left out."""
    found = file_differences({"b": "1\n", "c": "1\n", "d": "1\n"}, {"a": "1\n", "b": "2\n", "d": "1\n"})
    assert [(item.path, item.kind) for item in found] == [("a", "added"), ("b", "changed"), ("c", "removed")]
    assert found[0].text == "--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+1\n"
    assert found[1].text == "--- a/b\n+++ b/b\n@@ -1 +1 @@\n-1\n+2\n"
    assert found[2].text == "--- a/c\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n"


def test_a_missing_line_break_at_the_end_is_shown() -> None:
    """As git does, a last line without a line break is marked."""
    (found,) = file_differences({"a": "1"}, {"a": "1\n"})
    assert found.text.endswith("-1\n\\ No newline at end of file\n+1\n")


def test_a_long_file_is_not_compared_line_by_line() -> None:
    """Beyond the limit the difference says so instead of taking minutes."""
    long = "x\n" * (MAX_LINES + 1)
    (found,) = file_differences({"a": "1\n"}, {"a": long})
    assert f"1 lines -> {MAX_LINES + 1} lines" in found.text
