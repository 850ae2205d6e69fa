"""How a client reaches the ledger: in this process, or over HTTP."""
