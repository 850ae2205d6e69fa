"""Declarations as people write them: YAML with line numbers to model, and problems in sentences. Reads files only."""

from zonewright.declare.checks.references import check
from zonewright.declare.load import Loaded, load_stack, load_zone
from zonewright.declare.problem import Problem

__all__ = ["Loaded", "Problem", "check", "load_stack", "load_zone"]
