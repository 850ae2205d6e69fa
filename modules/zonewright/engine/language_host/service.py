"""The `LanguageRuntime` service: what the engine may ask of a language host; what all have in common, and Python.

Must not hold rules of its own: command lines, exit statuses and answers are those of the official host. Two differ
and say so below: required packages (none) and the installation of dependencies (left to the project).
"""

# ruff: noqa: N802 - the engine addresses calls by the method names of its protocol
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, ClassVar

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import language_pb2 as messages
from pulumi.runtime.proto import language_pb2_grpc, plugin_pb2

from zonewright.engine.errors import EngineError
from zonewright.engine.language_host import interpreter, linking, sdk
from zonewright.engine.language_host.children import Children

_SAID_ENOUGH = 32
"""Exit status of a program that has already shown the user what is wrong (the executor's constant)."""

_CHUNK_BYTES = 65536
_DRAIN_S = 1.0

_LIST_DEPENDENCIES = """
import json, re, sys
from importlib.metadata import distributions
name = lambda text: re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", text)[0]).lower()
found = {name(d.name): (d.name, d.version, d.requires or []) for d in distributions() if d.name}
needed = {name(r) for own, (_, _, rs) in found.items() for r in rs if name(r) != own}
print(json.dumps(sorted((n, v) for own, (n, v, _) in found.items() if sys.argv[1] == "all" or own not in needed)))
"""


class SharedRuntime(language_pb2_grpc.LanguageRuntimeServicer):
    """Runs programs of one language for one engine."""

    language: ClassVar[str]
    """Its name in Pulumi."""

    def __init__(self, *, engine_address: str, tracing: str, children: Children) -> None:
        """Serve one engine.

        Args:
            engine_address: Where the engine listens; programs log to it.
            tracing: The engine's tracing endpoint, or empty.
            children: Where processes are started.
        """
        self._engine_address = engine_address
        self._tracing = tracing
        self._children = children
        self._programs: set[asyncio.subprocess.Process] = set()

    async def Handshake(
        self, request: messages.LanguageHandshakeRequest, _context: Any
    ) -> messages.LanguageHandshakeResponse:
        """Take the engine's address, which an engine that attaches to a running host gives only here."""
        self._engine_address = request.engine_address or self._engine_address
        return messages.LanguageHandshakeResponse()

    async def GetRequiredPackages(
        self, _request: messages.GetRequiredPackagesRequest, _context: Any
    ) -> messages.GetRequiredPackagesResponse:
        """Name none: providers are given by path in the project file or stand on PATH, and are never downloaded."""
        return messages.GetRequiredPackagesResponse()

    async def GetRequiredPlugins(
        self, _request: messages.GetRequiredPluginsRequest, _context: Any
    ) -> messages.GetRequiredPluginsResponse:
        """Name none, as `GetRequiredPackages`, which replaced this call."""
        return messages.GetRequiredPluginsResponse()

    async def GetPluginInfo(self, _request: Empty, _context: Any) -> plugin_pb2.PluginInfo:
        """Give no version: the host belongs to the engine beside it."""
        return plugin_pb2.PluginInfo()

    async def RuntimeOptionsPrompts(
        self, _request: messages.RuntimeOptionsRequest, _context: Any
    ) -> messages.RuntimeOptionsResponse:
        """Ask nothing in `pulumi new`."""
        return messages.RuntimeOptionsResponse()

    async def Template(self, _request: messages.TemplateRequest, _context: Any) -> messages.TemplateResponse:
        """Change nothing in what `pulumi new` has copied."""
        return messages.TemplateResponse()

    async def GeneratePackage(
        self, request: messages.GeneratePackageRequest, context: Any
    ) -> messages.GeneratePackageResponse:
        """Write the SDK of a package, or end the call with the sentence that says why not."""
        try:
            return await sdk.generated(self.language, request, self._children)
        except EngineError as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
            raise

    async def Link(self, request: messages.LinkRequest, context: Any) -> messages.LinkResponse:
        """Name an SDK in what the project needs, for `pulumi package add`; install nothing."""
        try:
            return messages.LinkResponse(import_instructions=self._linked(request))
        except EngineError as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
            raise

    def _linked(self, request: messages.LinkRequest) -> str:
        """Name SDKs in what the project needs; gives what to do next."""
        raise NotImplementedError(request)

    async def Cancel(self, _request: Empty, _context: Any) -> Empty:
        """End all programs; plugins get their own Cancel from the engine and end with their calls."""
        for process in tuple(self._programs):
            await self._children.end(process, at_once=True)
        return Empty()

    async def _run(self, request: messages.RunRequest, command: list[str], environment: dict[str, str]) -> int | str:
        """Run a program to its end; gives its exit status, or why it did not start.

        When the engine gives the call up, the program ends at once.
        """
        environment["PULUMI_CONFIG"] = json.dumps(dict(request.config))
        environment["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(list(request.configSecretKeys))
        try:
            process = await self._children.start(command, environment=environment, piped=False)
        except OSError as error:
            return f"could not start the program with {command[0]}: {error}"
        self._programs.add(process)
        try:
            return await self._children.wait(process)
        finally:
            await self._children.end(process, at_once=True)
            self._programs.discard(process)

    def _flags(self, request: messages.RunRequest, named: Mapping[str, str]) -> list[str]:
        """Give the flags that a program's runner takes, in the official host's words; empty ones are left out."""
        common = {
            "monitor": request.monitor_address,
            "engine": self._engine_address,
            "project": request.project,
            "stack": request.stack,
            "pwd": request.pwd,
            "parallel": str(request.parallel),
            "tracing": self._tracing,
            "organization": request.organization,
        }
        return [text for name, value in {**common, **named}.items() if value for text in (f"--{name}", value)]

    async def ask(self, command: list[str], environment: Mapping[str, str]) -> str:
        """Run a short command and give its output."""
        process = await self._children.start(command, environment=environment, piped=True)
        try:
            output, _ = await process.communicate()
        finally:
            await self._children.end(process, at_once=True)
        return output.decode()


class PythonLanguageRuntime(SharedRuntime):
    """Runs Python programs and plugins for one engine."""

    language = "python"

    def __init__(self, *, executor: str, engine_address: str, tracing: str, children: Children) -> None:
        """Serve one engine.

        Args:
            executor: Path of the SDK's `pulumi-language-python-exec`.
            engine_address: Where the engine listens; programs log to it.
            tracing: The engine's tracing endpoint, or empty.
            children: Where processes are started.
        """
        super().__init__(engine_address=engine_address, tracing=tracing, children=children)
        self._executor = executor

    def _linked(self, request: messages.LinkRequest) -> str:
        return linking.linked_in_python(request)

    async def InstallDependencies(
        self, _request: messages.InstallDependenciesRequest, _context: Any
    ) -> AsyncIterator[messages.InstallDependenciesResponse]:
        """Say who installs: this host never changes an environment; a lock file may pin what is in it."""
        yield messages.InstallDependenciesResponse(
            stderr=b"zonewright's language host installs nothing: run pip in the project's own environment.\n"
        )

    async def About(self, request: messages.AboutRequest, context: Any) -> messages.AboutResponse:
        """Name the Python of a program and its version."""
        python, environment = await _resolve(request.info, context)
        if python == sys.executable:  # each run asks this
            return messages.AboutResponse(executable=python, version=sys.version.split()[0])
        script = "import sys; print(sys.executable, sys.version.split()[0], sep='\\n')"
        executable, version = (await self.ask([python, "-I", "-S", "-c", script], environment)).splitlines()[:2]
        return messages.AboutResponse(executable=executable, version=version)

    async def GetProgramDependencies(
        self, request: messages.GetProgramDependenciesRequest, context: Any
    ) -> messages.GetProgramDependenciesResponse:
        """List what is installed beside a program; only what nothing else requires, unless all is asked for."""
        python, environment = await _resolve(request.info, context)
        which = "all" if request.transitiveDependencies else "direct"
        listed = json.loads(await self.ask([python, "-I", "-c", _LIST_DEPENDENCIES, which], environment))
        dependencies = [messages.DependencyInfo(name=name, version=version) for name, version in listed]
        return messages.GetProgramDependenciesResponse(dependencies=dependencies)

    async def Run(self, request: messages.RunRequest, _context: Any) -> messages.RunResponse:
        """Run a program to its end."""
        try:
            python, environment = interpreter.resolve(request.info, os.environ)
        except interpreter.InterpreterError as error:
            return messages.RunResponse(error=str(error))
        named = {
            "root_directory": request.info.root_directory,
            "dry_run": "true" if request.dryRun else "false",
        }
        command = [python, "-u", self._executor, *self._flags(request, named)]
        command += [request.info.entry_point or ".", *request.args]
        return response(await self._run(request, command, environment))

    async def RunPlugin(
        self, request: messages.RunPluginRequest, context: Any
    ) -> AsyncIterator[messages.RunPluginResponse]:
        """Run a provider or a policy pack, passing on what it prints; when the call is given up, it ends."""
        given = dict(pair.split("=", 1) for pair in request.env if "=" in pair)
        python, environment = await _resolve(request.info, context, given or os.environ)
        if request.kind == "analyzer":
            command = [python, "-u", "-m", "pulumi.policy", *request.args, request.info.program_directory]
        else:
            command = [python, "-u", request.info.program_directory, *request.args]
        process = await self._children.start(command, environment=environment, folder=request.pwd or None, piped=True)
        try:
            async for message in _output(process):
                yield message
            yield messages.RunPluginResponse(exitcode=await self._children.wait(process))
        finally:
            await self._children.end(process, at_once=False)


async def _resolve(
    info: messages.ProgramInfo, context: Any, environment: Mapping[str, str] = os.environ
) -> tuple[str, dict[str, str]]:
    """Find a program's Python, or end the call with the sentence that says why not."""
    try:
        return interpreter.resolve(info, environment)
    except interpreter.InterpreterError as error:
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        raise


def response(status: int | str) -> messages.RunResponse:
    """Put a program's exit status, or why there is none, into the words of the official host."""
    if isinstance(status, str):
        return messages.RunResponse(error=status)
    if status == 0:
        return messages.RunResponse()
    if status == _SAID_ENOUGH:
        return messages.RunResponse(bail=True)
    if status < 0:
        return messages.RunResponse(error=f"program exited unexpectedly: signal {-status}")
    return messages.RunResponse(error=f"program exited with non-zero exit code: {status}")


async def _output(process: asyncio.subprocess.Process) -> AsyncIterator[messages.RunPluginResponse]:
    """Give what a process prints until it has ended.

    Something it started may keep the pipes open after its end; that is waited for only for `_DRAIN_S`.
    """
    queue: asyncio.Queue[messages.RunPluginResponse | None] = asyncio.Queue(maxsize=16)

    async def pump(stream: asyncio.StreamReader | None, wrap: Callable[[bytes], messages.RunPluginResponse]) -> None:
        while stream is not None and (chunk := await stream.read(_CHUNK_BYTES)):
            await queue.put(wrap(chunk))

    async def close() -> None:
        await process.wait()
        await asyncio.wait(pumps, timeout=_DRAIN_S)
        await queue.put(None)

    pumps = [
        asyncio.create_task(pump(process.stdout, lambda chunk: messages.RunPluginResponse(stdout=chunk))),
        asyncio.create_task(pump(process.stderr, lambda chunk: messages.RunPluginResponse(stderr=chunk))),
    ]
    closing = asyncio.create_task(close())
    try:
        while (message := await queue.get()) is not None:
            yield message
    finally:
        for task in (*pumps, closing):
            task.cancel()
