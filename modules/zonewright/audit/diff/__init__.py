"""Differences of files, as lines and as trees."""
