"""The agent on a host: what it should have, what it has, the plan between them, and its steps."""
