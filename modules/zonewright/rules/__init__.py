"""The rules of the zone: facts in, findings out. Pure: no I/O, no clock, no randomness."""

from zonewright.rules.finding import Finding
from zonewright.rules.registry import RULES, Evaluation, evaluate
from zonewright.rules.rule import Rule

__all__ = ["RULES", "Evaluation", "Finding", "Rule", "evaluate"]
