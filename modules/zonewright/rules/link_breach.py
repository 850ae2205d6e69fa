"""What is said of a link that cannot run as it is declared."""

from zonewright.model.world import LinkFacts
from zonewright.rules.finding import Participant
from zonewright.rules.view import Breach

UNTIL_LINK = "until the operator of the link has changed the link: ask for that first"


def unknown_part(link_id: str, held: LinkFacts, what: str, who: str) -> Breach:
    """It needs something that nobody has declared."""
    return not_routed(
        link_id, held, f"needs {what}, which no {who} has declared", f"correct the id, or ask for {what} to be declared"
    )


def not_routed(link_id: str, held: LinkFacts, what: str, fix: str) -> Breach:
    """What is wrong, and how to mend it."""
    return Breach(
        subject=link_id,
        where=f"links.{link_id}",
        message=f"link {link_id} {what}",
        value=1,
        limit=0,
        unit="links",
        excess=1,
        participants=(Participant(party=held.owner, name=link_id),),
        fix=fix,
    )
