"""The one error of rendering."""

from zonewright.errors import Exit, ZonewrightError


class RenderError(ZonewrightError, ValueError):
    """Nothing was rendered; ``str()`` is one sentence that says where and why, as far as known.

    Attributes:
        what: what is wrong, without the place.
        template: the template.
        line: line of the template, from 1, or 0.
        variable: the expression in that line.
        data_path: the value it stands for, such as ``node.addresses[1].gateway``.
        subject: whose value that is.
    """

    exit_code = Exit.REFUSED

    def __init__(
        self,
        what: str,
        *,
        template: str = "",
        line: int = 0,
        variable: str = "",
        data_path: str = "",
        subject: str = "",
    ) -> None:
        super().__init__(what)
        self.what = what
        self.template = template
        self.line = line
        self.variable = variable
        self.data_path = data_path
        self.subject = subject

    @property
    def sentences(self) -> tuple[str, ...]:
        """The one sentence, with the place."""
        return (f"nothing was rendered: {self}",)

    def __str__(self) -> str:
        place = f"{self.template}:{self.line}" if self.line else self.template
        variable = f"{{{{ {self.variable} }}}}" if self.variable else ""
        data = " of ".join(part for part in (self.data_path, self.subject) if part)
        return ": ".join(part for part in (place, variable, data, self.what) if part)
