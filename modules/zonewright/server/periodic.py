"""Something that is done again and again beside the requests, in a thread of its own: a slow round stops nothing."""

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

_STOP_S = 5.0


class Periodic(ABC):
    """Rounds at the begin and after each period, from entering the context to leaving it.

    What a round begins and cannot end is for the next start: who leaves waits five seconds for it, and no longer.

    Args:
        name: of the thread.
        every_s: seconds between the end of a round and the next one.
        is_wanted: whether there is anything to do; without it no thread is started.
    """

    def __init__(self, name: str, *, every_s: float, is_wanted: bool) -> None:
        self._every_s, self._is_wanted = every_s, is_wanted
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        if self._is_wanted:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    @abstractmethod
    def _round(self) -> None:
        """One round, which says what fails and raises nothing."""

    def _run(self) -> None:
        self._round()
        while not self._stop.wait(self._every_s):
            self._round()
