"""The configuration formats, one module each, in the order in which they are rendered."""

from zonewright.render.format import Format
from zonewright.render.formats.frr import FRR
from zonewright.render.formats.netplan import NETPLAN
from zonewright.render.formats.prometheus import PROMETHEUS

FORMATS: tuple[Format, ...] = (NETPLAN, FRR, PROMETHEUS)
"""All formats."""
