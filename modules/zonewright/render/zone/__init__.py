"""A zone as a table and as a map."""
