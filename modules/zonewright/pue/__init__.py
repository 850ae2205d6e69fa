"""Energy ratios, exactly: readings to energy, energy to figures, figures to verdicts. Pure: no I/O and no clock."""

from zonewright.pue.evaluation import Figure, evaluate
from zonewright.pue.meters import MeterSpec, read_meters
from zonewright.pue.readings import Reading, read_readings

__all__ = ["Figure", "MeterSpec", "Reading", "evaluate", "read_meters", "read_readings"]
