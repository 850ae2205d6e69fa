"""What differs between the databases that may hold a ledger: how one is opened, and statements that only one knows."""
