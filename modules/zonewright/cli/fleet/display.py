"""How a run is shown: a live table on a terminal, one plain line for each host elsewhere, or JSON lines."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

from zonewright.cli.output import width

if TYPE_CHECKING:
    from zonewright.fleet.rollout.outcome import Outcome
    from zonewright.fleet.rollout.pool import Event
    from zonewright.fleet.rollout.record import RunLog

_COLOURS = {
    "changed": "green",
    "unchanged": "dim",
    "failed": "red",
    "unreachable": "yellow",
    "unknown": "magenta",
    "rolled-back": "red",
    "skipped": "dim",
}
_SHOWN = 30


class Display:
    """Shows events as they come; a context manager.

    Args:
        hosts: names, in order.
        style: ``text`` or ``json``.
        log: where each event is written too.
    """

    def __init__(self, hosts: Sequence[str], *, style: str, log: "RunLog") -> None:
        self._hosts, self._style, self._log = hosts, style, log
        self._now: dict[str, tuple[str, str]] = {}
        self._live: Any = None

    def __enter__(self) -> Self:
        if self._style == "text" and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), refresh_per_second=4, transient=True)
            self._live.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.__exit__(*exception)

    def observe(self, event: "Event") -> None:
        """Something happened."""
        line = self._log.write(event)
        if self._style == "json":
            print(line, flush=True)
        elif self._live is not None:
            self._now[event.host] = (event.outcome.state if event.outcome else event.step, event.detail)
            self._live.update(self._table())
        elif not event.host:
            print(f"{event.detail}", file=sys.stderr, flush=True)

    def _table(self) -> Any:
        """Hosts at work and those that went wrong; the rest is counted."""
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        for name in ("host", "state or step", "why"):
            table.add_column(name, no_wrap=name != "why", overflow="ellipsis")
        quiet = ("changed", "unchanged", "skipped")
        shown = [name for name in self._hosts if name in self._now and self._now[name][0] not in quiet]
        for name in shown[:_SHOWN]:
            word, detail = self._now[name]
            table.add_row(name, f"[{_COLOURS.get(word, 'cyan')}]{word}[/]", detail[:200].replace("[", r"\["))
        done = sum(1 for name in self._hosts if self._now.get(name, ("",))[0] in quiet)
        table.caption = f"{self._now.get('', ('', ''))[1]}; {done} of {len(self._hosts)} hosts done"
        return table


def summary(outcomes: "Iterable[Outcome]", *, where: str) -> str:
    """One line for each host, with its reason below where it is not as wanted, and the counts."""
    import textwrap

    from zonewright.fleet.rollout.record import counts_of

    found = list(outcomes)
    size = max((len(one.host) for one in found), default=0)
    lines: list[str] = []
    for one in found:
        change = f"{one.before or 'nothing'} -> {one.after or 'nothing'}" if one.before != one.after else one.after
        lines.append(f"{one.host:<{size}}  {one.state:<11}  {change}".rstrip())
        if one.sentence:
            lines += textwrap.wrap(
                one.sentence, width(), initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
            )
    counts = ", ".join(f"{count} {state}" for state, count in counts_of(found).items() if count)
    return "\n".join([*lines, "", f"{counts or 'no host'}; record: {where}"])
