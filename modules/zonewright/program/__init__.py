"""What a stack's program calls: ``deploy()``, and the components it is made of."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zonewright.program.deployment import deploy

__all__ = ["deploy"]


def __getattr__(name: str) -> object:
    """``deploy`` on first use: what only renders does not load Pulumi."""
    if name == "deploy":
        from zonewright.collector import imports_stay  # noqa: PLC0415 - see the docstring

        with imports_stay():
            from zonewright.program.deployment import deploy  # noqa: PLC0415

        return deploy
    raise AttributeError(name)
