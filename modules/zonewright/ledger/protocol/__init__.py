"""What clients and services of the ledger agree on: messages, verbs, errors."""
