"""Statements that many verbs carry out, made once: to make one takes Python about as long as to carry it out."""

from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Select, Table, bindparam, select

from zonewright.ledger.store.asking import Question
from zonewright.ledger.store.tables import admission, asset, enrolment, zone

STACK: BindParameter[Any] = bindparam("stack")
"""The id of a stack, which whoever carries out a statement gives as ``stack``."""
ZONE = select(zone)
DOCUMENT = select(zone.c.document)
FORMER = select(zone.c.former)
"""The registered zone: its row, its text, and the former names that are in use."""
ENROLMENT = select(enrolment).where(enrolment.c.stack_id == STACK)
LINEAGE = select(enrolment.c.lineage).where(enrolment.c.stack_id == STACK)
PARTY = select(enrolment.c.party).where(enrolment.c.stack_id == STACK)
"""The enrolment of a stack, or one column of it."""
IS_PRESENT = admission.c.stack_id == STACK, admission.c.state == "current"
PRESENT = select(admission).where(*IS_PRESENT)
"""The present admission of a stack."""
ZONE_ROW = Question(ZONE, stays=True)
ENROLLED = Question(ENROLMENT)
PRESENT_ADMISSION = Question(PRESENT)
"""The same as questions, for parts of a transaction that ask each one once."""
OWN_ASSET = Question(select(asset.c.id).where(asset.c.stack_id == STACK).limit(1), stays=True)
"""Whether a stack has any asset."""
ADMISSION = select(admission).where(admission.c.id == bindparam("one"))


@cache
def of_stack(table: Table) -> Select[Any]:
    """All rows of a table that are a stack's."""
    return select(table).where(table.c.stack_id == STACK)
