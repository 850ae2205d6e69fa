"""Where an estate is read from: a NetBox that answers, a folder of its exports, or a table."""
