"""What goes wrong with the engine, as sentences.

Must not hold anything but the error and the record of one attempt.
"""

from dataclasses import dataclass

from zonewright.errors import ZonewrightError


@dataclass(frozen=True)
class Attempt:
    """One way to an engine that was tried and did not lead to one.

    Attributes:
        way: Its name: `ZONEWRIGHT_PULUMI`, `PATH`, `installer` or `build`.
        reason: One sentence: what was expected, what was found, where.
    """

    way: str
    reason: str


class EngineError(ZonewrightError, RuntimeError):
    """No usable engine; the text is for the user and complete without a traceback.

    Attributes:
        attempts: Each way that was tried, in order.
    """

    def __init__(self, text: str, attempts: tuple[Attempt, ...] = ()) -> None:
        super().__init__(text)
        self.attempts = attempts
