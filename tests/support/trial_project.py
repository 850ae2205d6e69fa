"""A Pulumi project with a provider of its own that does nothing, for what the engine room promises."""

import subprocess
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

MARK = "ZONEWRIGHT_TEST_PROJECT"
LIMIT_S = 120.0

PROJECT = """\
name: trial
runtime: python
main: stacks
stackConfigDir: stacks
plugins:
  providers:
    - name: trial
      path: provider
backend:
  url: file://./.zonewright
"""

# `slow` creates take a minute and say by a file that they have begun; `bad` ones fail.
PROVIDER = """\
import asyncio, sys
from pathlib import Path
import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2 as messages, provider_pb2_grpc


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    async def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="1.0.0")

    async def CheckConfig(self, request, context):
        return messages.CheckResponse(inputs=request.news)

    async def DiffConfig(self, request, context):
        return messages.DiffResponse(changes=messages.DiffResponse.DIFF_NONE)

    async def Configure(self, request, context):
        return messages.ConfigureResponse()

    async def Check(self, request, context):
        return messages.CheckResponse(inputs=request.news)

    async def Diff(self, request, context):
        return messages.DiffResponse(changes=messages.DiffResponse.DIFF_NONE)

    async def Create(self, request, context):
        name = request.urn.rsplit("::")[-1]
        if name.startswith("bad"):
            await context.abort(grpc.StatusCode.UNKNOWN, "this one is bad")
        if name.startswith("slow") and not request.preview:
            Path("provider-began").touch()
            await asyncio.sleep(60)
        return messages.CreateResponse(id="" if request.preview else name, properties=request.properties)

    async def Delete(self, request, context):
        return Empty()

    async def Cancel(self, request, context):
        return Empty()


async def main():
    server = grpc.aio.server()
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


asyncio.run(main())
"""


@dataclass(frozen=True)
class Project:
    """A Pulumi project in a temporary folder, with a provider `trial` and all that it starts marked as its own."""

    root: Path
    environment: dict[str, str]

    def program(self, text: str) -> None:
        """Write the program; `thing(name)` in it registers a resource of the provider."""
        head = 'import pulumi\ndef thing(name): return pulumi.CustomResource("trial:index:Thing", name, {})\n'
        (self.root / "stacks" / "__main__.py").write_text(head + textwrap.dedent(text), encoding="utf-8")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `pulumi` to its end."""
        return subprocess.run(
            ["pulumi", "--non-interactive", "--color", "never", *arguments],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `pulumi` and leave it running; its output goes to a file, so that no pipe holds anyone up."""
        with (self.root / "output.txt").open("wb") as output:
            return subprocess.Popen(
                ["pulumi", "--non-interactive", "--color", "never", *arguments],
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def processes(self) -> list[psutil.Process]:
        """Give every process that this project has started and that still runs."""
        mine = []
        for process in psutil.process_iter():
            try:
                marked = process.environ().get(MARK) == self.environment[MARK]
                if marked and process.status() != psutil.STATUS_ZOMBIE:
                    mine.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return mine

    def wait_for_no_process(self, within_s: float) -> list[str]:
        """Wait until none is left; give the command lines of those that are."""
        until = time.monotonic() + within_s
        while (left := self.processes()) and time.monotonic() < until:
            time.sleep(0.05)
        return [" ".join(process.cmdline()) for process in left]

    def wait_for_file(self, name: str) -> None:
        """Wait until a program or provider has made a file."""
        until = time.monotonic() + LIMIT_S
        while not any(self.root.rglob(name)):
            assert time.monotonic() < until, (self.root / "output.txt").read_text(encoding="utf-8")
            time.sleep(0.05)
