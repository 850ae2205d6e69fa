"""How much of anything that comes from outside is taken, and why: one table, which the reference shows.

What comes is untrusted: a number costs memory to the power of two where it is a position, and a text costs time where
it is searched. Fields whose own meaning bounds them closer say so where they are declared.
"""

from dataclasses import dataclass

HOUR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class InputLimit:
    """One limit.

    Attributes:
        most: the largest that is taken.
        unit: of what.
        what: what is limited.
        why: why it is that much.
    """

    most: int
    unit: str
    what: str
    why: str


BODY = InputLimit(
    most=64 * 1024**2,
    unit="bytes",
    what="request of a verb",
    why="It is held in memory while it is read.",
)
DEPTH = InputLimit(most=32, unit="levels", what="JSON within JSON", why="It is four times the depth of a demand.")
INTEGER = InputLimit(
    most=2**63 - 1, unit="", what="whole number, either sign", why="It fits a bigint of SQLite and PostgreSQL."
)
ITEMS = InputLimit(most=100_000, unit="items", what="list or mapping", why="The largest zone has 100,000 nodes.")
NODES = InputLimit(
    most=50_000,
    unit="nodes",
    what="nodes of one owner's clusters",
    why="A cluster is a line, and its nodes are placed one by one while others wait.",
)
ROWS = InputLimit(
    most=10_000,
    unit="rows",
    what="rows of one owner's sites",
    why="A range of rows is a line. Each has up to 40 racks.",
)
OFFERED = InputLimit(
    most=10_000,
    unit="ids",
    what="rooms, rows, racks, ducts and leases that one owner's offers name",
    why="A range of them is a line, and every decision at the site reads them while others wait.",
)
ELEMENTS = InputLimit(
    most=1_000,
    unit="elements",
    what="elements of one site's supply, with its panels",
    why="Each is lost in thought, one by one, while others wait.",
)
UNITS = InputLimit(
    most=100,
    unit="U",
    what="rack position",
    why="Declared racks have at most 60. Units are bits of a number.",
)
NAME = InputLimit(
    most=300,
    unit="characters",
    what="name: of a party, a site, a rack, an admission, a lineage",
    why="Ids have at most 63 characters. The longest names are paths of four of them.",
)
LABEL = InputLimit(most=2000, unit="characters", what="label or sentence", why="A URN has one id for each parent.")
ADDRESS = InputLimit(
    most=64, unit="characters", what="address with prefix length", why="The longest IPv6 address with one has 49."
)
TEXT = InputLimit(
    most=BODY.most, unit="characters", what="text that is kept as it is", why="It is as long as its request."
)
CONFIRMS = InputLimit(
    most=1000, unit="confirms", what="batch of confirms", why="They are carried out while other stacks wait."
)
POINTS = InputLimit(
    most=50_000, unit="points", what="batch of telemetry", why="They are stored while other agents wait."
)
TELEMETRY_BODY = InputLimit(
    most=4 * 1024**2, unit="bytes", what="batch of telemetry as it is sent", why="It holds the points above, packed."
)
TELEMETRY_PLAIN = InputLimit(
    most=16 * 1024**2, unit="bytes", what="batch of telemetry, unpacked", why="It holds the points above."
)
SERIES = InputLimit(
    most=20_000,
    unit="series",
    what="sender of telemetry that numbers no batches",
    why="Each is a row for ever, and before each decision they are looked through.",
)
TELEMETRY_NAME = InputLimit(
    most=200, unit="characters", what="name, unit or part of telemetry", why="Longer ones are cut: they are labels."
)
DELTA = InputLimit(
    most=2 * HOUR_S,
    unit="seconds",
    what="time that a delta of energy spans",
    why="Energy is spread over hours while everybody waits. After a longer gap nobody knows when it flowed.",
)
METER_DELTA = InputLimit(
    most=32 * 24 * HOUR_S,
    unit="seconds",
    what="time that a delta of energy spans, in another unit than J",
    why="A begin that is no time, such as 1970, would make a little energy cover a whole year of a meter.",
)
LATE = InputLimit(
    most=3 * 366 * 24 * HOUR_S,
    unit="seconds",
    what="age of a value when it comes in",
    why="The clock of a host that was never set begins in 1970, and a register would be known since then.",
)
ACCESS = InputLimit(
    most=400,
    unit="days",
    what="time that a token of the ledger is good",
    why="Who uses it for longer renews it once a year, so that a forgotten one ends.",
)
ANSWERED = InputLimit(
    most=1000, unit="entries", what="answer about one place, duct, address or name", why="People read it."
)
CLOCK_BEHIND = InputLimit(
    most=300,
    unit="seconds",
    what="time that the ledger's clock is behind the journal's last entry",
    why="A clock that is set right jumps by less. Decisions then count as made at the moment of that entry.",
)
HEALTH = InputLimit(most=64 * 1024, unit="bytes", what="report of an agent's health", why="A report has a few lines.")
RESERVATIONS = InputLimit(
    most=32,
    unit="reservations",
    what="reservations that a party holds at a time",
    why="Each is for one `pulumi up` of a party. More at once are no work of people or of one pipeline.",
)
UNENROLLED = InputLimit(
    most=4,
    unit="reservations",
    what="of these, reservations of stacks that are not enrolled yet",
    why="A new stack is enrolled seconds after it reserved. Until then it has shown only the name of its party.",
)
LASTING = InputLimit(
    most=32,
    unit="reservations",
    what="reservations for days that a party holds at a time",
    why="Each is for one stack of a party, and keeps others out of what it holds.",
)
RESERVED = InputLimit(
    most=366,
    unit="days",
    what="time until the end of a reservation for days",
    why="Who needs it for longer renews it once a year, so that a forgotten one ends.",
)
DRAFT = InputLimit(
    most=86_400,
    unit="seconds",
    what="time that the ledger keeps what a preview asked for, before a plan or an admission names it",
    why="Between a preview and its plan or `up` lie minutes, or a night. After that, each preview stores it again.",
)

TABLE = (
    BODY,
    DEPTH,
    INTEGER,
    ITEMS,
    NODES,
    ROWS,
    OFFERED,
    ELEMENTS,
    UNITS,
    NAME,
    LABEL,
    ADDRESS,
    TEXT,
    CONFIRMS,
    POINTS,
    TELEMETRY_BODY,
    TELEMETRY_PLAIN,
    SERIES,
    TELEMETRY_NAME,
    DELTA,
    METER_DELTA,
    LATE,
    CLOCK_BEHIND,
    HEALTH,
    RESERVATIONS,
    UNENROLLED,
    LASTING,
    RESERVED,
    DRAFT,
    ACCESS,
    ANSWERED,
)
"""All of them, in the order of the reference."""
