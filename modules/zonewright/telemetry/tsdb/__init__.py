"""Readings that outgrow a database: whole hours of them lie in a Prometheus-compatible time-series database.

What decides stays in SQL: sums, trust, what was imported or corrected, and the digest of each hour. An hour leaves SQL
only after it was read back exactly, and counts only while it still reads so.
"""
