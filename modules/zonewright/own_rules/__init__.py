"""Rules that a zone writes itself: their code runs confined, on facts as plain data, and gives figures back."""

from zonewright.own_rules.judging import evaluate_all, in_time

__all__ = ["evaluate_all", "in_time"]
