"""What a plan says of the ledger, and whether it is what the ledger finds itself."""

from collections.abc import Iterator

from sqlalchemy import Connection, select

from zonewright.ledger.deciding.party_facts import FACTS, SALT, SNAPSHOT, facts_text
from zonewright.ledger.deciding.plans import present
from zonewright.ledger.deciding.readable import foreign_in
from zonewright.ledger.protocol.change import change_digest, parse_place
from zonewright.ledger.protocol.change_messages import Plan, PlanRequest, Snapshot
from zonewright.ledger.protocol.errors import LedgerRefusedError
from zonewright.ledger.store.brought import brought_by, of_snapshot
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.steps import step_of
from zonewright.ledger.store.tables import zone
from zonewright.ledger.store.texts import behind, get_content, lacking
from zonewright.model.canonical import digest_of
from zonewright.rules.words import count_of
from zonewright.seal.votes import moment


def require_true(context: Context, connection: Connection, wanted: Plan, request: PlanRequest) -> None:
    """A plan may say of the ledger only what the ledger finds itself."""
    held = present(connection, request.stack_id)
    step = step_of(connection, request.stack_id)
    registered = connection.execute(select(zone)).mappings().first()
    try:
        places = {name: parse_place(text) for name, text in wanted.places.items()}
        at = moment(wanted.planned_at)
    except ValueError as error:
        raise LedgerRefusedError("no-plan", f"this is not a plan: {error}") from None
    now = context.shown_at(connection)
    seats = {name: seat for name, (seat, _) in places.items()}
    addresses = {name: pools for name, (_, pools) in places.items()}
    checks = (
        (wanted.stack_id == request.stack_id, f"it belongs to stack {wanted.stack_id}"),
        (registered is not None and wanted.zone_digest == registered["digest"], "zone.yaml was registered again"),
        (wanted.replaces == (str(held["id"]) if held else ""), "another change was admitted since it was planned"),
        (wanted.follows is not None, "it names no step that it follows, because an older version made it"),
        (wanted.follows in (None, step), f"it follows step {wanted.follows}, but the stack is at step {step}"),
        *_facts_checks(connection, wanted, now),
        (
            wanted.change_digest == change_digest(wanted.demand_digest, seats, addresses, wanted.rendered_digest),
            "its change digest does not match its demand, places and files",
        ),
        (at.tzinfo is not None, "it does not say when it was planned"),
    )
    wrong = [sentence for holds, sentence in checks if not holds]
    if not wrong and (lost := _lost(context, connection, wanted, now)):
        wrong = [f"the ledger lacks {count_of(len(lost), 'text')} of its evidence, such as {lost[0]}"]
    if wrong:
        raise LedgerRefusedError("stale-plan", f"the plan was not registered: {'; '.join(wrong)}; plan again")


def _facts_checks(connection: Connection, wanted: Plan, now: str) -> Iterator[tuple[bool, str]]:
    """Whether the ledger took the snapshot that a plan names for its stack, and the plan's lists of facts are its."""
    taken_for = of_snapshot(wanted.stack_id)
    is_taken = bool(brought_by(connection, {wanted.snapshot}, taken_for, now=now))
    text = get_content(connection, wanted.snapshot) if is_taken else None
    yield text is not None, "the ledger has not taken its snapshot for this stack within a day"
    if text is None:
        return
    taken = Snapshot.model_validate_json(text)
    salt = get_content(connection, taken.files.get(SALT, "")) or ""
    yield wanted.files.get(SNAPSHOT) == wanted.snapshot, f"its {SNAPSHOT} is not the snapshot that it names"
    facts = digest_of(facts_text(taken.files, salt))
    yield wanted.files.get(FACTS) == facts, f"its {FACTS} does not have the salted digests of its snapshot"


def _lost(context: Context, connection: Connection, wanted: Plan, now: str) -> list[str]:
    """Texts of a plan that its party has not brought, or that the ledger does not have: no difference is told."""
    others = foreign_in(connection, context.caller, wanted, now=now)
    return sorted(others or lacking(connection, texts_of(connection, wanted)))


def texts_of(connection: Connection, wanted: Plan) -> set[str]:
    """Digests of all texts that evidence of a plan is made of."""
    taken = get_content(connection, wanted.snapshot)
    facts = Snapshot.model_validate_json(taken).files.values() if taken is not None else ()
    files = behind(connection, wanted.rendered_digest)
    return {wanted.demand_digest, wanted.snapshot, *wanted.files.values(), *facts, *files}
