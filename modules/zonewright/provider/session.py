"""What the servicer opens: the ledger of the provider's configuration, and the engine's log."""

import contextlib
from pathlib import Path
from typing import Any

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from zonewright.declare.stack_file import project_root
from zonewright.ledger.transport.client import LedgerClient, token_for
from zonewright.provider.resource import CheckFailedError


def open_ledger(arguments: dict[str, Any]) -> LedgerClient:
    """The ledger that the provider's configuration names.

    Args:
        arguments: ``ledger``, a URL; a relative SQLite path starts at the project's root, which is found from the
            working directory (the engine starts providers in the program's folder), so that no path of this machine
            gets into the state.

    Raises:
        CheckFailedError: when there is no URL.
    """
    url = arguments.get("ledger")
    if not isinstance(url, str):
        raise CheckFailedError(
            "the provider's input 'ledger' is missing: expected a URL such as sqlite:///.zonewright/ledger.db"
        )
    return LedgerClient(url, root=project_root(Path.cwd()), token=token_for(url))


class EngineLog:
    """Writes lines under a resource in the engine's display."""

    def __init__(self, address: str) -> None:
        self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address)) if address else None

    def info(self, urn: str, text: str) -> None:
        """An information line."""
        self._send(engine_pb2.INFO, urn, text)

    def warning(self, urn: str, text: str) -> None:
        """A warning."""
        self._send(engine_pb2.WARNING, urn, text)

    def status(self, urn: str, text: str) -> None:
        """How far a resource is: the next line replaces it, and what is no terminal does not get it."""
        self._send(engine_pb2.INFO, urn, text, is_passing=True)

    def _send(
        self, severity: "engine_pb2.LogSeverity.ValueType", urn: str, text: str, *, is_passing: bool = False
    ) -> None:
        if self._stub is not None:
            # An engine that is gone needs no telling, and what has begun must still be ended well.
            with contextlib.suppress(grpc.RpcError):
                self._stub.Log(engine_pb2.LogRequest(severity=severity, message=text, urn=urn, ephemeral=is_passing))
