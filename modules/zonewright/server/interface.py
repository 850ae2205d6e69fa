"""Where the service publishes its interface."""

INTERFACE = "/openapi.json"
"""Where the service publishes its interface."""
