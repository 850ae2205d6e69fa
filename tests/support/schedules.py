"""Every order in which clients can take their steps: a scheduler of which exactly one client runs at a time.

Clients are threads that stop before each step (a transaction of the store, or a call of a service) until they are
chosen. Orders are enumerated depth first, each run from the beginning. Two readings beside each other give the same
whichever comes first, so of such orders only one is run (sleep sets).
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Kind = Literal["reading", "writing"]
LIMIT_S = 60.0


class Abandoned(BaseException):
    """Ends a client whose order is not run any further; no handler of errors may take it for one."""


@dataclass
class _Client:
    thread: threading.Thread
    chosen: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    waits_for: Kind | None = None
    is_done: bool = False
    error: BaseException | None = None


class Scheduler:
    """Lets one client run until its next stop.

    Attributes:
        taken: the steps that were taken, as (client, kind).
    """

    def __init__(self) -> None:
        self.taken: list[tuple[str, Kind]] = []
        self._clients: dict[str, _Client] = {}
        self._stopped = threading.Semaphore(0)
        self._is_abandoned = False

    @property
    def current(self) -> str | None:
        """The client whose thread asks; None for a thread that is no client's."""
        name = threading.current_thread().name
        held = self._clients.get(name)
        return name if held is not None and held.thread is threading.current_thread() else None

    def stop(self, kind: Kind) -> None:
        """Wait until the calling client is chosen; a thread that is no client's goes on at once.

        Raises:
            Abandoned: when the order is not run any further.
        """
        name = self.current
        if name is None:
            return
        client = self._clients[name]
        client.waits_for = kind
        self._stopped.release()
        client.chosen.acquire()
        client.waits_for = None
        if self._is_abandoned:
            raise Abandoned

    def start(self, programs: Mapping[str, Callable[[], None]]) -> None:
        """Start the clients, one after another, each until its first stop."""
        self.taken, self._clients, self._is_abandoned = [], {}, False
        self._stopped = threading.Semaphore(0)  # clients that were ended have released the old one
        for name, program in programs.items():
            thread = threading.Thread(target=self._run, args=(name, program), name=name, daemon=True)
            self._clients[name] = _Client(thread)
            thread.start()
            self._await_stop(name)

    def waiting(self) -> dict[str, Kind]:
        """Clients that can be chosen, and what each would do."""
        return {
            name: client.waits_for for name, client in self._clients.items() if client.waits_for and not client.is_done
        }

    def step(self, name: str) -> None:
        """Let a client take its step and go on to its next stop or its end."""
        kind = self._clients[name].waits_for
        assert kind is not None, f"{name} does not wait"
        self.taken.append((name, kind))
        self._clients[name].chosen.release()
        self._await_stop(name)

    def end(self) -> None:
        """End all clients that still wait."""
        self._is_abandoned = True
        for client in self._clients.values():
            if not client.is_done:
                client.chosen.release()
            client.thread.join(LIMIT_S)

    def _run(self, name: str, program: Callable[[], None]) -> None:
        client = self._clients[name]
        try:
            program()
        except Abandoned:
            pass
        except BaseException as error:  # noqa: BLE001 - told in the thread of the test
            client.error = error
        client.is_done = True
        self._stopped.release()

    def _await_stop(self, name: str) -> None:
        if not self._stopped.acquire(timeout=LIMIT_S):
            raise TimeoutError(f"client {name} neither stopped nor ended within {LIMIT_S:g} s")
        error = self._clients[name].error
        assert error is None, f"client {name} ended with {error!r}"


class World(Protocol):
    """What the clients act on."""

    def reset(self) -> Mapping[str, Callable[[], None]]:
        """Put everything back to its beginning; gives the clients' programs by name."""
        ...

    def stepped(self, client: str, kind: Kind) -> None:
        """Look at what a step left behind."""
        ...

    def ended(self) -> None:
        """Look at what a whole order left behind."""
        ...


@dataclass
class _Choice:
    """A point of an order: who could go on there, who was tried, and whose turn makes no difference there."""

    waiting: dict[str, Kind]
    open: list[str]
    asleep: dict[str, Kind]
    tried: list[str] = field(default_factory=list)

    @property
    def chosen(self) -> str:
        return self.tried[-1]

    def next(self) -> bool:
        """Choose the next one that was not tried; False when there is none."""
        if self.open:
            self.tried.append(self.open.pop(0))
            return True
        return False

    def asleep_after(self) -> dict[str, Kind]:
        """Whose turn makes no difference after the chosen step: it was tried before it, and both only read."""
        if self.waiting[self.chosen] != "reading":
            return {}
        known = self.asleep | {name: self.waiting[name] for name in self.tried[:-1]}
        return {name: kind for name, kind in known.items() if kind == "reading"}


@dataclass
class Explored:
    """How many orders were run to their end, and how many were given up as equal to one of them."""

    orders: int = 0
    equal: int = 0


def explore(scheduler: Scheduler, world: World) -> Explored:
    """Run every order of the clients' steps.

    Raises:
        AssertionError: with the order, when the world is not as it must be.
    """
    trail: list[_Choice] = []
    found = Explored()
    while True:
        is_whole = _follow(scheduler, world, trail)
        found.orders += is_whole
        found.equal += not is_whole
        while trail and not trail[-1].next():
            trail.pop()
        if not trail:
            return found


def _follow(scheduler: Scheduler, world: World, trail: list[_Choice]) -> bool:
    """Run along the trail and from its end on; False when all that could follow was run already."""
    scheduler.start(world.reset())
    depth, asleep = 0, dict[str, Kind]()
    try:
        while waiting := scheduler.waiting():
            if depth == len(trail):
                choice = _Choice(waiting, [name for name in waiting if name not in asleep], asleep)
                if not choice.next():
                    return False
                trail.append(choice)
            choice = trail[depth]
            assert choice.waiting == waiting, "the clients do not do the same in the same order"
            asleep, depth = choice.asleep_after(), depth + 1
            kind = waiting[choice.chosen]
            scheduler.step(choice.chosen)
            world.stepped(choice.chosen, kind)
        world.ended()
    except AssertionError as error:
        order = ", ".join(f"{name} {kind}" for name, kind in scheduler.taken)
        raise AssertionError(f"after the order: {order}: {error}") from error
    finally:
        scheduler.end()
    return True
