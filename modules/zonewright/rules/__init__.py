"""The rules of the zone: facts in, findings out. Pure: no I/O, no clock, no randomness."""
