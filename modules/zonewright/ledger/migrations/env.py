"""Alembic runs this. It works in the transaction that it is handed, which its caller commits or takes back."""

from alembic import context

from zonewright.ledger.store.schema import MODULES
from zonewright.ledger.store.tables import metadata

assert MODULES  # noqa: S101 - their tables are part of the metadata
if hasattr(context, "config"):  # else it is imported, as by what reads all modules
    context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
    context.run_migrations()
