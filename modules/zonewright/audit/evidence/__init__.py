"""The bundle of a change: gathered, planned, signed, written, read, and judged again."""
