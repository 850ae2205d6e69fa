"""The rules of the zone: facts in, findings out. Pure: no I/O, no clock, no randomness."""

from zonewright.rules.finding import Finding
from zonewright.rules.registry import RULES, WorldJudge, evaluate
from zonewright.rules.rule import Rule

__all__ = ["RULES", "Finding", "Rule", "WorldJudge", "evaluate"]
