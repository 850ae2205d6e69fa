"""What a declaration may hold: its shape, the published JSON Schema, and what is wrong in words."""
