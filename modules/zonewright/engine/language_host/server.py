"""Serves the language runtime until the engine ends it, by a signal or by its own end.

Must not print anything but the port to standard output: the engine reads its first line as the port, and the rest
as the program's.
"""

import argparse
import asyncio
import os
import signal
from collections.abc import Sequence

import grpc
from pulumi.runtime.proto import language_pb2_grpc

from zonewright import parent
from zonewright.engine.language_host.children import Children
from zonewright.engine.language_host.node import NodeLanguageRuntime
from zonewright.engine.language_host.service import PythonLanguageRuntime, SharedRuntime

_NO_LIMIT = -1  # gRPC's word for it: a program's configuration may be larger than four megabytes


async def main(arguments: Sequence[str]) -> int:
    """Serve one engine.

    Args:
        arguments: The engine's flags, and its address last.

    Returns:
        The exit status: always 0, the engine decides when we end.
    """
    options = _parse(arguments)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    children = Children()
    server = grpc.aio.server(
        options=[("grpc.max_receive_message_length", _NO_LIMIT), ("grpc.max_send_message_length", _NO_LIMIT)]
    )
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(_runtime(options, children), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    os.write(1, f"{port}\n".encode())
    watching = asyncio.create_task(parent.watch(stop.set))
    await stop.wait()
    watching.cancel()
    await children.end_all()
    await server.stop(grace=None)
    return 0


def _runtime(options: argparse.Namespace, children: Children) -> SharedRuntime:
    """Give the runtime of the language that the launcher is for."""
    address, tracing = options.engine_address, options.tracing
    if options.language == "nodejs":
        return NodeLanguageRuntime(engine_address=address, tracing=tracing, children=children)
    return PythonLanguageRuntime(executor=options.executor, engine_address=address, tracing=tracing, children=children)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the engine's flags; those that only concern the official host's own log are let pass."""
    parser = argparse.ArgumentParser(prog="pulumi-language", allow_abbrev=False)
    language = parser.add_mutually_exclusive_group(required=True)
    language.add_argument("--executor", help="path of pulumi-language-python-exec, for Python")
    language.add_argument("--language", choices=("nodejs",), help="another language than Python")
    parser.add_argument("--tracing", "-tracing", default="", help="where to send tracing data")
    parser.add_argument("engine_address", nargs="?", default="", help="address of the engine")
    options, _ = parser.parse_known_args(arguments)
    return options
