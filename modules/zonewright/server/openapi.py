"""The service's interface as OpenAPI 3.1, made from the messages that its verbs read and write.

It names verbs, fields and limits, and nothing of any zone: who may not call anything may read it.
"""

import inspect
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from zonewright import __version__
from zonewright.ledger.protocol.journal_messages import Checkpoint
from zonewright.ledger.protocol.rights import EVERYBODY, RIGHTS, Right
from zonewright.ledger.verbs.table import FUNCTIONS
from zonewright.server.interface import INTERFACE
from zonewright.server.witness_route import PATH as WITNESS_PATH

HEALTH_PATH = "/v1/agent-health"
_SCHEMAS = "#/components/schemas/"
_HEALTH: dict[str, Any] = {
    "type": "object",
    "description": "What runs on an agent's host, as the agent signed it.",
    "properties": {
        "report": {
            "type": "string",
            "description": "A JSON object as text; the reference of telemetry has its fields.",
        },
        "signature": {"type": "string", "description": "Over that text with the agent's enrolled key, as sshsig."},
    },
    "required": ["report", "signature"],
}
_KEPT: dict[str, Any] = {
    "type": "object",
    "properties": {"kept": {"type": "boolean", "description": "Whether it says more than what was kept before."}},
    "required": ["kept"],
    "additionalProperties": False,
}
_OF_AGENT: list[dict[str, list[str]]] = [{"agent": []}]
_KNOWN: list[dict[str, list[str]]] = [{"bearer": []}, {"certificate": []}]
"""Either says who calls; both must be of one principal."""
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "Why there is no answer.",
    "properties": {
        "code": {"type": "string", "description": "A stable word for programs, such as another-lineage."},
        "sentence": {"type": "string", "description": "What, where, expected, got and what to do."},
        "findings": {"type": "array", "items": {"type": "object"}, "description": "The rules that do not hold."},
        "message": {"type": "string", "description": "The same sentence, as OTLP names it."},
    },
    "required": ["code", "sentence", "findings"],
    "additionalProperties": False,
}
_MESSAGE: dict[str, Any] = {
    "type": "object",
    "properties": {"message": {"type": "string"}},
    "required": ["message"],
    "additionalProperties": False,
}
_REASONS = {
    "400": "The request is wrong, or its body was cut off.",
    "401": "The token or certificate is missing, unknown, revoked or expired, or the two are not of one principal.",
    "403": "The caller may not make this call, or it came from a web page.",
    "404": "There is no such verb, or no ledger here.",
    "408": "The body did not come in time.",
    "409": "Refused; with the rules that do not hold, where it is about rules.",
    "413": "The body is too long.",
    "415": "The body is not JSON.",
    "421": "The service does not answer to that name.",
    "429": "The principal has its share already; nothing was looked at. `Retry-After` says when to come again.",
    "500": "A fault of the service; its log has the request id.",
    "503": "Not decided: the database cannot be reached, or others wrote for too long.",
}


def document() -> dict[str, Any]:
    """The whole document; the same bytes for the same version."""
    requests: set[tuple[type[BaseModel], JsonSchemaMode]] = {(verb.request, "validation") for verb in FUNCTIONS}
    requests.add((Checkpoint, "validation"))
    answers: set[tuple[type[BaseModel], JsonSchemaMode]] = {(verb.answer, "serialization") for verb in FUNCTIONS}
    ordered = sorted(requests | answers, key=lambda one: (one[0].__name__, one[1]))
    refs, found = models_json_schema(ordered, ref_template=f"{_SCHEMAS}{{model}}")
    own = {"Problem": _PROBLEM, "TelemetryProblem": _MESSAGE, "AgentHealth": _HEALTH, "Kept": _KEPT}
    schemas = {**own, **found["$defs"]}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "zonewright",
            "version": __version__,
            "description": "The zone ledger as a service. Each verb takes one JSON request and gives one JSON answer.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            **{
                f"/v1/{verb.name}": {
                    "post": _operation(verb.name, refs[verb.request, "validation"], refs[verb.answer, "serialization"])
                }
                for verb in FUNCTIONS
            },
            **_PAGES,
            WITNESS_PATH: {"post": _witness(refs[Checkpoint, "validation"])},
        },
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": {status: _response(text, "Problem") for status, text in _REASONS.items()},
            "securitySchemes": {
                "agent": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of an agent or another ledger.",
                },
                "bearer": {"type": "http", "scheme": "bearer"},
                "certificate": {"type": "mutualTLS", "description": "Where the service knows authorities of clients."},
            },
        },
    }


def paths() -> frozenset[str]:
    """All paths of the service."""
    return frozenset({*(f"/v1/{verb.name}" for verb in FUNCTIONS), *_PAGES, WITNESS_PATH})


def _operation(name: str, request: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    function = next(function for verb, function in FUNCTIONS.items() if verb.name == name)
    summary = (inspect.getdoc(function) or name).partition("\n\n")[0]
    return {
        "operationId": name,
        "summary": " ".join(summary.split()),
        "description": _who(RIGHTS[name]) if name in RIGHTS else "Nobody may call it.",
        "security": _KNOWN,
        "requestBody": {"required": True, "content": _json(request)},
        "responses": {
            "200": {"description": "The answer.", "content": _json(answer)},
            **{status: {"$ref": f"#/components/responses/{status}"} for status in _REASONS},
        },
    }


def _who(right: Right) -> str:
    """Who may call a verb, in words."""

    def named(roles: frozenset[str]) -> str:
        return "every role" if roles >= EVERYBODY else ", ".join(sorted(roles))

    other = f" On what is another party's: {named(right.other)}." if right.other else ""
    return f"May be called on what is one's own by: {named(right.own)}.{other}"


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _named(name: str) -> dict[str, Any]:
    return {"$ref": f"{_SCHEMAS}{name}"}


def _response(text: str, name: str) -> dict[str, Any]:
    return {"description": text, "content": _json(_named(name))}


def _page(summary: str, *, security: bool, media: dict[str, Any], statuses: Mapping[str, str]) -> dict[str, Any]:
    """A page that is read."""
    told = _told(statuses)
    others = {status: {"$ref": f"#/components/responses/{status}"} for status in ("403", "421")}
    return {
        "get": {
            "summary": summary,
            "security": _KNOWN if security else [],
            "responses": {"200": {"description": "The page.", "content": media}, **others, **told},
        }
    }


def _taken(summary: str, what: str) -> dict[str, Any]:
    """What agents send."""
    statuses = ("401", "403", "408", "413", "415", "429", "503")
    return {
        "summary": summary,
        "security": _KNOWN,
        "requestBody": {"required": True, "content": _json({"type": "object", "description": what})},
        "responses": {
            "200": {"description": "Taken.", "content": _json({"type": "object"})},
            **_told({"400": "It is none."}),
            **_told({status: _REASONS[status] for status in statuses}),
            "421": {"$ref": "#/components/responses/421"},
        },
    }


def _told(statuses: Mapping[str, str]) -> dict[str, Any]:
    """Answers with a sentence: of the route itself, or of the door before it."""
    either = _json({"anyOf": [_named("Problem"), _named("TelemetryProblem")]})
    return {status: {"description": text, "content": either} for status, text in statuses.items()}


def _witness(head: dict[str, Any]) -> dict[str, Any]:
    """Where other ledgers send their heads."""
    statuses = ("401", "403", "408", "413", "415", "421", "503")
    return {
        "summary": "Keep the signed head of another party's ledger.",
        "description": "One that does not follow from those that were kept is refused, and kept apart as a proof.",
        "security": _OF_AGENT,
        "requestBody": {"required": True, "content": _json(head)},
        "responses": {
            "200": {"description": "It follows.", "content": _json(_named("Kept"))},
            **_told({status: _REASONS[status] for status in statuses}),
            **_told({"400": "It is no signed head.", "409": "It cannot be of the journal that was seen before."}),
        },
    }


def _agent_health() -> dict[str, Any]:
    """What agents tell of themselves after a start."""
    statuses = {status: _REASONS[status] for status in ("401", "403", "421", "503")}
    taken = {status: _REASONS[status] for status in ("408", "413", "415", "429")}
    known = {
        "name": "If-None-Match",
        "in": "header",
        "description": "The tag of the report that one has.",
        "schema": {"type": "string"},
    }
    return {
        "get": {
            "summary": "The last report of the agent whose token it is.",
            "description": "With `Prefer: wait=SECONDS` it waits, 5 s at most, for another than `If-None-Match` names.",
            "security": _OF_AGENT,
            "parameters": [known],
            "responses": {
                "200": {
                    "description": "The report.",
                    "headers": {"ETag": {"schema": {"type": "string"}}},
                    "content": _json(_named("AgentHealth")),
                },
                "304": {"description": "No other one came."},
                **_told({**statuses, "404": "No report came yet."}),
            },
        },
        "post": {
            "summary": "Keep an agent's signed report of its health.",
            "security": _OF_AGENT,
            "requestBody": {"required": True, "content": _json(_named("AgentHealth"))},
            "responses": {
                "200": {"description": "It counts.", "content": _json(_named("Kept"))},
                **_told({**statuses, **taken, "400": "It is none, or its signature does not count."}),
            },
        },
    }


_TEXT: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
_STATUS: dict[str, Any] = _json(
    {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}
)
_READ = {
    "401": "The token or certificate is missing, or may not read this.",
    "404": "There is no ledger here.",
    "503": "Not known.",
}
_PAGES: dict[str, dict[str, Any]] = {
    "/health": _page("Whether the process answers.", security=False, media=_STATUS, statuses={}),
    "/ready": _page(
        "Whether it can decide now: its database answers.",
        security=False,
        media=_STATUS,
        statuses={"503": "It cannot decide now."},
    ),
    INTERFACE: _page("This document.", security=False, media=_json({"type": "object"}), statuses={}),
    "/metrics": _page("Figures of sites, for Prometheus.", security=True, media=_TEXT, statuses=_READ),
    "/metrics/districts": _page(
        "What districts have left, for Prometheus.", security=True, media=_TEXT, statuses=_READ
    ),
    "/metrics/service": _page(
        "What the service counts of its own work, for Prometheus.", security=True, media=_TEXT, statuses=_READ
    ),
    HEALTH_PATH: _agent_health(),
    "/v1/metrics": {"post": _taken("Take a batch of an agent or another sender.", "OTLP metrics, in JSON or protobuf")},
}
