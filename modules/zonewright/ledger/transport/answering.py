"""A request as it travels, answered: JSON in, the function of the verb, status and JSON out.

Whatever the road, in this process or over HTTP, a request is read, checked and answered here, so there is one contract.

Status codes: 200 answer, 400 the request is wrong, 404 no such verb, 409 refused (with findings), 503 not decided.
"""

import json

from pydantic import ValidationError

from zonewright.ledger.protocol.errors import LedgerError, LedgerMisuseError, LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.store.context import Context
from zonewright.ledger.transport.bounds import require_bounds
from zonewright.ledger.verbs.table import FUNCTIONS

_MAX_WHERE = 200
_STATUS: dict[type[LedgerError], int] = {
    LedgerMisuseError: 400,
    LedgerRefusedError: 409,
    LedgerUnavailableError: 503,
}
_BY_NAME = {verb.name: (verb, function) for verb, function in FUNCTIONS.items()}


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
    verb, function = _BY_NAME[name]
    try:
        require_bounds(body)
        answer = function(context, verb.request.model_validate_json(body))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:_MAX_WHERE]
        return problem(400, LedgerMisuseError("request", f"request field '{where}': {first['msg']}"))
    except LedgerError as error:
        return problem(_STATUS[type(error)], error)
    return 200, answer.model_dump_json().encode()


def problem(status: int, error: LedgerError) -> tuple[int, bytes]:
    """Status and body of an answer that is none: code, sentence and findings."""
    findings = [finding.to_data() for finding in error.findings] if isinstance(error, LedgerRefusedError) else []
    content = {"code": error.code, "sentence": error.sentence, "findings": findings}
    return status, json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
