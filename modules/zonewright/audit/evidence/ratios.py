"""Exact ratios as people read them."""


def ratio_text(text: str | None) -> str:
    """An exact fraction as a ratio of five decimals, rounded up; ``unknown`` where there is none."""
    if text is None:
        return "unknown"
    above, below = map(int, text.split("/"))
    return f"{-(-above * 10**5 // below) / 10**5:.5f}"
