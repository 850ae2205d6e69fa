"""The verb ``configurations``: the files that sites should have, and which of them somebody has approved."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import groupby, islice

from sqlalchemy import Connection, RowMapping, or_, select

from zonewright.ledger.deciding.approved_steps import decision_on, manifest_of, steps_back
from zonewright.ledger.deciding.plans import present
from zonewright.ledger.deciding.readable import operated_sites, own_stacks
from zonewright.ledger.protocol.rights import Caller
from zonewright.ledger.protocol.rollout_messages import Configurations, ConfigurationsAnswer, ConfigurationsRequest
from zonewright.ledger.store.context import Context
from zonewright.ledger.store.documents import parse_zone
from zonewright.ledger.store.tables import admission, change, decided, deployed, zone
from zonewright.ledger.store.texts import files_at
from zonewright.model import Zone

_HOW = (
    "plan it: zonewright change plan --stack NAME --key FILE; ask the approvers to run: zonewright change approve PLAN"
)


def configurations(context: Context, request: ConfigurationsRequest) -> ConfigurationsAnswer:
    """Give the deployed files of some sites, with the plan that approves each. A file changed since then needs another.

    A party gets those of its own stacks, and all of the sites that it operates.

    An old approval does not count for a content that was changed and changed back. With ``before`` it gives the files
    of earlier steps that were approved and carried out, for hosts to go back to, a page at a time.
    """
    with context.database.reading() as connection:
        now = context.moment(connection)
        document = connection.execute(select(zone.c.document)).scalar()
        if document is None:
            return ConfigurationsAnswer(stacks=[], gated=[])
        known = parse_zone(document)
        held = sorted(_deployed(connection, context.caller, request.sites).items())
        if request.before is not None:
            names = [name for name, _ in held if name in request.before or not request.before]
            stacks = [one for name in names for one in islice(_earlier(connection, name, request), request.limit)]
        else:
            stacks = [_of_stack(connection, known, stack_id, files, now) for stack_id, files in held]
    return ConfigurationsAnswer(stacks=stacks, gated=sorted(known.gated_formats))


def _deployed(connection: Connection, caller: Caller, sites: list[str]) -> Mapping[str, dict[str, str]]:
    """Digest by path of each stack, of what the caller may read."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    query = select(deployed).where(deployed.c.site.in_(sites))
    if not caller.sees_all:
        own, operated = own_stacks(connection, caller), operated_sites(connection, caller)
        query = query.where(or_(deployed.c.stack_id.in_(own), deployed.c.site.in_(operated)))
    for row in connection.execute(query):
        found[row.stack_id] |= json.loads(row.files)
    return found


def _of_stack(
    connection: Connection, known: Zone, stack_id: str, files: dict[str, str], now: datetime
) -> Configurations:
    held = present(connection, stack_id)
    open_files = dict(files)
    by_plan: dict[str, str] = {}
    for plan, manifest in _approving(connection, known, stack_id, held, now):
        for path, digest in list(open_files.items()):
            if manifest.get(path) != digest:
                del open_files[path]  # changed after that, without an approval
            elif plan:
                by_plan[path] = plan
                del open_files[path]
    missing = {path: digest for path, digest in files.items() if path not in by_plan}
    told = _missing(connection, known, stack_id, missing, now) if missing else {}
    party = held["party"] if held is not None else ""
    return Configurations(stack_id=stack_id, party=party, files=files, approved=by_plan, missing=told)


def _earlier(connection: Connection, stack_id: str, request: ConfigurationsRequest) -> Iterator[Configurations]:
    """The files that a stack had at some sites, step by step; one that changed nothing there is one with the next."""
    sites = set(request.sites)
    steps = steps_back(connection, stack_id, before=(request.before or {}).get(stack_id))
    for files, same in groupby(steps, key=lambda step: files_at(step.files, sites)):
        found = list(same)
        if files:  # a stack that had nothing there for a while gave no host anything to go back to
            yield Configurations(
                stack_id=stack_id,
                party=found[0].party,
                files=files,
                approved=dict.fromkeys(files, found[0].plan),
                missing={},
                step=found[-1].sequence,
            )


def _approving(
    connection: Connection, known: Zone, stack_id: str, held: RowMapping | None, now: datetime
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Plan (or nothing) and files of each step, newest first: a plan for now, then what was admitted, back in time."""
    if held is None:
        return
    plans = select(change).where(change.c.stack_id == stack_id, change.c.replaces == str(held["id"]))
    for row in connection.execute(plans.order_by(change.c.number.desc())).mappings().all():
        plan, decision = decision_on(connection, known, row, now)
        # One that has other files than are deployed says nothing of them, so it ends no search.
        if decision.passes and plan.rendered_digest == held["rendered_digest"]:
            yield row["plan"], manifest_of(connection, plan.rendered_digest)
    steps = (
        select(decided.c.plan, decided.c.approved_by, decided.c.review_by, admission.c.rendered_digest)
        .join(admission, admission.c.id == decided.c.admission_id)
        .where(decided.c.stack_id == stack_id, decided.c.kind == "admitted")
        .order_by(decided.c.sequence.desc())
    )
    for step in connection.execute(steps):
        is_approved = step.approved_by != "[]" or step.review_by
        yield (step.plan if is_approved else ""), manifest_of(connection, step.rendered_digest)


def _missing(
    connection: Connection, known: Zone, stack_id: str, files: Mapping[str, str], now: datetime
) -> dict[str, str]:
    """What each file without an approval lacks."""
    query = select(change).where(change.c.stack_id == stack_id).order_by(change.c.number.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    plan, decision = decision_on(connection, known, row, now) if row is not None else (None, None)
    manifest = manifest_of(connection, plan.rendered_digest) if plan is not None else {}
    found = {}
    for path, digest in sorted(files.items()):
        if row is None or decision is None:
            why = f"it was never planned; {_HOW}"
        elif manifest.get(path) != digest:
            other = "another content for it" if path in manifest else "no such file"
            why = f"plan {row['plan'][7:19]}, the last one, has {other}; {_HOW}"
        elif not decision.passes:
            why = f"plan {row['plan'][7:19]}: {'; '.join(decision.sentences)}"
        else:
            why = f"plan {row['plan'][7:19]} was approved for another step of the stack; {_HOW}"
        found[path] = f"stack {stack_id}: {why}"
    return found
