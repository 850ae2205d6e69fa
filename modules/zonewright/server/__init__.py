"""The service: the ledger's verbs and the ingest of telemetry, in one ASGI application."""
