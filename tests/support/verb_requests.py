"""The least request of each verb, for tests that ask all of them."""

from typing import Any

from support.ledger_party import Party
from zonewright.ledger.protocol.messages import Message
from zonewright.ledger.verbs.table import FUNCTIONS
from zonewright.model import Zone
from zonewright.model.canonical import digest_of

FUNCTIONS_BY_NAME = {verb.name: verb for verb in FUNCTIONS}
_ASKED = {"party", "stack_id", "principal"}


def least_request(verb: str, zone: Zone, *, party: str, stack_id: str, principal: str) -> Message:
    """A request of a verb that is right in form, and asks for as little as there is.

    Args:
        verb: its name.
        zone: the registered zone.
        party: who asks.
        stack_id: for which stack.
        principal: whose access it is about.
    """
    digest, request = "sha256:" + "0" * 64, FUNCTIONS_BY_NAME[verb].request
    demand = Party(None, "", "tenant-a", zone=zone).demand().model_dump(mode="json")  # type: ignore[arg-type]
    known: dict[str, Any] = {
        "party": party,
        "stack_id": stack_id,
        "principal": principal,
        "lineage": "another-lineage",
        "zone": zone.model_dump(mode="json", exclude_defaults=True),
        "demand": demand,
        "demand_digest": digest,
        "change_digest": digest,
        "rendered_digest": digest,
        "admission_id": "adm-0",
        "seats": {},
        "addresses": {},
        "kind": "runner" if verb == "grant" else "fleet-enrolment" if verb == "record" else "node",
        "name": "nobody-001",
        "node": "nobody-001",
        "generation": 0,
        "confirms": [{"kind": "node", "name": "nobody-001", "generation": 0}],
        "state_is_empty": False,
        "holders": [],
        "seen": [] if verb == "accept" else None,
        "site": "dc1",
        "subject": "nowhere",
        "subjects": ["nowhere"],
        "files": {},
        "files_digest": digest_of("{}"),
        "texts": [],
        "digests": [],
        "sites": [],
        "watts": 1,
        "units": 1,
        "fleet": party,
        "holder": "holder",
        "who": "who",
        "seconds": 1,
        "entry": {},
        "changes": [],
        "plan": "",
        "envelope": "",
        "roles": ["tenant"],
        "days": 1,
        "why": "no more",
        "pack": "none",
    }
    fields = request.model_fields
    asked: Message = request.model_validate(
        {name: known[name] for name, one in fields.items() if one.is_required() or name in _ASKED}
    )
    return asked
