"""Rules that a zone writes itself: their code runs confined, on facts as plain data, and gives figures back."""

from zonewright.own_rules.judging import evaluate_all, evaluate_trusted, in_time
from zonewright.own_rules.trusted import only_trusted

__all__ = ["evaluate_all", "evaluate_trusted", "in_time", "only_trusted"]
