"""What the provider answers when something is refused, half done or different, as the engine takes it."""

from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2
from pulumi.runtime.proto import provider_pb2, status_pb2
from pydantic import ValidationError

from zonewright.model.secret import HIDDEN
from zonewright.model.secret_scan import suspicions
from zonewright.provider.resource import MOST_FAULTS, Difference, HalfDoneError, shortened, top_of
from zonewright.provider.values import to_struct

CallContext = grpc.aio.ServicerContext[Any, Any]
_KINDS = {
    "add": provider_pb2.PropertyDiff.ADD,
    "delete": provider_pb2.PropertyDiff.DELETE,
    "update": provider_pb2.PropertyDiff.UPDATE,
}
_REPLACING = {
    "add": provider_pb2.PropertyDiff.ADD_REPLACE,
    "delete": provider_pb2.PropertyDiff.DELETE_REPLACE,
    "update": provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


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


def diff_response(difference: Difference) -> provider_pb2.DiffResponse:
    """What would change, property by property, and what of it needs a new resource."""
    changes = provider_pb2.DiffResponse.DIFF_SOME if difference.changes else provider_pb2.DiffResponse.DIFF_NONE
    return provider_pb2.DiffResponse(
        changes=changes,
        diffs=sorted({top_of(path) for path in difference.changes}),
        replaces=sorted({top_of(path) for path in difference.replaces}),
        hasDetailedDiff=True,
        detailedDiff={
            path: provider_pb2.PropertyDiff(
                kind=(_REPLACING if path in difference.replaces else _KINDS)[kind], inputDiff=True
            )
            for path, kind in difference.changes.items()
        },
    )


def wrong_form(error: ValidationError) -> str:
    """What the ledger's messages do not take of the properties that a program gave."""
    faults = [
        f"'{shortened('.'.join(map(str, item['loc'])))}' is {shown(item['input'])}: {shortened(item['msg']).lower()}"
        for item in error.errors(include_url=False)[:MOST_FAULTS]
    ]
    return f"the ledger refuses this: {'; '.join(faults)}; correct it in the program"


def shown(value: Any) -> str:
    """A value within a sentence, unless it looks like a secret."""
    text = repr(value)
    return HIDDEN if suspicions({"": text}) else shortened(text)
