"""How times are written in a file that a building exports: ``%d.%m.%Y %H:%M`` as a pattern, whatever the locale."""

import re

ISO, UNIX, UNIX_MS = "iso", "unix", "unix-ms"
_DIRECTIVES = {
    "d": r"(?P<d>[0-9]{1,2})",
    "m": r"(?P<m>[0-9]{1,2})",
    "Y": r"(?P<Y>[0-9]{4})",
    "y": r"(?P<y>[0-9]{2})",
    "H": r"(?P<H>[0-9]{1,2})",
    "I": r"(?P<I>[0-9]{1,2})",
    "M": r"(?P<M>[0-9]{2})",
    "S": r"(?P<S>[0-9]{2})",
    "f": r"(?P<f>[0-9]{1,6})",
    "p": r"(?P<p>[AaPp]\.?[Mm]\.?)",
    "z": r"(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})",
}
_PART = re.compile(r"%(.)|( +)|(.)", re.DOTALL)


def time_pattern(text: str) -> re.Pattern[str]:
    """The pattern of a format of times.

    A day that is missing is the first of its month, and a time of day that is missing is midnight. A blank stands for
    one blank or more.

    Args:
        text: the format, of ``%d %m %Y %y %H %I %M %S %f %p %z`` and what stands between them.

    Raises:
        ValueError: when it cannot be one; a sentence.

    Example:
        >>> time_pattern("%d.%m.%Y %H:%M").fullmatch("01.02.2026 00:15")["m"]
        '02'
    """
    parts, names = [], []
    for directive, blanks, plain in _PART.findall(text):
        if directive and directive != "%":
            if directive not in _DIRECTIVES:
                raise ValueError(f"%{directive} is none of {', '.join(f'%{name}' for name in _DIRECTIVES)}")
            names.append(directive)
            parts.append(_DIRECTIVES[directive])
        else:
            parts.append(" +" if blanks else re.escape(plain or "%"))
    if why := _why_not(names):
        raise ValueError(why)
    return re.compile("".join(parts), re.ASCII)


def _why_not(names: list[str]) -> str:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        return f"%{twice} stands there twice"
    if ("Y" in names) == ("y" in names):
        return "a year needs one of %Y and %y"
    if "m" not in names:
        return "a month needs %m"
    if ("I" in names) != ("p" in names) or {"I", "H"} <= set(names):
        return "an hour is %H, or %I together with %p"
    missing = next((low for low, high in (("M", "S"), ("S", "f")) if high in names and low not in names), None)
    return "" if missing is None else f"%{missing} is missing"
