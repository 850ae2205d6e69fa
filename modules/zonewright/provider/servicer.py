"""The gRPC face of the provider: protobuf in, one resource method in a worker thread, protobuf out.

Create, update and delete of most resources are one transaction of the ledger each; where only the answer of one is
lost, doing it again adopts what is there. What can be half made (agents on many hosts) answers with
``ErrorResourceInitFailed``, which keeps what was done in the state.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc
from pydantic import ValidationError

from zonewright import __version__
from zonewright.errors import sentences_of
from zonewright.provider.answers import CallContext, abort, abort_half_done, diff_response, wrong_form
from zonewright.provider.resource import (
    CheckedResource,
    CheckFailedError,
    Data,
    Difference,
    EndsByItself,
    HalfDoneError,
    Memory,
    ProviderSession,
    ReadResource,
    Resource,
    check_inputs,
    require_known,
    require_state,
)
from zonewright.provider.resources import RESOURCES
from zonewright.provider.resources.holding import HoldingResource
from zonewright.provider.session import EngineLog, open_ledger
from zonewright.provider.values import from_struct, has_missing, mark_secrets, to_struct

ResultT = TypeVar("ResultT")
WORKERS = 32


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Serves one engine.

    Args:
        engine_address: where the engine takes log messages; empty until ``Attach`` when it is started by hand.
        resources: resource types by token.
    """

    def __init__(self, engine_address: str, resources: Mapping[str, Resource] = RESOURCES) -> None:
        self._engine = engine_address
        self._log = EngineLog(engine_address)
        self._resources = resources
        self._memory = Memory()
        self._session: ProviderSession | None = None
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="zonewright-provider")
        self._waiting: set[asyncio.Future[Any]] = set()
        self._configuring = threading.Lock()

    def close(self) -> None:
        """Wait for what its workers have begun, and close the ledger; a process of its own ends without."""
        self._workers.shutdown(cancel_futures=True)
        if self._session is not None:
            self._session.ledger.close()

    async def _in_worker(self, context: CallContext, function: Callable[[], ResultT], *, urn: str = "") -> ResultT:
        """Run blocking work off the event loop; a Cancel ends the wait at once, unless the work ends by itself."""
        work = asyncio.get_running_loop().run_in_executor(self._workers, function)
        if not isinstance(self._resources.get(_token(urn)), EndsByItself):
            self._waiting.add(work)
        try:
            await asyncio.wait((work,))
        finally:
            self._waiting.discard(work)
        if work.cancelled():
            await context.abort(
                grpc.StatusCode.CANCELLED, "cancelled; the ledger finishes or drops its present transaction as a whole"
            )
        return await self._at_once(context, work.result)

    async def _at_once(self, context: CallContext, function: Callable[[], ResultT]) -> ResultT:
        """What a function gives that waits for nobody: a thread of its own would take longer than most of these do."""
        try:
            return function()
        except ValidationError as error:
            await abort(context, wrong_form(error))
        except HalfDoneError as error:
            await abort_half_done(context, error)
        except Exception as error:  # noqa: BLE001 - the last line of defence: a sentence, never a traceback
            fault = f"zonewright has a fault ({type(error).__name__}: {error}); please report it with your versions"
            await abort(context, "; ".join(sentences_of(error)) or fault)

    def _resource(
        self,
        urn: str,
        *,
        old: Data | None = None,
        outputs: Data | None = None,
        new: Data | None = None,
        preview: bool = True,
    ) -> Resource:
        """The resource type of a URN, which can use what comes with it.

        Args:
            urn: of the resource.
            old: inputs and outputs in the state, together.
            outputs: outputs in the state.
            new: inputs that were checked.
            preview: inputs may not be known yet, but for those that must be plain.
        """
        token = _token(urn)
        resource = self._resources.get(token)
        if resource is None:
            raise CheckFailedError(f"zonewright has no resource type {token}; it has: {', '.join(self._resources)}")
        if isinstance(resource, CheckedResource):
            if old is not None:
                require_state({**resource.inputs, **resource.outputs}, old, resource.kept)
            if outputs is not None:
                require_state(resource.outputs, outputs, resource.kept)
            if new is not None:
                check_inputs(resource.inputs, new)
                require_known(new, resource.plain if preview else new)
        return resource

    def _opened(self, urn: str = "") -> ProviderSession:
        """The session; what is told without a urn is of this resource."""
        if self._session is None:
            raise CheckFailedError(
                "the provider has no ledger; expected a URL such as sqlite:///.zonewright/ledger.db in the provider's "
                "input 'ledger', or for the default provider: pulumi config set zonewright:ledger URL"
            )
        if not urn:
            return self._session
        log = self._log
        return replace(
            self._session,
            log=lambda other, text: log.info(other or urn, text),
            warn=lambda other, text: log.warning(other or urn, text),
            status=lambda other, text: log.status(other or urn, text),
        )

    async def Handshake(  # noqa: N802 - gRPC's names
        self, request: provider_pb2.ProviderHandshakeRequest, _context: CallContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        """Take the engine's address."""
        self._engine = request.engine_address
        self._log = EngineLog(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=False, accept_outputs=False)

    async def Attach(self, request: plugin_pb2.PluginAttach, _context: CallContext) -> empty_pb2.Empty:  # noqa: N802
        """A provider that was started by hand (``PULUMI_DEBUG_PROVIDERS``) learns its engine's address."""
        self._engine = request.address
        self._log = EngineLog(request.address)
        return empty_pb2.Empty()

    async def GetPluginInfo(self, _request: empty_pb2.Empty, _context: CallContext) -> plugin_pb2.PluginInfo:  # noqa: N802
        """The package's version."""
        return plugin_pb2.PluginInfo(version=__version__)

    async def GetSchema(  # noqa: N802
        self, _request: provider_pb2.GetSchemaRequest, _context: CallContext
    ) -> provider_pb2.GetSchemaResponse:
        """The package schema."""
        from zonewright.provider.components import StackComponent  # noqa: PLC0415 - a run does not ask
        from zonewright.provider.functions import FUNCTIONS  # noqa: PLC0415
        from zonewright.provider.schema import schema_text  # noqa: PLC0415

        schema = schema_text(self._resources, FUNCTIONS, StackComponent)
        return provider_pb2.GetSchemaResponse(schema=schema)

    async def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, _context: CallContext
    ) -> provider_pb2.CheckResponse:
        """The provider's own inputs as they are."""
        return provider_pb2.CheckResponse(inputs=request.news)

    async def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, _context: CallContext
    ) -> provider_pb2.DiffResponse:
        """A changed setting is an update, so that the engine configures with the new values."""
        old, new = from_struct(request.old_inputs or request.olds), from_struct(request.news)
        changed = sorted(key for key in old.keys() | new.keys() if key != "version" and old.get(key) != new.get(key))
        return diff_response(Difference(dict.fromkeys(changed, "update")))

    async def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, context: CallContext
    ) -> provider_pb2.ConfigureResponse:
        """Open the ledger; a run begins here, also in a process that a debugger holds and that serves many."""
        arguments = from_struct(request.args)
        self._memory = Memory()

        def open_session() -> None:
            if "ledger" not in arguments:
                return  # the default provider, of which a component or a function may need nothing
            with self._configuring:
                self._session = ProviderSession(
                    ledger=open_ledger(arguments),
                    log=self._log.info,
                    warn=self._log.warning,
                    status=self._log.status,
                    memory=self._memory,
                )

        await self._in_worker(context, open_session)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, acceptResources=False, acceptOutputs=False, supportsPreview=True
        )

    async def Check(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: CallContext
    ) -> provider_pb2.CheckResponse:
        """Inputs, or one failure that says everything."""
        resource = self._resources.get(_token(request.urn))
        is_plain = isinstance(resource, CheckedResource) and resource.asks_nobody
        old = from_struct(request.olds) if request.olds.fields and not is_plain else None
        new = from_struct(request.news)

        def check() -> dict[str, Any] | CheckFailedError:
            try:
                return self._resource(request.urn).check(self._opened(), request.urn, old, new, request.randomSeed)
            except CheckFailedError as error:
                return error

        result = await (self._at_once if is_plain else self._in_worker)(context, check)
        if isinstance(result, CheckFailedError):
            failure = provider_pb2.CheckFailure(property="", reason=str(result))
            return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])
        if result is new and not has_missing(new):
            return provider_pb2.CheckResponse(inputs=request.news)
        return provider_pb2.CheckResponse(inputs=mark_secrets(to_struct(result), request.news))

    async def Diff(self, request: provider_pb2.DiffRequest, context: CallContext) -> provider_pb2.DiffResponse:  # noqa: N802
        """Property by property; what only the state holds is given too."""
        state, new = from_struct(request.olds), from_struct(request.news)
        old = {**state, **(new if request.old_inputs == request.news else from_struct(request.old_inputs))}

        def diff(log: Callable[[str, str], None] | None = None) -> Difference:
            resource = self._resource(request.urn, old=old)
            if isinstance(resource, CheckedResource):  # a refresh gives what an older version had as its inputs
                require_state(resource.inputs, new, ())
            session = self._opened()
            session = session if log is None else replace(session, log=log)
            return resource.diff(session, request.urn, request.id, old, new)

        is_known = self._memory.standing is not None and isinstance(
            self._resources.get(_token(request.urn)), HoldingResource
        )
        if not is_known:
            return diff_response(await self._in_worker(context, diff))
        told: list[tuple[str, str]] = []
        found = await self._at_once(context, lambda: diff(lambda urn, text: told.append((urn, text))))
        for urn, text in told:  # the engine is waited for, so not here
            await self._in_worker(context, partial(self._opened().log, urn, text))
        return diff_response(found)

    async def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, context: CallContext
    ) -> provider_pb2.CreateResponse:
        """Make it; in a preview, outputs that are not known yet are left out."""
        new = from_struct(request.properties)
        id_, outputs = await self._in_worker(
            context,
            lambda: self._resource(request.urn, new=new, preview=request.preview).create(
                self._opened(), request.urn, new, preview=request.preview
            ),
            urn=request.urn,
        )
        return provider_pb2.CreateResponse(id=id_, properties=mark_secrets(to_struct(outputs), request.properties))

    async def Read(self, request: provider_pb2.ReadRequest, context: CallContext) -> provider_pb2.ReadResponse:  # noqa: N802
        """The resource as it is; gone is no id, no inputs and no properties at all (not empty ones)."""
        last = None
        if request.HasField("properties") and request.properties.fields:
            last = ReadResource(request.id, from_struct(request.inputs), from_struct(request.properties))

        def read() -> ReadResource | None:
            resource = self._resource(request.urn, outputs=None if last is None else last.outputs)
            if last is not None and isinstance(resource, CheckedResource):
                require_state(resource.inputs, last.inputs, resource.kept)
            return resource.read(self._opened(request.urn), request.id, last)

        found = await self._in_worker(context, read)
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=found.id,
            inputs=mark_secrets(to_struct(found.inputs), request.inputs),
            properties=mark_secrets(to_struct(found.outputs), request.properties),
        )

    async def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, context: CallContext
    ) -> provider_pb2.UpdateResponse:
        """Change it in place."""
        state, new = from_struct(request.olds), from_struct(request.news)

        def update() -> Data:
            resource = self._resource(request.urn, outputs=state, new=new, preview=request.preview)
            return resource.update(self._opened(), request.urn, request.id, state, new, preview=request.preview)

        outputs = await self._in_worker(context, update, urn=request.urn)
        return provider_pb2.UpdateResponse(properties=mark_secrets(to_struct(outputs), request.news))

    async def Delete(self, request: provider_pb2.DeleteRequest, context: CallContext) -> empty_pb2.Empty:  # noqa: N802
        """Take it away; what only the inputs hold is given too."""
        state = {**from_struct(request.old_inputs), **from_struct(request.properties)}
        await self._in_worker(
            context,
            lambda: self._resource(request.urn, old=state).delete(self._opened(request.urn), request.id, state),
            urn=request.urn,
        )
        return empty_pb2.Empty()

    async def Construct(  # noqa: N802
        self, request: provider_pb2.ConstructRequest, context: CallContext
    ) -> provider_pb2.ConstructResponse:
        """Register the parts of a component, for a program in another language."""
        from zonewright.provider.components import construct  # noqa: PLC0415 - loads all that a program does

        try:
            return await construct(self._engine, request, context)
        except CheckFailedError as error:
            await abort(context, str(error))

    async def Invoke(  # noqa: N802
        self, request: provider_pb2.InvokeRequest, context: CallContext
    ) -> provider_pb2.InvokeResponse:
        """Ask the ledger; what is wrong with the question is one failure that says everything."""
        from zonewright.provider.functions import FUNCTIONS  # noqa: PLC0415 - a run seldom asks

        arguments = from_struct(request.args)

        def ask() -> dict[str, Any] | CheckFailedError:
            try:
                function = FUNCTIONS.get(request.tok)
                if function is None:
                    return CheckFailedError(f"zonewright has no function {request.tok}; it has: {', '.join(FUNCTIONS)}")
                return function.call(self._opened(), arguments)
            except CheckFailedError as error:
                return error

        result = await self._in_worker(context, ask)
        if isinstance(result, CheckFailedError):
            return provider_pb2.InvokeResponse(failures=[provider_pb2.CheckFailure(property="", reason=str(result))])
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(to_struct(result))  # a word of Python, so it is no attribute
        return response

    async def Cancel(self, _request: empty_pb2.Empty, _context: CallContext) -> empty_pb2.Empty:  # noqa: N802
        """Called at the end of every run too: calls that are still waiting end now, or soon by themselves."""
        self._memory.cancelled.set()
        for work in self._waiting:
            work.cancel()
        return empty_pb2.Empty()


def _token(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", maxsplit=1)[-1] if urn else ""
