"""Bringing a ledger of an older version to the schema of this one, with Alembic. Never done on opening."""
