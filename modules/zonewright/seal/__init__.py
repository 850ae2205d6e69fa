"""Signed statements: DSSE envelopes, in-toto Statements, and the decision on approvals.

Pure: texts, keys and the present moment in, a decision with sentences out. No file, no clock, no network.
"""

from zonewright.seal.errors import SealError

__all__ = ["SealError"]
