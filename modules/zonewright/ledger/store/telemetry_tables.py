"""Readings, samples, agents and what they report, as tables of a ledger's database: of PostgreSQL only.

Beside a ledger's file they are files of their own, since a file serves one host. The columns are the same in the same
order: ``zonewright.telemetry`` reads and writes both by the same statements.
"""

from sqlalchemy import BigInteger, Column, Connection, Double, Index, MetaData, Table, UniqueConstraint

from zonewright.ledger.store.columns import LONG

metadata = MetaData()


def _key(name: str) -> Column[int]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def _key_text(name: str) -> Column[str]:
    return Column(name, LONG, primary_key=True)


def _numbered(name: str = "id") -> Column[int]:
    """The database numbers the rows."""
    return Column(name, BigInteger, primary_key=True, autoincrement=True)


def _number(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _text(name: str, default: str | None = None) -> Column[str]:
    return Column(name, LONG, nullable=False, server_default=default)


meter = Table(
    "meter",
    metadata,
    _numbered(),
    *(_text("site"), _text("name"), _text("kind"), _text("spec", "")),
    UniqueConstraint("site", "name"),
)
Table(
    "reading",
    metadata,
    _key("meter"),
    _key("time_us"),
    _number("start_us", nullable=True),
    _number("micro"),
    _text("trust"),
)
for _name in ("hourly", "daily"):
    Table(_name, metadata, _key("meter"), _key("begin_us"), _number("energy_mj"), _number("covered_us"))
Table("trust", metadata, _key("meter"), _key_text("trust"))
Table("stretch", metadata, _key("meter"), _key("begin_us"), _number("end_us"))
Table("dip", metadata, _key("meter"), _key("time_us"), _number("high"), _number("low"))
Table(
    "intake",
    metadata,
    _numbered(),
    *(_text("site"), _text("kind"), _text("by"), _text("reason"), _text("meters"), _text("entry"), _text("map", "")),
)
Table(
    "superseded",
    metadata,
    *(_key("intake"), _key("meter"), _key("time_us"), _number("start_us", nullable=True), _number("micro")),
    _text("trust"),
)
Table("pruning", metadata, _numbered(), _text("entry"))
removal = Table(
    "removal",
    metadata,
    *(_number("meter"), _number("begin_us"), _number("end_us"), _number("readings"), _text("digest"), _text("sums")),
    _number("pruning", nullable=True),
)
Index("removal_of", removal.c.meter, removal.c.begin_us)
Table("feeding", metadata, _key_text("samples"), _number("number"), _number("version"), _text("seen", ""))
Table("bound", metadata, *(_key_text(name) for name in ("samples", "site", "meter", "source")))
delivery = Table(
    "delivery",
    metadata,
    *(_key("meter"), _key("begin_us"), _number("readings"), _text("digest"), _number("delivering", nullable=True)),
    _number("dirty"),
)
Index("delivery_of", delivery.c.delivering)
Table("delivering", metadata, _numbered(), _text("entry"))
Table(
    "moved",
    metadata,
    _key("meter"),
    _key("begin_us"),
    *(_number(name) for name in ("first_us", "last_us")),
    _text("trust"),
)
Table("moving", metadata, _key_text("name"))

Table(
    "batch",
    metadata,
    *(_key_text("agent"), _key_text("boot"), _key("sequence"), _number("received_ns"), _number("dropped")),
)
Table("batch_run", metadata, _key_text("agent"), _key_text("boot"), _key("first"), _number("last"))
Table(
    "series",
    metadata,
    _numbered(),
    *(_text("agent"), _text("node"), _text("name"), _text("part"), _text("unit")),
    UniqueConstraint("agent", "node", "name", "part", "unit"),
)
Table(
    "sample",
    metadata,
    *(_key("time_ns"), _key("series"), _number("start_ns", nullable=True), Column("value", Double), _text("quality")),
)
Table(
    "sample_hour",
    metadata,
    *(_key("series"), _key("begin_ns"), _number("energy_uj"), _number("covered_ns"), _number("unsure")),
)
arrival = Table(
    "arrival",
    metadata,
    *(_numbered("number"), _text("agent"), _number("low_ns"), _number("high_ns"), _number("received_ns")),
)
Table("inbox", metadata, _key_text("name"))
Table(
    "quarantine",
    metadata,
    *(_text("agent"), _number("received_ns"), _text("name"), _text("value"), _text("reason"), _numbered("rowid")),
)

Table(
    "chain_link",
    metadata,
    *(_key_text("agent"), _key("sequence"), _text("node"), _text("previous"), _text("digest"), _number("received_ns")),
    *(_number("head"), _text("body")),
)
Table(
    "chain_fork",
    metadata,
    *(_key_text("agent"), _key("sequence"), _key_text("digest"), _text("node"), _text("previous")),
    *(_number("received_ns"), _text("body")),
)
chain_head = Table(
    "chain_head",
    metadata,
    *(_key_text("agent"), _key("sequence"), _text("digest"), _text("key"), _text("head"), _text("signature")),
    *(_number("received_ns"), _number("seal", nullable=True)),
)
Table(
    "chain_run",
    metadata,
    *(_numbered("number"), _text("agent"), _number("first"), _number("last"), _number("received_ns")),
)
chain_event = Table(
    "chain_event",
    metadata,
    *(_numbered("number"), _text("agent"), _number("sequence"), _text("kind"), _text("told"), _number("received_ns")),
    _number("seal", nullable=True),
)
Index("chain_event_of", chain_event.c.agent, chain_event.c.received_ns)
Index("chain_head_open", chain_head.c.received_ns, postgresql_where=chain_head.c.seal.is_(None))
Index("chain_event_open", chain_event.c.received_ns, postgresql_where=chain_event.c.seal.is_(None))
Table("chain_seal", metadata, _numbered(), _text("entry"))

agent = Table("agent", metadata, _key_text("name"), _text("node"), _text("token_digest"), _text("public_key"))
Index("agent_of_token", agent.c.token_digest)
health = Table("health", metadata, _key_text("agent"), _number("time_ns"), _text("report"))
witnessed = Table("witnessed", metadata, _numbered("number"), _text("sender"), _number("refused"), _text("head"))
Index("witnessed_of", witnessed.c.sender, witnessed.c.number)


def make(connection: Connection) -> None:
    """Make the tables, and the name of the samples that tells them from others."""
    metadata.create_all(connection)
    connection.exec_driver_sql(
        "INSERT INTO inbox SELECT md5(gen_random_uuid()::text) WHERE NOT EXISTS (SELECT 1 FROM inbox)"
    )


PROVEN: dict[str, str] = {
    "meter": "the declaration that readings were summed up by",
    "reading": "the journal has the digest of each import, correction and hour of live readings",
    "hourly": "computed from the readings; the journal has the digest of those that stand for removed ones",
    "daily": "computed from the hours",
    "trust": "follows from the readings",
    "stretch": "follows from the removals",
    "dip": "follows from the readings",
    "intake": "each names its entry of the journal",
    "superseded": "the journal has the digest of each correction",
    "pruning": "each names its entry of the journal",
    "removal": "the journal has the digest of each list of removals",
    "feeding": "how far samples were taken into readings",
    "bound": "which sources were taken into readings",
    "delivery": "the journal has the digest of the hours of each entry",
    "delivering": "each names its entry of the journal",
    "moved": "readings count only where they have the digest of their hour, which the journal has",
    "moving": "names the readings",
    "batch": "which batches of agents came in",
    "batch_run": "the same, of long ago",
    "series": "what samples belong to",
    "sample": "what agents sent; readings that count have digests in the journal",
    "sample_hour": "computed from the samples",
    "arrival": "in which order batches came in",
    "inbox": "names the samples",
    "quarantine": "what of the samples could not be",
    "chain_link": "signed by the agent, as its heads lead back",
    "chain_fork": "batches beside others of their number, until a head says which of them the agent signed",
    "chain_head": "signed by the agent; the journal has a digest of each list of heads",
    "chain_run": "which batches heads lead back to, in order",
    "chain_event": "the journal has a digest of each list of events",
    "chain_seal": "each names its entry of the journal",
    "agent": "the journal has the key of each agent that a roll-out enrolled",
    "health": "signed by the agent",
    "witnessed": "signed by the ledger that sent it",
}
"""Why no entry of the journal covers a table row by row: what follows from what, or where its digests are."""
