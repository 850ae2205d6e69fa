"""``POST /v1/metrics``: OTLP of agents with their own tokens, and of other senders with those of principals."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from zonewright.ledger.protocol.rights import Caller
from zonewright.ledger.transport.body import BodyError
from zonewright.ledger.transport.callers import brought_by
from zonewright.ledger.transport.deliverers import Deliverers
from zonewright.ledger.transport.slots import Slots
from zonewright.model.limits import SERIES
from zonewright.server.agents import KnownAgents
from zonewright.server.asking import agent_of
from zonewright.server.body import read_body
from zonewright.server.counting import ServiceMetrics
from zonewright.telemetry.chain import SignedHead, fault_of_head
from zonewright.telemetry.otlp import NUMBERED, OtlpError, read_batch
from zonewright.telemetry.sample import PRINCIPAL, Received, SampleBatch
from zonewright.telemetry.samples import Samples

PROTOBUF = "application/x-protobuf"
_CLOSING = {"connection": "close"}
_SET_ASIDE = "impossible values were set aside"
_BEYOND = f"a sender has at most {SERIES.most:,} series; give the attributes of points fewer values"
_NO_READINGS = (
    "points that are no gauge, no sum since a begin or between two times, have no number or time, or differ although "
    "they are of one part at one time"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sender:
    """Who sends: an agent with the node that it reports for, or a principal."""

    name: str
    node: str = ""
    caller: Caller | None = None


class Ingest:
    """The route.

    Args:
        agents: gives the agents that may report now.
        samples: where their reports go.
        slots: how many are read or stored at the same time.
        counted: what the service counts of itself.
        clock: nanoseconds since 1970.
        deliverers: the principals that may send; None where there is no ledger.
        ledger: gives the id of the ledger that signed readings must be for, empty where there is none.
    """

    def __init__(  # noqa: PLR0917 - each is another part of the service
        self,
        agents: Callable[[], KnownAgents],
        samples: Samples,
        slots: Slots,
        counted: ServiceMetrics,
        clock: Callable[[], int],
        deliverers: Deliverers | None,
        ledger: Callable[[], str],
    ) -> None:
        self._agents, self._samples, self._slots = agents, samples, slots
        self._counted, self._clock, self._deliverers = counted, clock, deliverers
        self._ledger = ledger

    async def __call__(self, request: Request) -> Response:
        """Take one request."""
        answer = _answers(request)
        try:
            sender = await self._sender(request)
            if sender is None:
                sentence = "the token of an agent, or of a principal that may deliver, is missing or wrong"
                return answer(401, sentence, _CLOSING)
            if sender.caller is not None and self._deliverers is not None:
                why_not = self._deliverers.refusal(sender.caller)
                if why_not is not None:
                    return answer(403, why_not, _CLOSING)
            with self._slots.taken_by(sender.name) as is_free:
                if not is_free:
                    return answer(429, "too many reports at once; send it again", {"retry-after": "1", **_CLOSING})
                body = await read_body(request)
                return await run_in_threadpool(self._take, sender, body, answer, is_json=not _is_protobuf(request))
        except BodyError as error:
            return answer(error.status, str(error), _CLOSING)

    async def _sender(self, request: Request) -> _Sender | None:
        known = await agent_of(self._agents, request)
        if known is not None:
            return _Sender(name=known[0], node=known[1])
        if self._deliverers is None:
            return None
        caller = await run_in_threadpool(self._deliverers.find, brought_by(request))
        return None if caller is None else _Sender(name=f"{PRINCIPAL}{caller.name}", caller=caller)

    def _take(self, sender: _Sender, body: bytes, answer: "_Answer", *, is_json: bool) -> Response:
        try:
            if sender.caller is None and is_json and NUMBERED in body:
                return self._take_numbered(sender, body, answer)
            return self._take_any(sender, body, answer, is_json=is_json)
        except OtlpError as error:
            self._counted.ingested(None)
            return answer(400, str(error))

    def _take_numbered(self, sender: _Sender, body: bytes, answer: "_Answer") -> Response:
        batch = read_batch(body)
        if batch.agent != sender.name:
            return answer(401, f"the token belongs to another agent than {batch.agent[:63]!r}")
        link = batch.link
        if link is not None and link.head is not None:
            link = replace(link, head=self._judge(link.head, sender.name))
        received = self._store(
            SampleBatch(
                agent=sender.name,
                node=sender.node,
                boot=batch.boot,
                sequence=batch.sequence,
                dropped=batch.dropped,
                samples=batch.samples,
                link=link,
            )
        )
        return answer.taken(received.quarantined, _SET_ASIDE)

    def _judge(self, head: SignedHead, agent: str) -> SignedHead:
        """A head with the key that it counts by, or why it does not count: by what is enrolled now."""
        key = self._agents().key_of(agent)
        fault = fault_of_head(head.text, head.signature, agent=agent, ledger=self._ledger(), public_key=key)
        return replace(head, key="" if fault else key, fault=fault)

    def _take_any(self, sender: _Sender, body: bytes, answer: "_Answer", *, is_json: bool) -> Response:
        """Batches without numbers: of an agent's token all are of its node, of a principal's of its party's hosts."""
        from zonewright.server.any_otlp import read_any  # noqa: PLC0415 - where all are agents, nobody needs protobuf

        unknown: dict[str, None] = {}
        batch = read_any(body, is_json=is_json, host=self._hosts_of(sender, unknown))
        if unknown and not batch.samples:
            return answer(403, _foreign(unknown), _CLOSING)
        rejected = batch.rejected
        why = _foreign(unknown) if unknown else _NO_READINGS if rejected else _SET_ASIDE
        for node, samples in sorted(batch.samples.items()):
            received = self._store(SampleBatch(agent=sender.name, node=node, samples=tuple(samples)))
            rejected += received.quarantined + received.beyond
            why = _BEYOND if received.beyond and not unknown else why
        return answer.taken(rejected, why)

    def _hosts_of(self, sender: _Sender, unknown: dict[str, None]) -> Callable[[str], str | None]:
        """Gives the host of a name where the sender may report for it, else notes the name."""
        if sender.caller is None or self._deliverers is None:
            return lambda _name: sender.node
        party, parties = sender.caller.party, self._deliverers.hosts()

        def known(name: str) -> str | None:
            if parties.get(name) == party:
                return name
            unknown[name[:63]] = None
            return None

        return known

    def _store(self, batch: SampleBatch) -> Received:
        received = self._samples.append(batch, self._clock())
        self._counted.ingested(received)
        return received


def _foreign(hosts: dict[str, None]) -> str:
    named = ", ".join(map(repr, list(hosts)[:5]))
    return (
        f"points of {named} were not taken: expected in host.name one of the hosts that sites of the principal's party "
        "declare; add it to the site's hosts, or set the attribute"
    )


class _Answer:
    """Answers in the encoding of the request, as OTLP wants it."""

    def __call__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
        """Not taken, and why."""
        return JSONResponse({"message": sentence}, status_code=status, headers=headers)

    def taken(self, rejected: int, sentence: str) -> Response:
        """Taken, apart from so many points."""
        if not rejected:
            return JSONResponse({})
        return JSONResponse({"partialSuccess": {"rejectedDataPoints": str(rejected), "errorMessage": sentence}})


class _ProtobufAnswer(_Answer):
    """The same in protobuf."""

    def __call__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
        """Not taken, and why."""
        from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as otlp  # noqa: PLC0415 - see above

        # OTLP wants a google.rpc.Status. Its message has the same number and type as this one, and the SDK of Pulumi
        # registers a Status of its own, beside which another one cannot be loaded.
        content = otlp.ExportMetricsPartialSuccess(error_message=sentence).SerializeToString()
        return Response(content, status_code=status, headers=headers, media_type=PROTOBUF)

    def taken(self, rejected: int, sentence: str) -> Response:
        """Taken, apart from so many points."""
        from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as otlp  # noqa: PLC0415 - see above

        answer = otlp.ExportMetricsServiceResponse()
        if rejected:
            told = otlp.ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=sentence)
            answer.partial_success.CopyFrom(told)
        return Response(answer.SerializeToString(), media_type=PROTOBUF)


def _answers(request: Request) -> _Answer:
    return _ProtobufAnswer() if _is_protobuf(request) else _Answer()


def _is_protobuf(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == PROTOBUF
