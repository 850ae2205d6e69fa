"""What the servicer opens, the ledger of the provider's configuration and the engine's log, and how it ends a call."""

import contextlib
import os
from pathlib import Path
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, status_pb2

from zonewright.declare.stack_file import project_root
from zonewright.ledger.transport.client import LedgerClient
from zonewright.provider.resource import CheckFailedError, HalfDoneError
from zonewright.provider.values import to_struct

CallContext = grpc.aio.ServicerContext[Any, Any]
TOKEN_VARIABLE = "ZONEWRIGHT_LEDGER_TOKEN"  # noqa: S105 - a variable's name


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
    return LedgerClient(url, root=project_root(Path.cwd()), token=os.environ.get(TOKEN_VARIABLE))


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


async def abort(context: CallContext, sentence: str) -> NoReturn:
    """End a call with a sentence."""
    await context.abort(grpc.StatusCode.UNKNOWN, sentence)
    raise AssertionError(sentence)  # abort always raises; this tells the type checker


async def abort_half_done(context: CallContext, error: HalfDoneError) -> NoReturn:
    """What the engine takes for a resource that exists and is not as declared."""
    detail = any_pb2.Any()
    failed = provider_pb2.ErrorResourceInitFailed(
        id=error.id, inputs=to_struct(error.inputs), properties=to_struct(error.outputs), reasons=error.reasons
    )
    detail.Pack(failed)
    code = grpc.StatusCode.UNKNOWN
    sentence = f"{len(error.reasons)} of its parts are not as declared"
    status = status_pb2.Status(code=code.value[0], message=sentence, details=[detail])
    await context.abort(code, sentence, (("grpc-status-details-bin", status.SerializeToString()),))
    raise AssertionError(sentence)
