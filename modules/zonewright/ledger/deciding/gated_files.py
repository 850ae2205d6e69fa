"""Whether the files of a change may be deployed, by the zone's policy: decided where the change is.

The ledger runs no validator. Whoever renders does, and hands in a short text, by digest as everything else, that names
the files and the formats which all passed. Without that text there is no change in a zone that gates formats.
"""

from sqlalchemy import Connection

from zonewright.ledger.deciding.readable import foreign
from zonewright.ledger.protocol.change import passed_text
from zonewright.ledger.protocol.rights import Caller
from zonewright.ledger.store.texts import get_content
from zonewright.model import Zone
from zonewright.model.canonical import digest_of
from zonewright.rules.finding import Finding, Participant
from zonewright.rules.words import listed

RULE = "validated-files"


def gated_findings(
    connection: Connection, caller: Caller, zone: Zone | None, *, rendered_digest: str | None, party: str, now: str
) -> tuple[Finding, ...]:
    """What stands against the files of a change; nothing where no format is gated, or no files are named.

    Args:
        connection: the transaction that the change is decided in.
        caller: who asks; what another party has handed in does not count.
        zone: the registered zone.
        rendered_digest: digest of the manifest of the rendered files.
        party: whose change it is.
        now: the moment, as the tables hold it.
    """
    if zone is None or rendered_digest is None or not zone.gated_formats:
        return ()
    text = passed_text(rendered_digest, zone.gated_formats)
    digest = digest_of(text)
    if get_content(connection, digest) == text and not foreign(connection, caller, {digest}, now=now):
        return ()
    formats = listed(sorted(zone.gated_formats))
    found = Finding(
        rule=RULE,
        level="mandatory",
        subject=formats,
        where="",
        message=f"the zone gates files of {formats}, and no pass on all of them was handed in for this change",
        participants=(Participant(party=party, name=party),),
        fix="see what the validators say, with zonewright check --stack NAME, and run pulumi up again",
        reference="zonewright, how-to: read a validator's verdict",
    )
    return (found,)
