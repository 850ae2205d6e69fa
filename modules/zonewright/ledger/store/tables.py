"""The ledger's tables. JSON is kept as canonical text, times as ISO 8601 in UTC."""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    MetaData,
    Table,
    UniqueConstraint,
    event,
)

from zonewright.ledger.store.columns import LONG, NUMBER, chars
from zonewright.ledger.store.engines.dialect import words_of

metadata = MetaData()
HOLDER = "holder"
"""The column with the token of the resource that holds a claim or asset; a ledger of an older version lacks it."""

zone = Table(
    "zone",
    metadata,
    Column("id", chars(64), primary_key=True),
    Column("digest", chars(71), nullable=False),
    Column("document", LONG, nullable=False),
    Column("registered_at", chars(32), nullable=False),
    Column("former", LONG, nullable=True),
)
"""``former`` is a JSON object. ``now`` has names of assets that declarations in force still use, each with the present
name; ``readings`` the ids under which readings of renamed sites may still be stored. It stands here because every
decision reads this row; there is none where nothing was renamed."""

revision = Table(
    "revision",
    metadata,
    Column("site", chars(64), primary_key=True),
    Column("number", NUMBER, nullable=False),
)

enrolment = Table(
    "enrolment",
    metadata,
    Column("stack_id", chars(64), primary_key=True),
    Column("party", chars(64), nullable=False),
    Column("lineage", chars(64), nullable=True),
    Column("label", LONG, nullable=False),
    Column("enrolled_at", chars(32), nullable=False),
)


def _holding(name: str) -> Table:
    """Claims and assets live the same life, so their tables have the same columns."""
    table = Table(
        name,
        metadata,
        Column("id", NUMBER, primary_key=True, autoincrement=True),
        Column("stack_id", chars(64), nullable=False),
        Column("party", chars(64), nullable=False),
        Column("kind", chars(8), nullable=False),
        Column("name", chars(200), nullable=False),
        Column("state", chars(16), nullable=False),
        Column("generation", NUMBER, nullable=False),
        Column(HOLDER, chars(16), nullable=True),
        Column("site", chars(64), nullable=False),
        Column("rack", chars(200), nullable=False),
        Column("room", chars(130), nullable=False),
        Column("draw_w", NUMBER, nullable=False),
        Column("active_since", chars(32), nullable=True),
        Column("digest", chars(71), nullable=False),
        Column("data", LONG, nullable=False),
        Column("changed_at", chars(32), nullable=False),
        sqlite_autoincrement=True,  # the number of a row that was freed is never another one's
    )
    Index(f"{name}_by_name", table.c.stack_id, table.c.name)
    return table


claim = _holding("claim")
asset = _holding("asset")
Index("claim_by_site", claim.c.site, claim.c.stack_id)
Index("asset_by_site", asset.c.site)
Index("claim_sums", claim.c.state, claim.c.site, claim.c.room, claim.c.stack_id, claim.c.draw_w)

generation = Table(
    "generation",
    metadata,
    Column("stack_id", chars(64), primary_key=True),
    Column("highest", NUMBER, nullable=False),
    sqlite_with_rowid=False,
)
"""The highest generation that a claim or asset of a stack had when it was freed, since its row is there no more: what
is confirmed after that gets a higher one, so a late delete never names the resource of today."""

claim_stack_version = Table(
    "claim_stack_version",
    metadata,
    Column("site", chars(64), primary_key=True),
    Column("stack_id", chars(64), primary_key=True),
    Column("number", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""A random number for the claims of a stack at a site, as the next table has one for each site: of a site that was
written to only the stacks with another number are read again. A stack that once had something there keeps its row. This
and the next table stand before the one that is made with the triggers that draw all of them."""

asset_version = Table(
    "asset_version",
    metadata,
    Column("site", chars(64), primary_key=True),
    Column("number", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""The same for the assets of a site; ducts and links are at sites of their own."""

claim_version = Table(
    "claim_version",
    metadata,
    Column("site", chars(64), primary_key=True),
    Column("number", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""A random number that the database draws again whenever a claim of a site is written, or goes to another site. Where
it is the same, all rows are the same, also after a transaction that was rolled back. What a process remembers of a site
is kept under it."""


@event.listens_for(claim_version, "after_create")
def _draw_again(_table: Table, connection: Connection, **_options: object) -> None:
    """A ledger of an older version has claims already when it gets this table."""
    words_of(connection).draw_versions(connection)


reservation = Table(
    "reservation",
    metadata,
    Column("stack_id", chars(64), primary_key=True),
    Column("party", chars(64), nullable=False),
    Column("demand_digest", chars(71), nullable=False),
    Column("proposal", LONG, nullable=False),
    Column("sites", LONG, nullable=False),
    Column("expires_at", chars(32), nullable=False),
)

lasting = Table(
    "lasting",
    metadata,
    Column("stack_id", chars(64), primary_key=True),
    Column("party", chars(64), nullable=False),
    Column("wants", chars(71), nullable=False),
    Column("holds", LONG, nullable=False),
    Column("names", LONG, nullable=False),
    Column("why", LONG, nullable=False),
    Column("since", chars(32), nullable=False),
    Column("expires_at", chars(32), nullable=False),
)
"""Reservations for days, one for a stack. ``wants`` is the digest of the demand that converts it, but for the zone's
file, which may change meanwhile; empty where whole racks are held for whatever the stack will want there."""

proposal = Table(
    "proposal",
    metadata,
    Column("stack_id", chars(64), primary_key=True),
    Column("demand_digest", chars(71), nullable=False),
    Column("seats", LONG, nullable=False),
    Column("unplaced", LONG, nullable=False),
    Column("sources", LONG, nullable=False),
    Column("proposed_at", chars(32), nullable=False),
)

admission = Table(
    "admission",
    metadata,
    Column("id", chars(64), primary_key=True),
    Column("stack_id", chars(64), nullable=False, index=True),
    Column("party", chars(64), nullable=False),
    Column("demand_digest", chars(71), nullable=False),
    Column("change_digest", chars(71), nullable=False),
    Column("rendered_digest", chars(71), nullable=False),
    Column("connections", LONG, nullable=False),
    Column("holds", LONG, nullable=False),
    Column("state", chars(16), nullable=False),
    Column("admitted_at", chars(32), nullable=False),
    Column("completed_at", chars(32), nullable=True),
)

change = Table(
    "change",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("plan", chars(71), nullable=False, unique=True),
    Column("change_digest", chars(71), nullable=False),
    Column("stack_id", chars(64), nullable=False, index=True),
    Column("party", chars(64), nullable=False),
    Column("replaces", chars(64), nullable=False),
    Column("author", chars(64), nullable=False),
    Column("envelope", LONG, nullable=False),
    Column("document", LONG, nullable=False),
    Column("received_at", chars(32), nullable=False),
)

verdict = Table(
    "verdict",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("plan", chars(71), nullable=False, index=True),
    Column("signer", chars(64), nullable=False),
    Column("word", chars(16), nullable=False),
    Column("envelope", LONG, nullable=False),
    Column("received_at", chars(32), nullable=False),
    UniqueConstraint("plan", "envelope").ddl_if(dialect="sqlite"),
)
"""On PostgreSQL an index says the same by a digest: a text in one may not be longer than a third of a page."""

decided = Table(
    "decided",
    metadata,
    Column("sequence", NUMBER, primary_key=True, autoincrement=False),
    Column("kind", chars(16), nullable=False),
    Column("stack_id", chars(64), nullable=False, index=True),
    Column("party", chars(64), nullable=False),
    Column("plan", chars(71), nullable=False),
    Column("change_digest", chars(71), nullable=False),
    Column("admission_id", chars(64), nullable=False),
    Column("approved_by", LONG, nullable=False),
    Column("review_by", chars(32), nullable=False),
    Column("at", chars(32), nullable=False),
)

content = Table(
    "content",
    metadata,
    Column("digest", chars(71), primary_key=True),
    Column("text", LONG, nullable=False),
)

deployed = Table(
    "deployed",
    metadata,
    Column("stack_id", chars(64), nullable=False),
    Column("site", chars(64), nullable=False),
    Column("files", LONG, nullable=False),
    Column("deployed_at", chars(32), nullable=False),
    UniqueConstraint("stack_id", "site"),
)

lease = Table(
    "lease",
    metadata,
    Column("fleet", chars(200), primary_key=True),
    Column("holder", chars(200), nullable=False),
    Column("who", chars(200), nullable=False),
    Column("since", chars(32), nullable=False),
    Column("expires_at", chars(32), nullable=False),
)

principal = Table(
    "principal",
    metadata,
    Column("name", chars(63), primary_key=True),
    Column("party", chars(64), nullable=False),
    Column("kind", chars(8), nullable=False),
    Column("roles", LONG, nullable=False),
    Column("stacks", LONG, nullable=False),
    Column("verbs", LONG, nullable=False),
    Column("issuer", LONG, nullable=True),
    Column("subject", LONG, nullable=True),
    Column("granted_at", chars(32), nullable=False),
    Column("granted_by", chars(63), nullable=False),
    Column("revoked_at", chars(32), nullable=True),
    Column("why", LONG, nullable=True),
)

token = Table(
    "token",
    metadata,
    Column("digest", chars(71), primary_key=True),
    Column("principal", chars(63), nullable=False, index=True),
    Column("expires_at", chars(32), nullable=False),
)
"""A token is 256 random bits, so its plain digest tells nothing of it. Where an issuer gives the tokens,
the digest is of issuer and subject."""

journal = Table(
    "journal",
    metadata,
    Column("sequence", NUMBER, primary_key=True, autoincrement=False),
    Column("at", chars(32), nullable=False),
    Column("kind", chars(32), nullable=False),
    Column("stack_id", chars(64), nullable=False),
    Column("party", chars(64), nullable=False),
    Column("payload", LONG, nullable=False),
    Column("previous", chars(71), nullable=False),
    Column("hash", chars(71), nullable=False),
)
