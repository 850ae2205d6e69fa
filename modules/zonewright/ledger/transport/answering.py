"""A request as it travels, answered: JSON in, the function of the verb, status and JSON out.

Whatever the road, in this process or over HTTP, a request is read, checked and answered here, so there is one contract.

Status codes: 200 answer, 400 the request is wrong, 401 nobody calls, 403 the caller may not, 404 no such verb, 409
refused (with findings), 503 not decided.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection

from zonewright.ledger.protocol.content_messages import ContentRequest
from zonewright.ledger.protocol.errors import (
    LedgerConflictError,
    LedgerError,
    LedgerMisuseError,
    LedgerRefusedError,
    LedgerUnavailableError,
)
from zonewright.ledger.protocol.messages import Message
from zonewright.ledger.protocol.rights import refusal
from zonewright.ledger.protocol.verbs import Verb
from zonewright.ledger.store.asking import asking_once
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.principals import asked_about, asked_for, asked_of, caller_of, holder_of
from zonewright.ledger.transport.bounds import require_bounds
from zonewright.ledger.verbs.table import FUNCTIONS

_MAX_WHERE, _MAX_WHY = 200, 500
"""Letters that a refusal shows of a field's path, and of what is wrong with it, which may repeat what came."""
_STATUS: dict[type[LedgerError], int] = {
    LedgerMisuseError: 400,
    LedgerRefusedError: 409,
    LedgerUnavailableError: 503,
    LedgerConflictError: 503,
}
_TRIES = 5
"""How often a verb is begun that meets somebody else's change: nothing of it was kept, as if it was never asked."""
UNKNOWN, FORBIDDEN = 401, 403
_BY_NAME = {verb.name: verb for verb in FUNCTIONS}


def answered(context: Context, name: str, body: bytes) -> tuple[int, bytes]:
    """Carry out a verb; blocks as long as it takes.

    Args:
        context: the ledger.
        name: of the verb.
        body: the request, as JSON.

    Returns:
        Status and body of the answer, as JSON.
    """
    if name not in _BY_NAME:
        return problem(404, LedgerMisuseError("no-such-verb", f"the ledger has no verb /v1/{name}"))
    answer = _answer(context, name, body)
    if isinstance(answer, Message):
        if context.watch is not None:
            context.watch.decided(name, 200, ())
        return 200, answer.model_dump_json().encode()
    status, error = answer
    if context.watch is not None:
        context.watch.decided(name, status, _refusing(error))
    return problem(status, error)


def _answer(context: Context, name: str, body: bytes) -> Message | tuple[int, LedgerError]:
    """What a verb says, or why it says nothing."""
    verb = _BY_NAME[name]
    try:
        request = _read(verb, body)
        return _carried_out(FUNCTIONS[verb], _permitted(context, name, request), request)
    except (ForbiddenError, UnknownCallerError) as error:
        return FORBIDDEN if isinstance(error, ForbiddenError) else UNKNOWN, error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:_MAX_WHERE]
        why = first["msg"] if len(first["msg"]) <= _MAX_WHY else f"{first['msg'][:_MAX_WHY]}..."
        return 400, LedgerMisuseError("request", f"request field '{where}': {why}")
    except LedgerError as error:
        return _STATUS[type(error)], error


def _read(verb: Verb[Message, Message], body: bytes) -> Message:
    """The request in a body, within its bounds; texts that are kept are many megabytes, and are parsed once.

    Raises:
        LedgerMisuseError: names the limit, and what came.
        ValidationError: when it is no request of the verb.
    """
    content = require_bounds(body)
    if verb.request is ContentRequest:
        with suppress(ValidationError):  # what is wrong is told as JSON has it
            return verb.request.model_validate(content)
    return verb.request.model_validate_json(body)


def _refusing(error: LedgerError) -> set[str]:
    """The rules that refuse, or the code of the refusal where it is about none."""
    findings = error.findings if isinstance(error, LedgerRefusedError) else ()
    return {finding.rule for finding in findings if finding.refuses} or {error.code}


def _carried_out(function: Callable[[Context, Any], Message], context: Context, request: Message) -> Message:
    """The answer of a verb; where another session wrote the same rows meanwhile it is begun anew, a few times."""
    for _ in range(_TRIES - 1):
        with suppress(LedgerConflictError):
            return function(context, request)
        if context.watch is not None:
            context.watch.tried_again()
    return function(context, request)


class UnknownCallerError(LedgerMisuseError):
    """Nobody comes with what was brought, or not any more; nothing was looked at."""

    def __init__(self, about_certificate: str = "") -> None:
        super().__init__(
            "certificate" if about_certificate else "token",
            about_certificate
            or "the token is missing, unknown, revoked or expired; nothing was decided; set ZONEWRIGHT_LEDGER_TOKEN, "
            "or correct the file that ZONEWRIGHT_LEDGER_TOKEN_FILE names, or ask the zone's administrator for one: "
            "zonewright access grant",
        )


class ForbiddenError(LedgerRefusedError):
    """The caller may not make this call; nothing was looked at."""


def _permitted(context: Context, verb: str, request: object) -> Context:
    """The context for a call that may be made: it is asked now, and again in each transaction that writes.

    Who calls is looked up each time, so that access that was ended meanwhile has ended.

    Raises:
        UnknownCallerError: when the caller has no access any more.
        ForbiddenError: when it may not.
    """
    if context.caller.has_file:
        return context

    asked = *asked_for(context.caller.credential), asked_about(request)

    def permit(connection: Connection) -> None:
        with asking_once(connection, *asked):
            caller = caller_of(connection, context.caller.credential, context.shown_at(connection))
            if caller is None:
                raise UnknownCallerError
            if sentence := refusal(caller, asked_of(connection, verb, request)):
                raise ForbiddenError("no-right", sentence)

    with context.database.glance(*asked) as connection:
        permit(connection)
    return replace(context, permit=permit, asks=(holder_of(context.caller.credential),))


def problem(status: int, error: LedgerError) -> tuple[int, bytes]:
    """Status and body of an answer that is none: code, sentence and findings."""
    findings = [finding.to_data() for finding in error.findings] if isinstance(error, LedgerRefusedError) else []
    content = {"code": error.code, "sentence": error.sentence, "findings": findings}
    return status, json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
