"""What the ledger keeps: database, tables, journal, and the life of a row."""
