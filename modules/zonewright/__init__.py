"""Infrastructure as code for the compute clusters of a shared zone.

The package's rooms are described in ``docs/explanation/architecture.md``. Nothing is imported here, so
that ``import zonewright`` costs nothing and each command loads only what it runs.
"""

__version__ = "0.1.0"
