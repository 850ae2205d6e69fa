"""The ledger's tables. JSON is kept as canonical text, times as ISO 8601 in UTC."""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

metadata = MetaData()
HOLDER = "holder"
"""The column with the token of the resource that holds a claim or asset; a ledger of an older version lacks it."""

zone = Table(
    "zone",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("digest", String(71), nullable=False),
    Column("document", Text, nullable=False),
    Column("registered_at", String(32), nullable=False),
)

revision = Table(
    "revision",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("number", Integer, nullable=False),
)

enrolment = Table(
    "enrolment",
    metadata,
    Column("stack_id", String(64), primary_key=True),
    Column("party", String(64), nullable=False),
    Column("lineage", String(64), nullable=True),
    Column("label", Text, nullable=False),
    Column("enrolled_at", String(32), nullable=False),
)


def _holding(name: str) -> Table:
    """Claims and assets live the same life, so their tables have the same columns."""
    table = Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("stack_id", String(64), nullable=False),
        Column("party", String(64), nullable=False),
        Column("kind", String(8), nullable=False),
        Column("name", String(200), nullable=False),
        Column("state", String(16), nullable=False),
        Column("generation", Integer, nullable=False),
        Column(HOLDER, String(16), nullable=True),
        Column("site", String(64), nullable=False),
        Column("rack", String(200), nullable=False),
        Column("room", String(130), nullable=False),
        Column("draw_w", Integer, nullable=False),
        Column("active_since", String(32), nullable=True),
        Column("digest", String(71), nullable=False),
        Column("data", Text, nullable=False),
        Column("changed_at", String(32), nullable=False),
        sqlite_autoincrement=True,  # the number of a row that was freed is never another one's
    )
    Index(f"{name}_by_name", table.c.stack_id, table.c.name)
    Index(f"{name}_by_site", table.c.site)
    return table


claim = _holding("claim")
asset = _holding("asset")
Index("claim_sums", claim.c.state, claim.c.site, claim.c.room, claim.c.stack_id, claim.c.draw_w)

generation = Table(
    "generation",
    metadata,
    Column("stack_id", String(64), primary_key=True),
    Column("highest", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""The highest generation that a claim or asset of a stack had when it was freed, since its row is there no more: what
is confirmed after that gets a higher one, so a late delete never names the resource of today."""

claim_version = Table(
    "claim_version",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("number", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""A random number that the database draws again whenever a claim of a site is written: where it is the same, all rows
are the same, also after a transaction that was rolled back. What a process remembers of a site is kept under it."""


@event.listens_for(claim_version, "after_create")
def _draw_again(_table: Table, connection: Connection, **_options: object) -> None:
    """Written for SQLite; another database must say how it does this before it can hold a ledger.

    A ledger of an older version has claims already when it gets this table.
    """
    number = "INSERT INTO claim_version (site, number) VALUES ({}.site, random())"
    again = "ON CONFLICT (site) DO UPDATE SET number = excluded.number"
    for what, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
        watched = f"claim_{what.lower()} AFTER {what} ON claim"
        connection.exec_driver_sql(f"CREATE TRIGGER {watched} BEGIN {number.format(row)} {again}; END")
    connection.exec_driver_sql(
        "INSERT INTO claim_version (site, number) SELECT site, random() FROM claim GROUP BY site"
    )


reservation = Table(
    "reservation",
    metadata,
    Column("stack_id", String(64), primary_key=True),
    Column("party", String(64), nullable=False),
    Column("demand_digest", String(71), nullable=False),
    Column("proposal", Text, nullable=False),
    Column("sites", Text, nullable=False),
    Column("expires_at", String(32), nullable=False),
)

proposal = Table(
    "proposal",
    metadata,
    Column("stack_id", String(64), primary_key=True),
    Column("demand_digest", String(71), nullable=False),
    Column("seats", Text, nullable=False),
    Column("unplaced", Text, nullable=False),
    Column("sources", Text, nullable=False),
    Column("proposed_at", String(32), nullable=False),
)

admission = Table(
    "admission",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("stack_id", String(64), nullable=False, index=True),
    Column("party", String(64), nullable=False),
    Column("demand_digest", String(71), nullable=False),
    Column("change_digest", String(71), nullable=False),
    Column("rendered_digest", String(71), nullable=False),
    Column("connections", Text, nullable=False),
    Column("holds", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("admitted_at", String(32), nullable=False),
    Column("completed_at", String(32), nullable=True),
)

change = Table(
    "change",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("plan", String(71), nullable=False, unique=True),
    Column("change_digest", String(71), nullable=False),
    Column("stack_id", String(64), nullable=False, index=True),
    Column("party", String(64), nullable=False),
    Column("replaces", String(64), nullable=False),
    Column("author", String(64), nullable=False),
    Column("envelope", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("received_at", String(32), nullable=False),
)

verdict = Table(
    "verdict",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("plan", String(71), nullable=False, index=True),
    Column("signer", String(64), nullable=False),
    Column("word", String(16), nullable=False),
    Column("envelope", Text, nullable=False),
    Column("received_at", String(32), nullable=False),
    UniqueConstraint("plan", "envelope"),
)

decided = Table(
    "decided",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("stack_id", String(64), nullable=False, index=True),
    Column("party", String(64), nullable=False),
    Column("plan", String(71), nullable=False),
    Column("change_digest", String(71), nullable=False),
    Column("admission_id", String(64), nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("review_by", String(32), nullable=False),
    Column("at", String(32), nullable=False),
)

content = Table(
    "content",
    metadata,
    Column("digest", String(71), primary_key=True),
    Column("text", Text, nullable=False),
)

deployed = Table(
    "deployed",
    metadata,
    Column("stack_id", String(64), nullable=False),
    Column("site", String(64), nullable=False),
    Column("files", Text, nullable=False),
    Column("deployed_at", String(32), nullable=False),
    UniqueConstraint("stack_id", "site"),
)

lease = Table(
    "lease",
    metadata,
    Column("fleet", String(200), primary_key=True),
    Column("holder", String(200), nullable=False),
    Column("who", String(200), nullable=False),
    Column("since", String(32), nullable=False),
    Column("expires_at", String(32), nullable=False),
)

principal = Table(
    "principal",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("party", String(64), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("roles", Text, nullable=False),
    Column("stacks", Text, nullable=False),
    Column("verbs", Text, nullable=False),
    Column("issuer", Text, nullable=True),
    Column("subject", Text, nullable=True),
    Column("granted_at", String(32), nullable=False),
    Column("granted_by", String(63), nullable=False),
    Column("revoked_at", String(32), nullable=True),
    Column("why", Text, nullable=True),
)

token = Table(
    "token",
    metadata,
    Column("digest", String(71), primary_key=True),
    Column("principal", String(63), nullable=False, index=True),
    Column("expires_at", String(32), nullable=False),
)
"""A token is 256 random bits, so its plain digest tells nothing of it. Where an issuer gives the tokens,
the digest is of issuer and subject."""

journal = Table(
    "journal",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("stack_id", String(64), nullable=False),
    Column("party", String(64), nullable=False),
    Column("payload", Text, nullable=False),
    Column("previous", String(71), nullable=False),
    Column("hash", String(71), nullable=False),
)
