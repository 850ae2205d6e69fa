"""Completion: registered last and dependent on all; closes the change, and guards a destroy."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.admission_messages import CompleteRequest
from zonewright.ledger.protocol.capacity_messages import RoomCapacity, SiteCapacity
from zonewright.ledger.protocol.journal_messages import JournalHead, SeenRequest
from zonewright.ledger.protocol.stack_messages import ReportRequest
from zonewright.provider.resource import (
    STACK_ID,
    CheckedResource,
    Data,
    Difference,
    Input,
    ProviderSession,
    ReadResource,
    compare,
)

_SHOWN_SITES = 3


class CompletionResource(CheckedResource):
    """Its create and update say that everything exists; its delete is the first step of a destroy."""

    token = "zonewright:index:Completion"  # noqa: S105 - a Pulumi type token
    description = "Closes a change when all its resources exist. Refuses a destroy while others depend on the stack."
    inputs: Mapping[str, Input] = {
        "stackId": replace(STACK_ID, replaces=False),
        "changeDigest": Input("string", "names the change that is closed"),
    }
    outputs: Mapping[str, Input] = {
        **inputs,
        "free": Input("object", "what the change leaves free: rack units and kW by site"),
        "capacity": Input("object", "the same as numbers, with kg and by room", required=False, nested=True),
        "journal": Input("string", "ledger, number and hash of the journal's last entry", required=False),
    }

    def check(
        self, session: ProviderSession, urn: str, old: Data | None, new: dict[str, Any], seed: bytes
    ) -> dict[str, Any]:
        """What stands although the zone's file is another one is closed by its own name."""
        checked = super().check(session, urn, old, new, seed)
        return {**checked, "changeDigest": session.memory.stands_as.get(new["changeDigest"], new["changeDigest"])}

    def diff(self, session: ProviderSession, _urn: str, _id: str, old: Data, new: Data) -> Difference:
        """Another change, or the same one admitted again and not closed yet, or of which something is to be made."""
        difference = compare(self.inputs, old, new)
        if difference.changes:
            return difference
        reopened = session.memory.readmitted
        if not reopened:
            request = ReportRequest(holdings=False, stack_id=new["stackId"], seen=_seen(old))
            report = session.ledger.call(verbs.REPORT, request)
            reopened = not report.completed or report.is_open
        return Difference({"changeDigest": "update"}) if reopened else difference

    def create(self, session: ProviderSession, urn: str, new: Data, *, preview: bool) -> tuple[str, Data]:
        """Close the change."""
        return f"completion/{new['stackId']}", new if preview else self._complete(session, urn, new)

    def _complete(self, session: ProviderSession, urn: str, new: Data) -> Data:
        request = CompleteRequest(stack_id=new["stackId"], change_digest=new["changeDigest"])
        done = session.ledger.call(verbs.COMPLETE, request)
        free = {site: f"{item.free_u:,} U, {item.free_kw:,.1f} kW" for site, item in done.free.items()}
        if free:
            session.log(urn, _said(free))
        capacity = {site: capacity_data(item) for site, item in done.free.items()}
        return {**new, "free": free, "capacity": capacity, "journal": done.head.text()}

    def read(self, session: ProviderSession, id_: str, last: ReadResource | None) -> ReadResource | None:
        """The last completed change; gone when the stack has none.

        It cannot be imported: the delete of a second one would begin a destroy of what the first one stands for.
        """
        if last is None:
            return None
        stack_id = id_.removeprefix("completion/")
        request = ReportRequest(holdings=False, stack_id=stack_id, seen=_seen(last.outputs))
        report = session.ledger.call(verbs.REPORT, request)
        if report.change_digest is None or not report.completed:
            return None
        data = {"stackId": report.stack_id, "changeDigest": report.change_digest}
        kept = {name: last.outputs[name] for name in ("free", "capacity", "journal") if name in last.outputs}
        return ReadResource(id_, data, {**data, **kept})

    def update(self, session: ProviderSession, urn: str, _id: str, _state: Data, new: Data, *, preview: bool) -> Data:
        """Close the next change."""
        return new if preview else self._complete(session, urn, new)

    def delete(self, session: ProviderSession, _id: str, state: Data) -> None:
        """Refuse the destroy, before anything is gone, if others stand on what would go."""
        session.ledger.call(verbs.GUARD_DESTROY, SeenRequest(stack_id=state["stackId"], seen=_seen(state)))


def capacity_data(capacity: RoomCapacity) -> dict[str, Any]:
    """What is free, as properties."""
    rooms = capacity.rooms if isinstance(capacity, SiteCapacity) else {}
    return {
        "racks": capacity.racks,
        "freeU": capacity.free_u,
        "freeKw": capacity.free_kw,
        "freeKg": capacity.free_kg,
        **({"rooms": {name: capacity_data(room) for name, room in rooms.items()}} if rooms else {}),
    }


def _seen(state: Data) -> JournalHead | None:
    return JournalHead.parse(state.get("journal", ""))


def _said(free: Mapping[str, str]) -> str:
    first = "; ".join(f"{site} {text}" for site, text in list(free.items())[:_SHOWN_SITES])
    more = len(free) - _SHOWN_SITES
    return f"free now: {first}" + (f"; {more} more: zonewright ledger status" if more > 0 else "")
