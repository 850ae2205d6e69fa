"""Starts the plugin: a gRPC server on a free loopback port, whose number is the only thing on standard output."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from zonewright import parent
from zonewright.provider.servicer import Servicer

OPTIONS = [("grpc.max_receive_message_length", 400 * 1024 * 1024)]


def serve(arguments: Sequence[str], servicer: Callable[[str], Servicer] = Servicer) -> NoReturn:
    """Serve one engine until it ends the process, or is gone itself: an engine that was killed ends nothing.

    Args:
        arguments: the engine's address, as the engine passes it; none when started for a debugger.
        servicer: makes the servicer from that address.
    """
    parser = argparse.ArgumentParser(prog="pulumi-resource-zonewright", description="Pulumi provider of zonewright")
    parser.add_argument("engine", nargs="?", default="", help="address of the Pulumi engine")
    known, _ = parser.parse_known_args(arguments)
    asyncio.run(_serve(servicer, known.engine))
    sys.stdout.flush()
    os._exit(0)  # worker threads may still wait for a ledger; they hold nothing that must be kept


async def _serve(make: Callable[[str], Servicer], engine_address: str) -> None:
    server = grpc.aio.server(options=OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(make(engine_address), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.buffer.write(f"{port}\n".encode())
    sys.stdout.buffer.flush()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    # Who starts a provider by hand, to attach a debugger, gives no engine and may leave the shell.
    watching = asyncio.create_task(parent.watch(stop.set)) if engine_address else None
    await stop.wait()
    if watching:
        watching.cancel()
    await server.stop(grace=0.5)
