"""Does what a stack was admitted with still stand where the zone's file was registered again since?

A new file of the zone makes another demand of the same declaration. Where places, files and all else are as admitted,
and the new file has nothing against them that was not accepted, there is nothing to decide again.
"""

import json
from collections.abc import Collection

from sqlalchemy import Connection, RowMapping, select

from zonewright.ledger.deciding.authority import RULE, Authority, worse_than_accepted
from zonewright.ledger.deciding.drifting import drifted_from
from zonewright.ledger.deciding.plans import present
from zonewright.ledger.deciding.review import change_asked
from zonewright.ledger.protocol.admission_messages import EvaluateRequest
from zonewright.ledger.protocol.change_messages import Plan
from zonewright.ledger.store.tables import change, decided
from zonewright.ledger.store.texts import get_content
from zonewright.model.demand import Demand
from zonewright.rules.finding import Finding


def stands_as_admitted(
    connection: Connection,
    request: EvaluateRequest,
    authority: Authority,
    findings: Collection[Finding],
    *,
    said: Demand,
    in_force: str,
) -> str:
    """Digest of the demand that a stack is admitted with, where an older file of the zone is all that differs.

    Empty where the change must be decided: it is another one, what it holds has drifted, it was planned and approved by
    the new file, or something stands against it that no approval of what is admitted has accepted.

    Args:
        connection: the transaction that the change was judged in.
        request: the change.
        said: its demand, as it was proposed; whoever renamed what it names did not change it.
        in_force: digest of the zone's file in force.
        authority: what approvals say to it.
        findings: all its findings, by the zone's file in force.
    """
    held = present(connection, request.stack_id)
    if held is None or held["change_digest"] != change_asked(request, held["demand_digest"]):
        return ""
    earlier = json.loads(get_content(connection, held["demand_digest"]) or "{}").get("zone_digest")
    if earlier in (None, in_force):
        return ""
    if said.model_copy(update={"zone_digest": earlier}).digest() != held["demand_digest"]:
        return ""
    if authority.approved_by or any(one.refuses for one in findings if one.level != "approval"):
        return ""
    asked = [one for one in findings if one.level == "approval" and one.waiver is None and one.rule != RULE]
    if asked and not _accepted(connection, held, asked):
        return ""
    return "" if drifted_from(connection, held) else str(held["demand_digest"])


def _accepted(connection: Connection, held: RowMapping, asked: list[Finding]) -> bool:
    """Whether the plan by which something was admitted accepted all of it, and no worse numbers."""
    query = select(change.c.document).join(decided, decided.c.plan == change.c.plan)
    document = connection.execute(query.where(decided.c.admission_id == held["id"])).scalar()
    return document is not None and not any(worse_than_accepted(asked, Plan.model_validate_json(document)))
