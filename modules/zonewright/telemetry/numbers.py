"""The numbers of batches that came in: each once, for ever."""

from zonewright.telemetry.home import Statements
from zonewright.telemetry.sample import SampleBatch


def is_new(connection: Statements, report: SampleBatch, now_ns: int) -> bool:
    """Note a batch; whether its number is a new one."""
    identity = (report.agent, report.boot, report.sequence)
    query = "select 1 from batch_run where agent = ? and boot = ? and ? between first and last"
    if connection.execute(query, identity).fetchone() is not None:
        return False
    return bool(connection.add_rows("batch", [(*identity, now_ns, report.dropped)]))


def shorten(connection: Statements, before_ns: int) -> None:
    """Keep of old batches the runs of their numbers: what is sent again years later is still known."""
    old = (
        "from batch as b where received_ns < ? and "
        "sequence < (select max(sequence) from batch where agent = b.agent and boot = b.boot)"
    )
    rows = connection.execute(
        f"select agent, boot, sequence, sequence {old} union all select agent, boot, first, last from batch_run "  # noqa: S608 - no input
        "order by 1, 2, 3",
        (before_ns,),
    ).fetchall()
    runs: list[list[str | int]] = []
    for agent, boot, first, last in rows:
        if runs and runs[-1][:2] == [agent, boot] and runs[-1][3] == first - 1:
            runs[-1][3] = last
        else:
            runs.append([agent, boot, first, last])
    connection.execute(f"delete {old}", (before_ns,))
    connection.execute("delete from batch_run")
    connection.add_rows("batch_run", runs)
