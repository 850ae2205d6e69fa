"""Wakes requests that wait for something to come, in whatever thread and event loop each of them is served."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class News:
    """Who waits for news of what."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}

    @contextmanager
    def awaited(self, name: str) -> Iterator[asyncio.Event]:
        """An event that is set at each news of a name, as long as this lasts."""
        one = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiting.setdefault(name, set()).add(one)
        try:
            yield one[1]
        finally:
            with self._lock:
                self._waiting[name].discard(one)
                if not self._waiting[name]:
                    del self._waiting[name]

    def tell(self, name: str) -> None:
        """There is something new of a name; from any thread."""
        with self._lock:
            waiting = tuple(self._waiting.get(name, ()))
        for loop, event in waiting:
            with suppress(RuntimeError):  # its loop was closed meanwhile
                loop.call_soon_threadsafe(event.set)
