"""How what is about to be done differs from what was planned, in sentences."""

import json
from collections.abc import Iterator

from sqlalchemy import Connection

from zonewright.ledger.protocol.admission_messages import EvaluateRequest
from zonewright.ledger.protocol.change import place_text
from zonewright.ledger.protocol.change_messages import Plan
from zonewright.ledger.store.steps import step_of
from zonewright.ledger.store.texts import get_content

_SHOWN = 3


def differences(
    connection: Connection, plan: Plan, request: EvaluateRequest, rendered_digest: str | None, replaces: str
) -> Iterator[str]:
    """Everything that is not as planned.

    Args:
        connection: a transaction.
        plan: the plan.
        request: the change.
        rendered_digest: digest of its rendered files, or None.
        replaces: id of the stack's present admission.
    """
    at = step_of(connection, plan.stack_id)
    if plan.follows not in (None, at):
        yield f"it follows step {plan.follows}, but the stack is at step {at}"
    elif plan.replaces != replaces:
        yield f"it follows admission {plan.replaces or 'none'}, but the present admission is {replaces or 'none'}"
    if plan.demand_digest != request.demand_digest:
        yield f"the declaration was changed (demand {plan.demand_digest[7:19]} -> {request.demand_digest[7:19]})"
    places = {name: place_text(seat, request.addresses.get(name, {})) for name, seat in request.seats.items()}
    yield from _first([
        f"{name} was planned at {plan.places.get(name, 'no place')}, but is at {places.get(name, 'no place')} now"
        for name in sorted(plan.places.keys() | places.keys())
        if plan.places.get(name) != places.get(name)
    ])  # fmt: skip
    if rendered_digest is None:
        yield "its files are not rendered yet"
    elif rendered_digest != plan.rendered_digest:
        old, new = (_manifest(connection, digest) for digest in (plan.rendered_digest, rendered_digest))
        yield from _first(
            [
                f"{path} has other bytes than planned"
                for path in sorted(old.keys() | new.keys())
                if old.get(path) != new.get(path)
            ]
        )


def _manifest(connection: Connection, digest: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(get_content(connection, digest) or "{}")
    return found


def _first(sentences: list[str]) -> Iterator[str]:
    yield from sentences[:_SHOWN]
    if len(sentences) > _SHOWN:
        yield f"and {len(sentences) - _SHOWN} more of this kind"
