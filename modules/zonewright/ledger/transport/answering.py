"""A request as it travels, answered: JSON in, the function of the verb, status and JSON out.

Whatever the road, in this process or over HTTP, a request is read, checked and answered here, so there is one contract.

Status codes: 200 answer, 400 the request is wrong, 404 no such verb, 409 refused (with findings), 503 not decided.
"""

import json

from pydantic import ValidationError

from zonewright.ledger.protocol.errors import LedgerError, LedgerMisuseError, LedgerRefusedError, LedgerUnavailableError
from zonewright.ledger.store.context import Context
from zonewright.ledger.verbs.table import FUNCTIONS

MAX_BODY_BYTES = 64 * 1024 * 1024

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
        return _problem(404, LedgerMisuseError("no-such-verb", f"the ledger has no verb /v1/{name}"))
    if len(body) > MAX_BODY_BYTES:
        return _problem(400, LedgerMisuseError("too-large", f"a request has at most {MAX_BODY_BYTES} bytes"))
    verb, function = _BY_NAME[name]
    try:
        answer = function(context, verb.request.model_validate_json(body))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return _problem(400, LedgerMisuseError("request", f"request field '{where}': {first['msg']}"))
    except LedgerError as error:
        return _problem(_STATUS[type(error)], error)
    return 200, answer.model_dump_json().encode()


def _problem(status: int, error: LedgerError) -> tuple[int, bytes]:
    findings = [finding.to_data() for finding in error.findings] if isinstance(error, LedgerRefusedError) else []
    problem = {"code": error.code, "sentence": error.sentence, "findings": findings}
    return status, json.dumps(problem, ensure_ascii=False, separators=(",", ":")).encode()
