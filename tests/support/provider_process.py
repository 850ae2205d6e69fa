"""The provider as the engine starts it: a process of its own, spoken to over gRPC, and an engine that keeps logs."""

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc

from support.attached_provider import served
from support.warm_python import warm_python
from support.zone_project import LIMIT_S, PROVIDER
from zonewright.provider.servicer import Servicer
from zonewright.provider.values import from_struct, to_struct

SEED = bytes(range(32))
NO_DIGEST = f"sha256:{'0' * 64}"
ADMISSION: dict[str, Any] = {
    "stackId": "tenant-a-0123456789ab",
    "party": "tenant-a",
    "lineage": "none",
    "demandDigest": NO_DIGEST,
    "places": {},
    "renderedDigest": NO_DIGEST,
}
"""Inputs of an Admission, for a preview."""


def urn(kind: str, name: str, *, stack: str = "tenant-a") -> str:
    """URN of one of our resources, as the engine writes it."""
    return f"urn:pulumi:{stack}::zone-test::zonewright:index:{kind}::{name}"


class EngineThatListens(engine_pb2_grpc.EngineServicer):
    """The engine's side of the log: keeps what the provider writes."""

    def __init__(self) -> None:
        self.logged: list[engine_pb2.LogRequest] = []

    def Log(self, request: engine_pb2.LogRequest, _context: object) -> Empty:  # noqa: N802 - gRPC's name
        """Keep a line."""
        self.logged.append(request)
        return Empty()


@dataclass(frozen=True)
class ProviderProcess:
    """A running provider.

    Attributes:
        process: its process; None where it is this one.
        port: where it listens.
        stub: its methods.
        engine: what it logs to.
    """

    process: subprocess.Popen[bytes] | None
    port: int
    stub: provider_pb2_grpc.ResourceProviderStub
    engine: EngineThatListens = field(default_factory=EngineThatListens)

    def configure(self, ledger_url: str) -> None:
        """What the engine does before anything else."""
        self.stub.Configure(provider_pb2.ConfigureRequest(args=to_struct({"ledger": ledger_url})))

    def check(
        self, kind: str, name: str, new: dict[str, Any], old: dict[str, Any] | None = None, *, seed: bytes = SEED
    ) -> dict[str, Any]:
        """Inputs that the provider takes; raises ``ValueError`` with the one failure."""
        answer = self.stub.Check(
            provider_pb2.CheckRequest(
                urn=urn(kind, name), news=to_struct(new), olds=to_struct(old or {}), randomSeed=seed
            )
        )
        if answer.failures:
            (failure,) = answer.failures
            assert failure.property == ""
            raise ValueError(failure.reason)
        return from_struct(answer.inputs)

    def create(self, kind: str, name: str, new: dict[str, Any], *, preview: bool = False) -> tuple[str, dict[str, Any]]:
        """Id and outputs."""
        request = provider_pb2.CreateRequest(urn=urn(kind, name), properties=to_struct(new), preview=preview)
        answer = self.stub.Create(request, timeout=LIMIT_S)
        return answer.id, from_struct(answer.properties)

    def diff(
        self,
        kind: str,
        name: str,
        *,
        old_inputs: dict[str, Any],
        state: dict[str, Any],
        new: dict[str, Any],
        id_: str = "some-id",
    ) -> provider_pb2.DiffResponse:
        """The engine's question before an update."""
        answer: provider_pb2.DiffResponse = self.stub.Diff(
            provider_pb2.DiffRequest(
                urn=urn(kind, name),
                id=id_,
                old_inputs=to_struct(old_inputs),
                olds=to_struct(state),
                news=to_struct(new),
            )
        )
        return answer

    def read(
        self,
        kind: str,
        name: str,
        id_: str,
        *,
        inputs: dict[str, Any] | None = None,
        outputs: dict[str, Any] | None = None,
    ) -> provider_pb2.ReadResponse:
        """What a refresh asks, with the state; or an import, with an id alone."""
        request = provider_pb2.ReadRequest(
            urn=urn(kind, name), id=id_, inputs=to_struct(inputs or {}), properties=to_struct(outputs or {})
        )
        answer: provider_pb2.ReadResponse = self.stub.Read(request, timeout=LIMIT_S)
        return answer

    def update(self, kind: str, name: str, id_: str, *, state: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        """Outputs."""
        request = provider_pb2.UpdateRequest(
            urn=urn(kind, name), id=id_, olds=to_struct(state), news=to_struct(new), preview=False
        )
        return from_struct(self.stub.Update(request, timeout=LIMIT_S).properties)

    def delete(self, kind: str, name: str, id_: str, *, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        """Take it away."""
        request = provider_pb2.DeleteRequest(
            urn=urn(kind, name), id=id_, old_inputs=to_struct(inputs), properties=to_struct(outputs)
        )
        self.stub.Delete(request, timeout=LIMIT_S)


@contextmanager
def _listening() -> Iterator[tuple[EngineThatListens, str]]:
    """An engine's log, and its address."""
    engine = EngineThatListens()
    server = grpc.server(ThreadPoolExecutor(4))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield engine, f"127.0.0.1:{port}"
    finally:
        server.stop(None)


@contextmanager
def provider_here(folder: Path) -> Iterator[ProviderProcess]:
    """Serve the provider in this process, in a folder: what is not about its process costs no start of one."""
    with _listening() as (engine, address), chdir(folder):
        servicer = Servicer(address)
        with (
            served(servicer, lambda: [servicer]) as port,
            grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            yield ProviderProcess(None, port, provider_pb2_grpc.ResourceProviderStub(channel), engine)


@contextmanager
def provider_process(folder: Path) -> Iterator[ProviderProcess]:
    """Start the provider in a folder; whatever it prints but its port, and an end by fault, fail the test."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV_")}
    with _listening() as (engine, address):
        process = subprocess.Popen(
            [warm_python().path(), "-u", str(PROVIDER), address], cwd=folder, env=environment, stdout=subprocess.PIPE
        )
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield ProviderProcess(process, port, provider_pb2_grpc.ResourceProviderStub(channel), engine)
            process.terminate()
            rest, _ = process.communicate(timeout=LIMIT_S)
            assert rest == b"", "standard output belongs to the engine's handshake"
            assert process.returncode == 0
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
