"""Our provider in this process, for an engine that attaches to it: nothing is started for it, and its imports are done.

Of the CPU that an `up` of three nodes costs under a warm Python a third is the provider's process and the language host
that starts it. An engine attaches to a provider that runs (`PULUMI_DEBUG_PROVIDERS`), which is how people debug one.
The code and the protocol are the same; each run has servicers of its own, one for each provider of the stack.

Not for tests of the provider's process: how it is started, what it prints, how it ends.
"""

import asyncio
import functools
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import grpc
from pulumi import RunError
from pulumi.runtime.proto import provider_pb2_grpc

from zonewright.provider.server import OPTIONS
from zonewright.provider.servicer import Servicer

_GRPC = logging.getLogger("grpc")
_START_S = 10.0


def _tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what a future ended by, unless its engine ended first, which the engine itself says.

    There are a thousand of those after a component. Each traceback is parsed, which may fall into somebody's parsing.
    """
    if not isinstance(context.get("exception"), RunError):
        loop.default_exception_handler(context)


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """The loop of this process that serves providers; it ends with the process."""
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(_tell)
    threading.Thread(target=loop.run_forever, name="attached providers", daemon=True).start()
    return loop


class _OfEachConnection(provider_pb2_grpc.ResourceProviderServicer):
    """One servicer for each connection, as an engine would start one process for each of its providers."""

    def __init__(self) -> None:
        self.servicers: dict[str, Servicer] = {}

    def __getattribute__(self, name: str) -> Any:
        if not name[0].isupper():
            return super().__getattribute__(name)

        async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            servicer = self.servicers.setdefault(context.peer(), Servicer(""))
            method: Callable[[Any, Any], Awaitable[Any]] = getattr(servicer, name)
            return await method(request, context)

        return call


class _Faults(logging.Handler):
    """Keeps what gRPC tells of calls that ended by an error nobody expected."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it, unless it is a method that a provider of ours does not have."""
        if record.exc_info and isinstance(record.exc_info[1], NotImplementedError):
            return
        self.found.append(self.format(record))


async def _started(servicer: provider_pb2_grpc.ResourceProviderServicer) -> tuple[grpc.aio.Server, int]:
    server = grpc.aio.server(options=OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, port


@contextmanager
def served(
    servicer: provider_pb2_grpc.ResourceProviderServicer, opened: Callable[[], Iterable[Servicer]]
) -> Iterator[int]:
    """Serve at a port of this machine, which is given; a fault that gRPC logs fails the test.

    Args:
        servicer: what is served.
        opened: gives our servicers behind it, to be closed at the end.
    """
    faults, loop = _Faults(), _loop()
    _GRPC.addHandler(faults)
    server, port = asyncio.run_coroutine_threadsafe(_started(servicer), loop).result(_START_S)
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(grace=0.5), loop).result(_START_S)
        for one in opened():
            one.close()
        _GRPC.removeHandler(faults)
    assert faults.found == []


@contextmanager
def attached(folder: Path, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Serve one run of an engine; gives the variables by which it attaches.

    Args:
        folder: the project's, where this process is meanwhile.
        environment: the variables that the provider sees, and all of this process meanwhile.
    """
    servicer = _OfEachConnection()
    with (
        chdir(folder),
        mock.patch.dict(os.environ, environment, clear=True),
        served(servicer, servicer.servicers.values) as port,
    ):
        yield {"PULUMI_DEBUG_PROVIDERS": f"zonewright:{port}"}
