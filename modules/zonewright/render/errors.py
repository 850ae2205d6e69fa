"""The one error of rendering."""


class RenderError(ValueError):
    """Nothing was rendered; ``str()`` says template, line, variable and path of the data, as far as known."""
