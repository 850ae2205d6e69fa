"""What a stack's program calls: ``deploy()``, and the components it is made of."""

from zonewright.program.deploy import deploy

__all__ = ["deploy"]
