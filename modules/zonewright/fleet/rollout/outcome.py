"""How far one host is, how it ended, and what can put it back: whatever is rolled out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from zonewright.fleet.rollout.waves import HostState
from zonewright.fleet.ssh.transport import (
    Session,
    Transport,
)


@dataclass(slots=True)
class Progress:
    """How far one host is; read by whoever has to say where it stands still.

    Attributes:
        step: the step that it is at.
        is_changing: whether something was sent that changes the host.
        is_switched: whether another release runs than before.
    """

    step: str = "connect"
    is_changing: bool = False
    is_switched: bool = False


Say = Callable[[str, str], None]


class Undo(Protocol):
    """What can put a host back that was changed."""

    progress: Progress

    def use(self, session: Session) -> None:
        """Go on in another session with the same host."""
        ...

    def let_go(self) -> None:
        """The session is closed; nothing of it is kept."""
        ...

    def verify_again(self, session: Session) -> None:
        """After the soak: it is still as it was found good."""
        ...

    def roll_back(self) -> str:
        """Put back what was there before; gives what that is."""
        ...


class HostAccess(Protocol):
    """How hosts are reached, and for how long."""

    @property
    def transport(self) -> Transport:
        """How hosts are reached."""
        ...

    @property
    def host_deadline_s(self) -> float:
        """For one host, all steps together."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How it ended for one host.

    Attributes:
        host: its name.
        state: in one word.
        sentence: why, where it is not as wanted.
        before: the release that ran before.
        after: the release that is meant to run now.
        step: the last step.
        elapsed_s: how long it took.
        installer: what can put it back, where it was changed.
        is_absent: whether nothing that speaks SSH answers there.
        sources: what the host's agent reads now; None where nobody looked.
    """

    host: str
    state: HostState
    sentence: str = ""
    before: str = ""
    after: str = ""
    step: str = ""
    elapsed_s: float = 0.0
    installer: Undo | None = field(default=None, repr=False, compare=False)
    is_absent: bool = False
    sources: tuple[str, ...] | None = None
