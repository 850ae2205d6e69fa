"""Feeds meters from what agents deliver, in a thread of its own, so that figures are of now also between decisions."""

from collections.abc import Callable

from zonewright.ledger.store.context import Context
from zonewright.ledger.verbs.live import feed, tell_live
from zonewright.ledger.verbs.sealing import seal_chains
from zonewright.rules.words import count_of
from zonewright.server.periodic import Periodic

PERIOD_S = 30.0
"""Figures are of whole hours, so nobody waits for it; a decision takes what has come in by itself."""


class LiveReadings(Periodic):
    """Takes what came in every half a minute, and has the journal told of hours that are over.

    Args:
        context: the ledger, its readings and samples; None feeds nothing.
        say: takes a sentence about what could not be done.
    """

    def __init__(self, context: Context | None, *, say: Callable[[str], None]) -> None:
        self._context, self._say = context, say
        super().__init__("live-readings", every_s=PERIOD_S, is_wanted=context is not None)

    def once(self) -> None:
        """Take what has come in; what fails is said, and tried again the next time."""
        if self._context is None:
            return
        try:
            fed = feed(self._context)
            tell_live(self._context)
            seal_chains(self._context)
        except Exception as error:  # noqa: BLE001 - whatever it is, reports go on and the next time comes
            self._say(f"live readings were not taken: {str(error).split(';', maxsplit=1)[0]}; they are tried again")
        else:
            if fed is not None and fed.refused:
                binding, _, why = fed.refused[0]
                self._say(f"{count_of(len(fed.refused), 'live reading')} of {binding.site} refused: {why}")

    def _round(self) -> None:
        self.once()
